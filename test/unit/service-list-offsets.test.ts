import { describe, expect, test } from 'vitest'
import { readBatchHeader, withMaxTimestamp } from '../../shared/protocol/batch-header.ts'
import { changeHead } from '../support/calls.ts'
import {
  batchOf,
  createTopic,
  errorOf,
  fetchOne,
  listOne,
  produceOne,
  TOPIC,
} from '../support/log-requests.ts'
import { START_MS, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

const EARLIEST = -2
const LATEST = -1
const MAX_TIMESTAMP = -3
const NONE = { errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 }

/** Timestamps by offset: 100, 300 | 200, 250 | 300, 150 | 50, the first two batches in a page. */
async function timedLog(compression: 'none' | 'gzip' = 'none'): Promise<{ deps: TestDeps; topicId: string }> {
  const deps = await testDeps({ limits: TINY_LIMITS })
  const topicId = await createTopic(deps)
  for (const timestamps of [[100, 300], [200, 250], [300, 150], [50]]) {
    await produceOne(deps, batchOf(timestamps.length, { timestamps, compression }))
  }
  return { deps, topicId }
}

test('an empty log begins and ends at 0, and nothing is in it', async () => {
  const deps = await testDeps()
  await createTopic(deps)
  expect(await listOne(deps, EARLIEST)).toMatchObject({
    errorCode: 0,
    offset: 0,
    timestamp: -1,
    leaderEpoch: 0,
  })
  expect(await listOne(deps, LATEST)).toMatchObject({
    errorCode: 0,
    offset: 0,
    timestamp: -1,
    leaderEpoch: 0,
  })
  expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject(NONE)
  expect(await listOne(deps, 0)).toMatchObject(NONE)
})

describe('earliest and latest', () => {
  test('are where the log starts and where its readers’ view ends, with their epochs', async () => {
    const { deps, topicId } = await timedLog()
    await changeHead(deps, topicId, {
      logStartOffset: 2,
      leaderEpoch: 3,
      lineage: { 0: 0, 2: 1, 3: 7 },
      highWatermark: 6,
      openTransactions: { z: 4 },
    })
    expect(await listOne(deps, EARLIEST)).toMatchObject({ offset: 2, leaderEpoch: 2 })
    expect(await listOne(deps, LATEST)).toMatchObject({ offset: 6, leaderEpoch: 3 })
    expect(await listOne(deps, LATEST, { isolationLevel: 1 })).toMatchObject({ offset: 4 })
  })
})

describe('a timestamp', () => {
  test.each([
    {
      name: 'before all: the first record',
      timestamp: 0,
      expected: { offset: 0, timestamp: 100, leaderEpoch: 0 },
    },
    { name: 'of a record: that one', timestamp: 100, expected: { offset: 0, timestamp: 100 } },
    {
      name: 'later: the first in offset order, not the nearest in time',
      timestamp: 101,
      expected: { offset: 1, timestamp: 300 },
    },
    {
      name: 'that two records have: the first of them',
      timestamp: 300,
      expected: { offset: 1, timestamp: 300 },
    },
    { name: 'after all: nothing', timestamp: 301, expected: NONE },
  ])('$name', async ({ timestamp, expected }) => {
    for (const compression of ['none', 'gzip'] as const) {
      const { deps } = await timedLog(compression)
      expect(await listOne(deps, timestamp)).toMatchObject(expected)
    }
  })

  test('is looked for within the log and its readers’ view', async () => {
    const { deps, topicId } = await timedLog()
    await changeHead(deps, topicId, { logStartOffset: 2 })
    expect(await listOne(deps, 260)).toMatchObject({ offset: 4 })
    await changeHead(deps, topicId, { highWatermark: 4 })
    expect(await listOne(deps, 260)).toMatchObject(NONE)
    expect(await listOne(deps, 210, { isolationLevel: 1 })).toMatchObject({ offset: 3 })
  })

  test('of LogAppendTime is that of the append', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { configs: { 'message.timestamp.type': 'LogAppendTime' } })
    await produceOne(deps, batchOf(2, { timestamps: [5, 6] }))
    expect(await listOne(deps, 7)).toMatchObject({ offset: 0, timestamp: START_MS })
  })

  test('reads only the objects of batches that may hold it', async () => {
    const { deps } = await timedLog()
    for (const node of deps.nodes.values()) node.faults.calls.length = 0
    await listOne(deps, 300)
    const gets = [...deps.nodes.values()].flatMap(({ faults }) => faults.calls)
    expect(gets).toHaveLength(1)
  })

  test('in a batch that no replica has whole: an error, never a later offset', async () => {
    const { deps } = await timedLog()
    for (const node of deps.nodes.values()) node.faults.always(() => ({ fault: 'corrupt' }))
    expect(errorOf(await listOne(deps, 100))).toBe('KAFKA_STORAGE_ERROR')
    expect(deps.logged).toMatchObject([{ level: 'error' }])
  })
})

describe('max timestamp', () => {
  test('is the first record with the largest one', async () => {
    const { deps, topicId } = await timedLog()
    expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject({ offset: 1, timestamp: 300, leaderEpoch: 0 })
    await changeHead(deps, topicId, { logStartOffset: 2 })
    expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject({ offset: 4, timestamp: 300 })
    await changeHead(deps, topicId, { highWatermark: 4 })
    expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject({ offset: 3, timestamp: 250 })
  })
})

/** The batch with another max timestamp in its header. */
function claimingTimestamp(batch: Uint8Array, maxTimestamp: number): Uint8Array {
  return withMaxTimestamp(batch, { maxTimestamp })
}

/** A compressed batch whose records nobody can read. */
function garbage(maxTimestamp: number): Uint8Array {
  const batch = batchOf(1, { compression: 'gzip' }).fill(0x99, 61)
  return claimingTimestamp(claimingTimestamp(batch, 0), maxTimestamp)
}

const LATEST_OF_ALL = Number.MAX_SAFE_INTEGER

describe('a batch that claims another max timestamp than its records have', () => {
  test.each([0, LATEST_OF_ALL])('uncompressed, claiming %d: is stored with the true one', async (claimed) => {
    const deps = await testDeps()
    await createTopic(deps)
    await produceOne(deps, claimingTimestamp(batchOf(2, { timestamps: [100, 300] }), claimed))
    await produceOne(deps, batchOf(1, { timestamps: [200] }))
    expect(await listOne(deps, 150)).toMatchObject({ offset: 1, timestamp: 300 })
    expect(await listOne(deps, 301)).toMatchObject(NONE)
    expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject({ offset: 1, timestamp: 300 })
    const [stored] = (await fetchOne(deps, 0)).batches
    expect(readBatchHeader(stored ?? new Uint8Array(0), 0).maxTimestamp).toBe(300)
  })

  test('compressed: the max timestamp is still that of a record', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const timestamps = [50]
    await produceOne(deps, batchOf(1, { timestamps: [400] }))
    await produceOne(deps, claimingTimestamp(batchOf(1, { timestamps, compression: 'gzip' }), LATEST_OF_ALL))
    expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject({ offset: 0, timestamp: 400 })
    expect(await listOne(deps, 401)).toMatchObject(NONE)
  })

  test('compressed, with the time of a record before it: the first record counts', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    await produceOne(deps, batchOf(1, { timestamps: [400] }))
    await produceOne(
      deps,
      claimingTimestamp(batchOf(1, { timestamps: [400], compression: 'gzip' }), LATEST_OF_ALL),
    )
    expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject({ offset: 0, timestamp: 400 })
  })
})

describe('batches that nobody can decode', () => {
  test.each([1, 2, 1000])(
    'are passed over, and the log of the service says so; %d are kept in mind',
    async (maxTimestampCandidates) => {
      const deps = await testDeps({ limits: { maxTimestampCandidates } })
      await createTopic(deps)
      for (const maxTimestamp of [LATEST_OF_ALL, 7000, LATEST_OF_ALL]) {
        await produceOne(deps, garbage(maxTimestamp))
      }
      await produceOne(deps, batchOf(1, { timestamps: [9000] }))
      expect(await listOne(deps, 6000)).toMatchObject({ errorCode: 0, offset: 3, timestamp: 9000 })
      expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject({ offset: 3, timestamp: 9000 })
      expect(deps.logged[0]).toMatchObject({ level: 'warn', fields: { partition: 'orders-0', offset: 0 } })
    },
  )

  test('alone: there is no max timestamp', async () => {
    const deps = await testDeps({ limits: { maxTimestampCandidates: 1 } })
    await createTopic(deps)
    await produceOne(deps, garbage(5))
    expect(await listOne(deps, MAX_TIMESTAMP)).toMatchObject(NONE)
  })
})

test('a look through a long log lets others have their turn', async () => {
  const deps = await testDeps({ limits: TINY_LIMITS })
  await createTopic(deps)
  for (let count = 0; count < 100; count += 1) await produceOne(deps, batchOf(1))
  const before = deps.clock.breaks()
  await listOne(deps, 5000)
  expect(deps.clock.breaks() - before).toBeGreaterThan(2)
})

describe('errors', () => {
  test.each([
    { currentLeaderEpoch: 2, error: 'FENCED_LEADER_EPOCH' },
    { currentLeaderEpoch: 3, error: undefined },
    { currentLeaderEpoch: 4, error: 'UNKNOWN_LEADER_EPOCH' },
  ])('a caller of epoch $currentLeaderEpoch in epoch 3: $error', async ({ currentLeaderEpoch, error }) => {
    const { deps, topicId } = await timedLog()
    await changeHead(deps, topicId, { leaderEpoch: 3 })
    for (const timestamp of [EARLIEST, LATEST, MAX_TIMESTAMP, 100]) {
      expect(errorOf(await listOne(deps, timestamp, { currentLeaderEpoch }))).toBe(error)
    }
  })

  test('no leader, no offset', async () => {
    const { deps, topicId } = await timedLog()
    await changeHead(deps, topicId, { leader: undefined })
    expect(await listOne(deps, LATEST)).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE', offset: -1 })
  })

  test('an unknown topic', async () => {
    expect(errorOf(await listOne(await testDeps(), LATEST))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })
})
