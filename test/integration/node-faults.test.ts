import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { rowError, transport } from '../../client/index.ts'
import type { NodeAction } from '../../shared/protocol/api/node-faults.ts'
import { type DevProcess, startDev } from '../support/dev-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Longer than an election, or a catch-up of a record, takes. */
const FIT_AGAIN_MS = 20_000

let data: string
let dev: DevProcess

beforeEach(async () => {
  data = temporaryFolder()
  await start()
})

async function start(): Promise<void> {
  dev = await startDev({ dataDirectory: data })
  onTestFinished(dev.kill)
}

async function restart(): Promise<void> {
  expect(await dev.stop()).toBe(0)
  await start()
}

const log = () => transport({ endpoint: dev.endpoint })
const act = (nodeId: number, action: NodeAction) => log().nodeAction(nodeId, action)

/** Creates a topic of one partition without copies, and answers the node that has it. */
async function topicOnOneNode(): Promise<number> {
  const topic = { name: 'alone', numPartitions: 1, replicationFactor: 1 }
  const created = await log().call('create-topics', { topics: [topic] })
  expect(created.topics[0]?.errorCode).toBe(0)
  const { topics } = await log().call('metadata', { topics: [{ name: 'alone' }] })
  const [found] = topics
  if (found === undefined || !('partitions' in found)) throw new Error('no topic')
  return found.partitions[0]?.replicaNodes[0] ?? -1
}

/** Why a record is not written to it, if it is not. */
async function refusal(): Promise<string | undefined> {
  const partitions = [{ partitionIndex: 0, records: [{ value: 'YQ==' }] }]
  const { topics } = await log().call('produce', { topics: [{ name: 'alone', partitions }] })
  const row = topics[0]?.partitions[0]
  return row === undefined ? 'no row' : rowError(row)?.errorName
}

const untilWritten = () => vi.waitFor(async () => expect(await refusal()).toBeUndefined(), FIT_AGAIN_MS)

describe.each(['fail', 'hang'] as const)('a node that is made to %s', (fault) => {
  test('takes nothing, over a restart too, until it is restored', async () => {
    const nodeId = await topicOnOneNode()
    expect(await refusal()).toBeUndefined()
    expect(await act(nodeId, fault)).toEqual({ nodeId, fault })
    expect(await refusal()).toBeDefined()
    await restart()
    expect(await refusal()).toBeDefined()
    expect(await act(nodeId, 'restore')).toEqual({ nodeId, fault: null })
    await untilWritten()
    await restart()
    await untilWritten()
  })

  test('can be wiped, and the service starts without what it had', async () => {
    const nodeId = await topicOnOneNode()
    expect(await refusal()).toBeUndefined()
    const wal = join(data, 'nodes', String(nodeId), 'wal')
    expect(existsSync(wal)).toBe(true)
    await act(nodeId, fault)
    expect(await act(nodeId, 'wipe')).toEqual({ nodeId, fault })
    expect(existsSync(wal)).toBe(false)
    await act(nodeId, 'restore')
    await restart()
    expect((await fetch(`${dev.endpoint}/healthz`)).status).toBe(200)
    expect(existsSync(wal)).toBe(false)
  })
})

describe('the routes', () => {
  test.each([
    { name: 'a node that is not there', path: '/dev/nodes/3:fail', error: 'BROKER_ID_NOT_REGISTERED' },
    { name: 'a node that is no number', path: '/dev/nodes/one:wipe', error: 'BROKER_ID_NOT_REGISTERED' },
    { name: 'something that cannot be done', path: '/dev/nodes/1:forget', error: 'INVALID_REQUEST' },
    { name: 'a node alone', path: '/dev/nodes/1', error: 'INVALID_REQUEST' },
  ])('answer 404 for $name', async ({ path, error }) => {
    const answer = await fetch(`${dev.endpoint}${path}`, { method: 'POST' })
    expect(answer.status).toBe(404)
    expect(answer.headers.get('x-request-id')).toMatch(/^\w+$/)
    expect(await answer.json()).toMatchObject({ error_code: 404, kafka_error: error, effect: 'none' })
  })

  test('name the method they have', async () => {
    const answer = await fetch(`${dev.endpoint}/dev/nodes/1:fail`)
    expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'POST',
    })
  })

  test('refuse a web page of another origin', async () => {
    const nodeId = await topicOnOneNode()
    const headers = { origin: 'http://elsewhere.example' }
    const answer = await fetch(`${dev.endpoint}/dev/nodes/${nodeId}:fail`, { method: 'POST', headers })
    expect(answer.status).toBe(403)
    expect(await refusal()).toBeUndefined()
  })
})
