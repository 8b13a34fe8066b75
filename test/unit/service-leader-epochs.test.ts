import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { set } from '../../shared/core/update-plan.ts'
import { decodeFrame } from '../../shared/protocol/frame.ts'
import { offsetForLeaderEpoch } from '../../shared/service/offset-for-leader-epoch.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import { changeHead, isHeadRead, runAfter, runBefore } from '../support/calls.ts'
import { testService } from '../support/http-service.ts'
import { batchOf, createTopic, errorOf, fetchOne, produceOne, seen, TOPIC } from '../support/log-requests.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'

/** Epoch 0 wrote 0 to 3, of which an unclean election kept 0 to 1; epoch 3 wrote 2 to 4. */
const LINEAGE = { 0: 0, 3: 2 }

const isGet = ({ method }: { readonly method: string }) => method === 'get'

async function truncatedLog(): Promise<{ deps: TestDeps; topicId: string }> {
  const deps = await testDeps()
  const topicId = await createTopic(deps)
  await produceOne(deps, batchOf(2, { value: 'a' }))
  await changeHead(deps, topicId, { leaderEpoch: 3, partitionEpoch: 1, lineage: LINEAGE })
  await produceOne(deps, batchOf(3, { value: 'b' }))
  return { deps, topicId }
}

async function endOfEpoch(deps: TestDeps, leaderEpoch: number, currentLeaderEpoch = -1) {
  const partitions = [{ partitionIndex: 0, leaderEpoch, currentLeaderEpoch }]
  const { topics } = await offsetForLeaderEpoch(deps, { topics: [{ name: TOPIC, partitions }] })
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new Error('no row was answered')
  return row
}

describe('offset-for-leader-epoch', () => {
  test.each([
    { name: 'an epoch that ended', asked: 0, leaderEpoch: 0, endOffset: 2 },
    { name: 'one that left nothing', asked: 2, leaderEpoch: 0, endOffset: 2 },
    { name: 'the current one ends with the log', asked: 3, leaderEpoch: 3, endOffset: 5 },
    { name: 'one that is still to come', asked: 4, leaderEpoch: -1, endOffset: -1 },
    { name: 'none', asked: -1, leaderEpoch: -1, endOffset: -1 },
  ])('$name', async ({ asked, leaderEpoch, endOffset }) => {
    const { deps } = await truncatedLog()
    expect(await endOfEpoch(deps, asked)).toEqual({
      partitionIndex: 0,
      errorCode: 0,
      leaderEpoch,
      endOffset,
    })
  })

  test('ends with the log, not with what consumers see', async () => {
    const { deps, topicId } = await truncatedLog()
    await changeHead(deps, topicId, { highWatermark: 3 })
    expect(await endOfEpoch(deps, 3)).toMatchObject({ endOffset: 5 })
  })

  test.each([
    { currentLeaderEpoch: 2, error: 'FENCED_LEADER_EPOCH' },
    { currentLeaderEpoch: 3, error: undefined },
    { currentLeaderEpoch: 4, error: 'UNKNOWN_LEADER_EPOCH' },
  ])('to a caller of epoch $currentLeaderEpoch in epoch 3: $error', async ({ currentLeaderEpoch, error }) => {
    const { deps } = await truncatedLog()
    expect(errorOf(await endOfEpoch(deps, 0, currentLeaderEpoch))).toBe(error)
  })

  test('answers each partition for itself', async () => {
    const { deps } = await truncatedLog()
    const partitions = [0, 7].map((partitionIndex) => ({
      partitionIndex,
      leaderEpoch: 0,
      currentLeaderEpoch: -1,
    }))
    const { topics } = await offsetForLeaderEpoch(deps, { topics: [{ name: TOPIC, partitions }] })
    expect(topics[0]?.partitions).toMatchObject([
      { partitionIndex: 0, errorCode: 0, endOffset: 2 },
      { partitionIndex: 7, errorName: 'UNKNOWN_TOPIC_OR_PARTITION', leaderEpoch: -1, endOffset: -1 },
    ])
    const twice = { topics: [{ name: TOPIC, partitions: [...partitions, ...partitions] }] }
    await expect(offsetForLeaderEpoch(deps, twice)).rejects.toMatchObject({ errorName: 'INVALID_REQUEST' })
  })
})

describe('a fetch that says which epoch it read last', () => {
  test.each([
    { name: 'reads on within it', lastFetchedEpoch: 3, offset: 5, values: [] },
    { name: 'reads on where the next one begins', lastFetchedEpoch: 0, offset: 2, values: ['b'] },
    { name: 'reads on from below its end', lastFetchedEpoch: 0, offset: 1, values: ['a', 'b'] },
  ])('$name', async ({ lastFetchedEpoch, offset, values }) => {
    const { deps } = await truncatedLog()
    const row = await fetchOne(deps, offset, { lastFetchedEpoch })
    expect(row).toMatchObject({ errorCode: 0, nextOffset: 5 })
    expect(row).not.toHaveProperty('divergingEpoch')
    expect(seen(row.batches).map(({ value }) => value)).toEqual(values)
  })

  test.each([
    { name: 'it ended below the offset', lastFetchedEpoch: 0, offset: 4, epoch: 0, endOffset: 2 },
    { name: 'it left nothing', lastFetchedEpoch: 2, offset: 1, epoch: 0, endOffset: 2 },
    {
      name: 'it ended below the offset, which the log does not reach',
      lastFetchedEpoch: 0,
      offset: 9,
      epoch: 0,
      endOffset: 2,
    },
    {
      name: 'it is the current one, and ends below the offset',
      lastFetchedEpoch: 3,
      offset: 6,
      epoch: 3,
      endOffset: 5,
    },
  ])('is told where the logs parted: $name', async ({ lastFetchedEpoch, offset, epoch, endOffset }) => {
    const { deps } = await truncatedLog()
    expect(await fetchOne(deps, offset, { lastFetchedEpoch, maxWaitMs: 1000 })).toEqual({
      partitionIndex: 0,
      errorCode: 0,
      highWatermark: 5,
      lastStableOffset: 5,
      logStartOffset: 0,
      abortedTransactions: [],
      divergingEpoch: { epoch, endOffset },
      nextOffset: offset,
      batches: [],
    })
    expect(deps.clock.sleptMs).toEqual([])
  })

  test.each([
    { name: 'an epoch that is still to come', lastFetchedEpoch: 4, offset: 2, logStartOffset: 0 },
    {
      name: 'an offset that is deleted, diverging or not',
      lastFetchedEpoch: 2,
      offset: 1,
      logStartOffset: 2,
    },
  ])('is out of range: $name', async ({ lastFetchedEpoch, offset, logStartOffset }) => {
    const { deps, topicId } = await truncatedLog()
    await changeHead(deps, topicId, { logStartOffset })
    expect(errorOf(await fetchOne(deps, offset, { lastFetchedEpoch }))).toBe('OFFSET_OUT_OF_RANGE')
  })

  test('is fenced first', async () => {
    const { deps } = await truncatedLog()
    const row = await fetchOne(deps, 4, { lastFetchedEpoch: 0, currentLeaderEpoch: 2 })
    expect(errorOf(row)).toBe('FENCED_LEADER_EPOCH')
  })

  test('is told as soon as the log is truncated under a wait', async () => {
    const { deps, topicId } = await truncatedLog()
    const truncated = { leaderEpoch: 4, lineage: { 0: 0, 3: 2, 4: 3 }, logEndOffset: 3, highWatermark: 3 }
    deps.clock.duringNextSleep(() => changeHead(deps, topicId, truncated))
    const row = await fetchOne(deps, 5, { lastFetchedEpoch: 3, maxWaitMs: 1000 })
    expect(row).toMatchObject({ divergingEpoch: { epoch: 3, endOffset: 3 }, nextOffset: 5 })
    expect(deps.clock.sleptMs).toEqual([50])
  })

  test('is told also when the log is truncated, and written anew, between its plan and its read', async () => {
    const { deps, topicId } = await truncatedLog()
    for (const value of ['read', 'lost']) await produceOne(deps, batchOf(1, { value })) // 5 and 6 of epoch 3
    const { tail } = await storedHead(deps, topicId)
    const election = async () => {
      await changeHead(deps, topicId, {
        leaderEpoch: 4,
        partitionEpoch: 2,
        lineage: { ...LINEAGE, 4: 5 },
        logEndOffset: 5,
        highWatermark: 5,
        tail: Object.fromEntries(Object.entries(tail).filter(([, baseOffset]) => baseOffset < 5)),
      })
      await produceOne(otherEnvironment(deps), batchOf(3, { value: 'other' })) // 5 to 7 of epoch 4
    }
    for (const { faults } of deps.nodes.values()) faults.once(isGet, { fault: 'missing' })
    deps.documents.faults.once(
      isHeadRead,
      runAfter(async () => undefined),
    )
    deps.documents.faults.once(isHeadRead, runBefore(election))
    const row = await fetchOne(deps, 6, { lastFetchedEpoch: 3 })
    expect(row).toMatchObject({ divergingEpoch: { epoch: 3, endOffset: 5 }, nextOffset: 6, batches: [] })
    expect(seen((await fetchOne(deps, 6, { lastFetchedEpoch: 4 })).batches)).toMatchObject([
      { baseOffset: 5, value: 'other', leaderEpoch: 4 },
    ])
  })
})

describe('over HTTP', () => {
  let service: Awaited<ReturnType<typeof testService>>
  beforeAll(async () => {
    service = await testService()
    const topicId = await createTopic(service.deps)
    const value = '"a"'
    await produceOne(service.deps, batchOf(2, { value }))
    const changes = [set(['leaderEpoch'], 3), set(['partitionEpoch'], 1), set(['lineage'], LINEAGE)]
    await service.deps.documents.update(headKey(topicId, 0), encodeHeadPlan({ checks: [], changes }))
    service.deps.caches.heads.clear()
    await produceOne(service.deps, batchOf(3, { value }))
  })
  afterAll(() => service.close())

  const body = {
    topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, fetchOffset: 4, lastFetchedEpoch: 0 }] }],
  }
  const divergingEpoch = { epoch: 0, endOffset: 2 }

  test('a fetch in JSON says where the logs parted', async () => {
    const { json } = await service.send({ path: '/v1/fetch', body })
    expect(json).toMatchObject({
      topics: [{ partitions: [{ errorCode: 0, divergingEpoch, nextOffset: 4, records: [] }] }],
    })
  })

  test('a frame does too', async () => {
    const headers = { accept: 'application/vnd.stratolog.frame' }
    const { bytes } = await service.send({ path: '/v1/fetch', body, headers })
    expect(decodeFrame(bytes, 10_000).header).toMatchObject({
      topics: [{ partitions: [{ errorCode: 0, divergingEpoch, byteLength: 0 }] }],
    })
  })

  test('offset-for-leader-epoch answers, and needs an epoch', async () => {
    const path = '/v1/offset-for-leader-epoch'
    const ask = (row: object) => ({ path, body: { topics: [{ name: TOPIC, partitions: [row] }] } })
    expect((await service.send(ask({ partitionIndex: 0, leaderEpoch: 0 }))).json).toEqual({
      topics: [
        { name: TOPIC, partitions: [{ partitionIndex: 0, errorCode: 0, leaderEpoch: 0, endOffset: 2 }] },
      ],
    })
    expect(await service.send(ask({ partitionIndex: 0 }))).toMatchObject({
      status: 400,
      json: { message: expect.stringContaining('topics[0].partitions[0].leaderEpoch') },
    })
  })

  const records = (query: string) => ({ path: `/topics/${TOPIC}/partitions/0/records?${query}` })

  test('a page of records after an epoch that was cut off is FENCED_LEADER_EPOCH', async () => {
    expect(await service.send(records('offset=4&leader_epoch=0'))).toMatchObject({
      status: 400,
      json: { error_code: 40002, kafka_error: 'FENCED_LEADER_EPOCH', effect: 'none' },
    })
  })

  test('one after an epoch that is whole goes on, and names the epoch of its last record', async () => {
    const answer = await service.send(records('offset=2&leader_epoch=0'))
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'X-Next-Offset': '5', 'X-Leader-Epoch': '3' },
    })
    expect(await service.send(records('offset=5&leader_epoch=3&timeout=0'))).toMatchObject({
      status: 200,
      text: '[]',
    })
  })
})
