import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, apiAs } from './api.ts'
import { ROOT } from './iam.ts'
import type { CurlAnswer } from './signed-curl.ts'
import { json, type Subject, TOPIC } from './steps.ts'

const CONTROLLER = 'Stratolog-controller'
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

/** A bucket without the object that names it is found out by the controller, and filled from the others by the background function. */
export async function recoverRenamedNode(subject: Subject): Promise<void> {
  const nodeId = 2
  await recovers(subject, nodeId, async () => {
    await deleteObject(subject, nodeId, 'incarnation')
    const woken = await invoke(subject, { task: 'controller' }, 'Event')
    assert.equal(woken.status, 202, String(woken.body))
  })
}

/** A fetch that misses the leader's objects is answered from other buckets, and wakes the controller, which has them copied. */
export async function recoverLostObjects(subject: Subject): Promise<void> {
  const api = apiOf(subject)
  const nodeId: number = (await describePartition(api)).leaderId
  const { incarnation } = await describeNode(api, nodeId)
  const values = await api.fetchFrame(TOPIC, 0)
  for (const key of await walObjects(subject, nodeId)) await deleteObject(subject, nodeId, key)
  // Each record came in a batch, and so in an object, of its own; objects that no head refers to are not copied.
  await until('the objects are there again, and the replica in sync', async () => {
    assert.deepEqual(await api.fetchFrame(TOPIC, 0), values)
    const objects = (await walObjects(subject, nodeId)).length
    const { isrNodes } = await describePartition(api)
    return { done: objects === values.length && isrNodes.includes(nodeId), seen: { objects, isrNodes } }
  })
  // The bucket is the same one: nothing else that it has was given up.
  assert.equal((await describeNode(api, nodeId)).incarnation, incarnation)
}

/** Has something befall a storage node: it gets another incarnation, and its replica comes back into the ISR. */
async function recovers(subject: Subject, nodeId: number, befall: () => Promise<void>): Promise<void> {
  const api = apiOf(subject)
  const { incarnation } = await describeNode(api, nodeId)
  const values = await api.fetchFrame(TOPIC, 0)
  await befall()
  await until('the node has another incarnation and is UP', async () => {
    const node = await describeNode(api, nodeId)
    return { done: node.incarnation === incarnation + 1 && node.state === 'UP', seen: node }
  })
  await until('the replica is in sync again', async () => {
    const partition = await describePartition(api)
    return { done: partition.isrNodes.includes(nodeId), seen: partition }
  })
  assert.deepEqual(await api.fetchFrame(TOPIC, 0), values)
}

function apiOf({ caller, deployment, curl }: Subject): Api {
  return apiAs(caller, deployment, curl)
}

async function deleteObject(subject: Subject, nodeId: number, key: string): Promise<void> {
  const { status, body } = await s3(subject, `${subject.deployment.nodeBuckets[nodeId]}/${key}`, 'DELETE')
  assert.equal(status, 204, String(body))
}

/** Keys of the WAL objects that a storage node has. */
async function walObjects(subject: Subject, nodeId: number): Promise<readonly string[]> {
  const { body } = await s3(subject, `${subject.deployment.nodeBuckets[nodeId]}?list-type=2&prefix=wal%2F`)
  return [...String(body).matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key)
}

function s3({ aws, curl }: Subject, path: string, method?: 'DELETE'): Promise<CurlAnswer> {
  const url = `${aws.endpoint}/${path}`
  return curl({ url, caller: ROOT, service: 's3', ...(method === undefined ? {} : { method }) })
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

async function describeNode(api: Api, nodeId: number) {
  return json(await api.post('/v1/describe-cluster', {})).nodes[nodeId]
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
