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

/** Creates the topic, of one partition, and answers the node that leads it. */
async function topicOn(replicationFactor: number): Promise<number> {
  const topic = { name: 'log', numPartitions: 1, replicationFactor }
  const created = await log().call('create-topics', { topics: [topic] })
  expect(created.topics[0]?.errorCode).toBe(0)
  return (await partition()).leaderId
}

async function partition() {
  const { topics } = await log().call('metadata', { topics: [{ name: 'log' }] })
  const [topic] = topics
  if (topic === undefined || !('partitions' in topic)) throw new Error('no topic')
  const [found] = topic.partitions
  if (found === undefined || !('leaderId' in found)) throw new Error('no partition')
  return found
}

async function nodeIs(nodeId: number) {
  const { nodes } = await log().call('describe-cluster', {})
  return nodes.find((node) => node.nodeId === nodeId)
}

/** Why a record is not written to it, if it is not. */
async function refusal(): Promise<string | undefined> {
  const partitions = [{ partitionIndex: 0, records: [{ value: 'YQ==' }] }]
  const { topics } = await log().call('produce', { topics: [{ name: 'log', partitions }] })
  const row = topics[0]?.partitions[0]
  return row === undefined ? 'no row' : rowError(row)?.errorName
}

const soon = (check: () => Promise<void>) => vi.waitFor(check, FIT_AGAIN_MS)
const untilWritten = () => soon(async () => expect(await refusal()).toBeUndefined())

describe.each(['fail', 'hang'] as const)('a node that is made to %s', (fault) => {
  test('takes nothing, over a restart too, until it is restored', async () => {
    const nodeId = await topicOn(1)
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
    const nodeId = await topicOn(1)
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

describe('a log of three replicas', () => {
  test.each(['fail', 'hang'] as const)(
    'goes on without a leader that is made to %s, and has it back',
    async (fault) => {
      const nodeId = await topicOn(3)
      await untilWritten()
      await act(nodeId, fault)
      await untilWritten()
      expect((await partition()).leaderId).not.toBe(nodeId)
      expect(await nodeIs(nodeId)).toMatchObject({ state: 'DOWN', incarnation: 1 })
      await act(nodeId, 'restore')
      await soon(async () => expect((await partition()).isrNodes).toHaveLength(3))
      expect(await nodeIs(nodeId)).toMatchObject({ state: 'UP', incarnation: 1, holdDownUntilMs: 0 })
    },
  )

  test('is copied again to a node that was wiped, of which nobody was told', async () => {
    const nodeId = await topicOn(3)
    await untilWritten()
    await act(nodeId, 'wipe')
    await restart() // a start looks at every node
    await soon(async () => {
      expect(await nodeIs(nodeId)).toMatchObject({ state: 'UP', incarnation: 2 })
      expect((await partition()).isrNodes).toHaveLength(3)
    })
    expect(existsSync(join(data, 'nodes', String(nodeId), 'wal'))).toBe(true)
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
    const nodeId = await topicOn(1)
    const headers = { origin: 'http://elsewhere.example' }
    const answer = await fetch(`${dev.endpoint}/dev/nodes/${nodeId}:fail`, { method: 'POST', headers })
    expect(answer.status).toBe(403)
    expect(await refusal()).toBeUndefined()
  })
})
