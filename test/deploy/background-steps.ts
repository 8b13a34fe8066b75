import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, apiAs } from './api.ts'
import { ROOT } from './iam.ts'
import type { CurlAnswer } from './signed-curl.ts'
import { json, type Subject, TOPIC } from './steps.ts'

const CONTROLLER = 'Stratolog-controller'
/** The node that loses its name. */
const NODE_ID = 2
const POLL_MS = 200
const DEADLINE_MS = 30_000

/** A tick does its look with the grants it has, and an event that is none is dropped. */
export async function tickOfController(subject: Subject): Promise<void> {
  for (const event of [{ tick: true }, { task: 'unknown' }]) {
    const { status, body } = await invoke(subject, event, 'RequestResponse')
    assert.deepEqual(
      [status, String(body)],
      [200, 'null'],
      `controller failed event=${JSON.stringify(event)}`,
    )
  }
}

/**
 * A bucket that is not the one it was is found out by the controller, which has the partition's replica made anew by the
 * background function, from the other buckets.
 */
export async function recoverNode(subject: Subject): Promise<void> {
  const { aws, deployment, curl, caller } = subject
  const api = apiAs(caller, deployment, curl)
  const before = await api.fetchFrame(TOPIC, 0)
  const incarnation = (await describeNode(api)).incarnation
  const url = `${aws.endpoint}/${deployment.nodeBuckets[NODE_ID]}/incarnation`
  const deleted = await curl({ url, method: 'DELETE', caller: ROOT, service: 's3' })
  assert.equal(deleted.status, 204, String(deleted.body))
  const woken = await invoke(subject, { task: 'controller' }, 'Event')
  assert.equal(woken.status, 202, String(woken.body))
  await until('the node has another incarnation and is UP', async () => {
    const node = await describeNode(api)
    return { done: node.incarnation === incarnation + 1 && node.state === 'UP', seen: node }
  })
  await until('the replica is in sync again', async () => {
    const partition = await describePartition(api)
    return { done: partition.isrNodes.length === 3, seen: partition }
  })
  assert.deepEqual(await api.fetchFrame(TOPIC, 0), before)
  assert.equal(json(await api.post('/v1/describe-cluster', {})).controller.epoch > 0, true)
  assert.equal(json(await api.produceFrame(TOPIC, 'recovered')).topics[0].partitions[0].errorCode, 0)
}

function invoke(
  { aws, curl }: Subject,
  event: unknown,
  type: 'Event' | 'RequestResponse',
): Promise<CurlAnswer> {
  return curl({
    url: `${aws.endpoint}/2015-03-31/functions/${CONTROLLER}/invocations`,
    headers: { 'content-type': 'application/json', 'x-amz-invocation-type': type },
    body: JSON.stringify(event),
    caller: ROOT,
    service: 'lambda',
  })
}

async function describeNode(api: Api) {
  return json(await api.post('/v1/describe-cluster', {})).nodes[NODE_ID]
}

async function describePartition(api: Api) {
  return json(await api.post('/v1/metadata', { topics: [{ name: TOPIC }] })).topics[0].partitions[0]
}

async function until(
  what: string,
  look: () => Promise<{ readonly done: boolean; readonly seen: unknown }>,
): Promise<void> {
  const endMs = Date.now() + DEADLINE_MS
  for (;;) {
    const { done, seen } = await look()
    if (done) return
    if (Date.now() >= endMs) throw new Error(`not so yet: ${what} seen=${JSON.stringify(seen)}`)
    await sleep(POLL_MS)
  }
}
