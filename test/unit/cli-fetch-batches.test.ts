import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchBatches, isWholeRead, type Reading, recordsOf } from '../../cli/fetch-batches.ts'
import { readTopic } from '../../cli/find-topic.ts'
import { waitingPartition } from '../../cli/position.ts'
import type { StartOffset } from '../../cli/start-offset.ts'
import { transport } from '../../client/index.ts'
import { type Change, remove, set } from '../../shared/core/update-plan.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import { testService } from '../support/http-service.ts'
import { batchOf, createTopic, produceOne, TOPIC } from '../support/log-requests.ts'

let service: Awaited<ReturnType<typeof testService>>
beforeEach(async () => {
  service = await testService()
})
afterEach(() => service.close())

/** Answers the client's calls in this process. */
const send: typeof fetch = async (url, init) => {
  const { pathname } = new URL(String(url))
  const headers = Object.fromEntries(new Headers(init?.headers))
  const body = Buffer.from(await new Response(init?.body).arrayBuffer())
  const answer = await service.send({ method: 'POST', path: pathname, headers, body })
  return new Response(Buffer.from(answer.bytes), { status: answer.status, headers: { ...answer.headers } })
}

/** A reading of the topic as it is now, by a clock that only its own sleeps move. */
async function readingOf(options: { start: StartOffset; stopAt: 'end' | 'never' }) {
  const told: (string | undefined)[] = []
  let nowMs = 0
  const client = transport({
    endpoint: 'http://localhost:8082',
    fetch: send,
    deps: {
      now: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms
      },
    },
  })
  const { signal } = new AbortController()
  const topic = await readTopic(client, { name: TOPIC, partition: undefined }, signal)
  const reading: Reading = {
    transport: client,
    topic,
    plan: { ...options, isolationLevel: 1 },
    positions: [],
    waiting: topic.partitions.map(waitingPartition),
    onRows: (error) => told.push(error?.message),
    signal,
  }
  return { reading, told }
}

const fromStart = { start: { from: 'start' }, stopAt: 'never' } as const

/** What one fetch brings, as `partition: records`. */
async function fetched(reading: Reading): Promise<string[]> {
  const batches = await fetchBatches(reading)
  return batches.map((batch) => `${batch.partition}: ${recordsOf(reading, batch).length}`).sort()
}

/** Puts the partition's head into another state. */
async function change(topicId: string, partition: number, changes: readonly Change[]): Promise<void> {
  await service.deps.documents.update(headKey(topicId, partition), encodeHeadPlan({ checks: [], changes }))
}

const fence = [remove(['leader']), set(['leaderEpoch'], 1), set(['partitionEpoch'], 1)]

/** A topic of two partitions with 1 and 2 records, of which the second has no leader. */
async function createHalfLed(): Promise<{ topicId: string; elect: () => Promise<void> }> {
  const topicId = await createTopic(service.deps, TOPIC, { partitions: 2 })
  await produceOne(service.deps, batchOf(1))
  await produceOne(service.deps, batchOf(2), { partitionIndex: 1 })
  const { reading } = await readingOf(fromStart)
  const leader = `${reading.topic.partitions[1]?.leaderId}.1`
  await change(topicId, 1, fence)
  return { topicId, elect: () => change(topicId, 1, [set(['leader'], leader)]) }
}

describe('a partition without a leader at the start', () => {
  test('is waited for and told of while the others are read', async () => {
    const { elect } = await createHalfLed()
    const { reading, told } = await readingOf(fromStart)
    expect(await fetched(reading)).toEqual(['0: 1'])
    expect(told).toEqual([`partition has no leader partition=${TOPIC}-1`])
    await elect()
    expect(await fetched(reading)).toEqual(['1: 2'])
    expect(told.at(-1)).toBeUndefined()
  })

  test('begins at its end as it is when it has a leader again', async () => {
    const { elect } = await createHalfLed()
    const { reading } = await readingOf({ start: { from: 'end' }, stopAt: 'end' })
    await fetched(reading)
    expect(reading.positions).toMatchObject([{ partition: 0, nextOffset: 1 }])
    await elect()
    await fetched(reading)
    expect(reading.positions).toContainEqual(expect.objectContaining({ partition: 1, nextOffset: 2 }))
  })

  test('ends a reading to the end after the delivery time-out, and is named', async () => {
    await createHalfLed()
    const { reading } = await readingOf({ start: { from: 'start' }, stopAt: 'end' })
    expect(await fetched(reading)).toEqual(['0: 1'])
    const readOn = async () => {
      while (!isWholeRead(reading)) await fetchBatches(reading)
    }
    await expect(readOn()).rejects.toMatchObject({
      errorName: 'LEADER_NOT_AVAILABLE',
      message: `partition has no leader partition=${TOPIC}-1 notRead=${TOPIC}-1`,
    })
    expect(reading.transport.now()).toBeGreaterThanOrEqual(120_000)
  })
})

test('a reader of a log that an unclean election cut below its position stops, and says where to go on', async () => {
  const topicId = await createTopic(service.deps)
  await produceOne(service.deps, batchOf(4))
  const { reading } = await readingOf(fromStart)
  expect(await fetched(reading)).toEqual(['0: 4'])
  expect(reading.positions).toMatchObject([{ nextOffset: 4, lastFetchedEpoch: 0 }])

  const lineage = { 0: 0, 1: 0 } // nothing was kept
  await change(topicId, 0, [set(['leaderEpoch'], 1), set(['partitionEpoch'], 1), set(['lineage'], lineage)])

  expect(await fetchBatches(reading)).toEqual([]) // refused for its old leader epoch, and told the new one
  expect(reading.positions).toMatchObject([{ nextOffset: 4, currentLeaderEpoch: 1 }])
  await expect(fetchBatches(reading)).rejects.toMatchObject({
    errorName: 'FENCED_LEADER_EPOCH',
    message:
      'what was read is not in the log any more partition=orders-0 offset=4; to read what is there instead: -p 0 -o 0',
  })
})
