import { describe, expect, test } from 'vitest'
import { type FetchRequest, fetchRequest } from '../../shared/protocol/api/fetch.ts'
import { deleteTopics } from '../../shared/service/delete-topics.ts'
import { fetch } from '../../shared/service/fetch.ts'
import { changeHead, isHeadRead, runBefore } from '../support/calls.ts'
import type { ObjectFault } from '../support/faulty-store.ts'
import {
  batchOf,
  createTopic,
  errorOf,
  fetchAll,
  fetchOne,
  produceOne,
  seen,
  TOPIC,
} from '../support/log-requests.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'

/** Batches a (0–1), b (2–4) and c (5). */
async function threeBatches(): Promise<{ deps: TestDeps; topicId: string }> {
  const deps = await testDeps()
  const topicId = await createTopic(deps)
  await produceOne(deps, batchOf(2, { value: 'a' }))
  await produceOne(deps, batchOf(3, { value: 'b' }))
  await produceOne(deps, batchOf(1, { value: 'c' }))
  return { deps, topicId }
}
const valuesOf = (row: { readonly batches: readonly Uint8Array[] }) =>
  seen(row.batches).map(({ value }) => value)
const ask = (topics: unknown, changes: Partial<FetchRequest> = {}): FetchRequest => ({
  ...fetchRequest.parse({ topics }),
  maxWaitMs: 0,
  ...changes,
})

describe('offsets', () => {
  test.each([
    { name: 'the first offset', offset: 0, expected: ['a', 'b', 'c'], nextOffset: 6 },
    { name: 'one within a batch, which comes whole', offset: 3, expected: ['b', 'c'], nextOffset: 6 },
    { name: 'the end of the log, where nothing is yet', offset: 6, expected: [], nextOffset: 6 },
  ])('$name', async ({ offset, expected, nextOffset }) => {
    const { deps } = await threeBatches()
    const row = await fetchOne(deps, offset)
    expect(row).toMatchObject({
      errorCode: 0,
      nextOffset,
      highWatermark: 6,
      lastStableOffset: 6,
      logStartOffset: 0,
    })
    expect(valuesOf(row)).toEqual(expected)
  })

  test.each([-1, 7, 1e15])('outside the log %d is OFFSET_OUT_OF_RANGE', async (offset) => {
    const { deps } = await threeBatches()
    expect(await fetchOne(deps, offset)).toMatchObject({
      errorName: 'OFFSET_OUT_OF_RANGE',
      highWatermark: -1,
      batches: [],
    })
  })

  test('below the start of the log they are out of range, at it they are not', async () => {
    const { deps, topicId } = await threeBatches()
    await changeHead(deps, topicId, { logStartOffset: 2 })
    expect(errorOf(await fetchOne(deps, 1))).toBe('OFFSET_OUT_OF_RANGE')
    expect(await fetchOne(deps, 2)).toMatchObject({ errorCode: 0, logStartOffset: 2 })
  })

  test('I13: at or above the high watermark there is nothing, and no error', async () => {
    const { deps, topicId } = await threeBatches()
    await changeHead(deps, topicId, { highWatermark: 2 })
    expect(valuesOf(await fetchOne(deps, 0))).toEqual(['a'])
    for (const offset of [2, 4, 6]) {
      expect(await fetchOne(deps, offset)).toMatchObject({
        errorCode: 0,
        batches: [],
        nextOffset: offset,
        highWatermark: 2,
      })
    }
  })

  test('I13: read_committed ends at the last stable offset', async () => {
    const { deps, topicId } = await threeBatches()
    await changeHead(deps, topicId, { openTransactions: { z: 5, y: 2 } })
    const row = await fetchOne(deps, 0, { isolationLevel: 1 })
    expect(row).toMatchObject({ lastStableOffset: 2, highWatermark: 6 })
    expect(valuesOf(row)).toEqual(['a'])
    expect(valuesOf(await fetchOne(deps, 0, { isolationLevel: 0 }))).toEqual(['a', 'b', 'c'])
  })

  test('every batch carries its offset and the epoch it was written in', async () => {
    const { deps, topicId } = await threeBatches()
    await changeHead(deps, topicId, { leaderEpoch: 4, partitionEpoch: 1, lineage: { 0: 0, 4: 6 } })
    await produceOne(deps, batchOf(1, { value: 'd' }))
    expect(await fetchAll(deps)).toMatchObject([
      { baseOffset: 0, leaderEpoch: 0 },
      { baseOffset: 2, leaderEpoch: 0 },
      { baseOffset: 5, leaderEpoch: 0 },
      { baseOffset: 6, leaderEpoch: 4 },
    ])
  })
})

describe('the caller’s leader epoch', () => {
  test.each([
    { currentLeaderEpoch: -1, error: undefined },
    { currentLeaderEpoch: 3, error: undefined },
    { currentLeaderEpoch: 2, error: 'FENCED_LEADER_EPOCH' },
    { currentLeaderEpoch: 4, error: 'UNKNOWN_LEADER_EPOCH' },
  ])('$currentLeaderEpoch in epoch 3: $error', async ({ currentLeaderEpoch, error }) => {
    const { deps, topicId } = await threeBatches()
    await changeHead(deps, topicId, { leaderEpoch: 3 })
    expect(errorOf(await fetchOne(deps, 0, { currentLeaderEpoch }))).toBe(error)
  })

  test('is checked before the offset, and a missing leader before it', async () => {
    const { deps, topicId } = await threeBatches()
    await changeHead(deps, topicId, { leaderEpoch: 3 })
    expect(errorOf(await fetchOne(deps, 99, { currentLeaderEpoch: 2 }))).toBe('FENCED_LEADER_EPOCH')
    await changeHead(deps, topicId, { leader: undefined })
    expect(errorOf(await fetchOne(deps, 99, { currentLeaderEpoch: 2 }))).toBe('LEADER_NOT_AVAILABLE')
  })
})

describe('sizes', () => {
  const bytes = batchOf(1, { value: 'c' }).length

  test.each([
    {
      name: 'a batch larger than asked for is given, alone',
      options: { partitionMaxBytes: 1 },
      expected: ['a'],
    },
    { name: 'or asked for in all', options: { maxBytes: 0 }, expected: ['a'] },
    { name: 'as many as fit', options: { partitionMaxBytes: 3 * bytes }, expected: ['a', 'b'] },
  ])('$name', async ({ options, expected }) => {
    const { deps } = await threeBatches()
    expect(valuesOf(await fetchOne(deps, 0, options))).toEqual(expected)
  })

  test('KIP-74: the first partition that has data gives a batch whatever its size, the others what fits', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { partitions: 3 })
    for (const partitionIndex of [1, 2]) await produceOne(deps, batchOf(1), { partitionIndex })
    const partitions = [0, 1, 2].map((partitionIndex) => ({
      partitionIndex,
      fetchOffset: 0,
      partitionMaxBytes: 1,
    }))
    const { topics } = await fetch(deps, ask([{ name: TOPIC, partitions }]))
    expect(topics[0]?.partitions.map(({ batches }) => batches.length)).toEqual([0, 1, 0])
  })

  test('what a page and the tail hold comes in one answer', async () => {
    const deps = await testDeps({ limits: { pageEntries: 2 } })
    await createTopic(deps)
    for (const value of ['a', 'b', 'c', 'd', 'e']) await produceOne(deps, batchOf(1, { value }))
    expect(valuesOf(await fetchOne(deps, 1))).toEqual(['b', 'c', 'd', 'e'])
  })
})

describe('a fetch that waits', () => {
  test('ends when something came, though nobody told it', async () => {
    const { deps } = await threeBatches()
    deps.clock.duringNextSleep(() => Promise.resolve())
    deps.clock.duringNextSleep(async () => {
      await produceOne(otherEnvironment(deps), batchOf(1, { value: 'd' }))
    })
    expect(valuesOf(await fetchOne(deps, 6, { maxWaitMs: 10_000 }))).toEqual(['d'])
    expect(deps.clock.sleptMs).toEqual([50, 100])
  })

  test('ends after maxWaitMs, having asked ever more rarely', async () => {
    const { deps } = await threeBatches()
    expect(await fetchOne(deps, 6, { maxWaitMs: 1000 })).toMatchObject({ errorCode: 0, batches: [] })
    expect(deps.clock.sleptMs).toEqual([50, 100, 200, 250, 250, 150])
  })

  test('waits no longer than an environment may', async () => {
    const { deps } = await threeBatches()
    await fetchOne({ ...deps, maxFetchWaitMs: 60 }, 6, { maxWaitMs: 1000 })
    expect(deps.clock.sleptMs).toEqual([50, 10])
  })

  test('goes on waiting when what came is not enough', async () => {
    const { deps } = await threeBatches()
    deps.clock.duringNextSleep(async () => {
      await produceOne(otherEnvironment(deps), batchOf(1, { value: 'd' }))
    })
    const row = await fetchOne(deps, 6, { maxWaitMs: 300, minBytes: 10_000 })
    expect(valuesOf(row)).toEqual(['d'])
    expect(deps.clock.sleptMs.reduce((sum, ms) => sum + ms, 0)).toBe(300)
  })

  test('does not begin for minBytes=0, for enough bytes of all partitions, or for an error in one', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { partitions: 2 })
    await produceOne(deps, batchOf(1), { partitionIndex: 1 })
    const partition = (partitionIndex: number, fetchOffset = 0) => ({ partitionIndex, fetchOffset })
    const bytes = batchOf(1).length
    const all = (partitions: unknown[], minBytes: number) =>
      fetch(deps, ask([{ name: TOPIC, partitions }], { maxWaitMs: 1000, minBytes }))
    await all([partition(0)], 0)
    await all([partition(0), partition(1)], bytes)
    await all([partition(0), partition(9)], 1)
    await all([partition(0), partition(1, 5)], 1)
    expect(deps.clock.sleptMs).toEqual([])
    await all([partition(0), partition(1)], bytes + 1)
    expect(deps.clock.sleptMs).not.toEqual([])
  })

  test('of no partitions is answered at once', async () => {
    const { deps } = await threeBatches()
    expect(await fetch(deps, ask([], { maxWaitMs: 1000 }))).toEqual({ topics: [] })
    expect(deps.clock.sleptMs).toEqual([])
  })

  test('ends with an error when the topic is deleted meanwhile', async () => {
    const { deps, topicId } = await threeBatches()
    deps.clock.duringNextSleep(async () => {
      await deps.documents.store.delete({ pk: `P#${topicId}#0`, sk: 'HEAD' }, [])
      await deps.documents.store.delete({ pk: 'TOPICS', sk: TOPIC }, [])
    })
    expect(errorOf(await fetchOne(deps, 6, { maxWaitMs: 1000 }))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })

  test('ends when the log begins behind it', async () => {
    const { deps, topicId } = await threeBatches()
    deps.clock.duringNextSleep(() => changeHead(deps, topicId, { logStartOffset: 7, logEndOffset: 7 }))
    expect(errorOf(await fetchOne(deps, 6, { maxWaitMs: 1000 }))).toBe('OFFSET_OUT_OF_RANGE')
    expect(deps.clock.sleptMs).toEqual([50])
  })

  test('ends when its caller is gone', async () => {
    const { deps } = await threeBatches()
    const caller = new AbortController()
    deps.clock.duringNextSleep(async () => caller.abort())
    const partitions = [{ partitionIndex: 0, fetchOffset: 6 }]
    await fetch(deps, ask([{ name: TOPIC, partitions }], { maxWaitMs: 5000 }), caller.signal)
    expect(deps.clock.sleptMs).toEqual([50])
  })

  test('outlives a poll that was throttled: it only ends the wait', async () => {
    const { deps } = await threeBatches()
    deps.clock.duringNextSleep(async () => {
      deps.documents.faults.once(isHeadRead, { fault: 'throttled' })
    })
    deps.clock.duringNextSleep(async () => {
      await produceOne(otherEnvironment(deps), batchOf(1, { value: 'd' }))
    })
    expect(valuesOf(await fetchOne(deps, 6, { maxWaitMs: 1000 }))).toEqual(['d'])
  })
})

describe('other requests have their turn', () => {
  test('between two rows', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { partitions: 30 })
    const partitions = Array.from({ length: 30 }, (_, partitionIndex) => ({ partitionIndex, fetchOffset: 0 }))
    const before = deps.clock.breaks()
    await fetch(deps, ask([{ name: TOPIC, partitions }]))
    expect(deps.clock.breaks() - before).toBeGreaterThanOrEqual(29)
  })

  test('between two batches', async () => {
    const { deps } = await threeBatches()
    const before = deps.clock.breaks()
    await fetchOne(deps, 0)
    expect(deps.clock.breaks() - before).toBe(2)
  })
})

describe('a storage node that does not give a batch', () => {
  const faults: ObjectFault['fault'][] = ['missing', 'corrupt', 'short', 'fails', 'hangs']
  const nodesOf = async (deps: TestDeps, topicId: string) => {
    const { replicas } = await storedHead(deps, topicId)
    return replicas.map((replica) => deps.nodes.get(Number(replica.split('.')[0])))
  }

  test.each(faults)('is passed over for another replica: %s', async (fault) => {
    const { deps, topicId } = await threeBatches()
    const [first, second] = await nodesOf(deps, topicId)
    for (const node of [first, second]) node?.faults.always(() => ({ fault }) as ObjectFault)
    const row = await fetchOne(fault === 'hangs' ? firstTwoExpire(deps) : deps, 0)
    expect(valuesOf(row)).toEqual(['a', 'b', 'c'])
    expect(deps.logged.every(({ message }) => message === 'storage node is reported')).toBe(true)
  })

  test('the leader’s node is asked first, and nobody else when it answers', async () => {
    const { deps, topicId } = await threeBatches()
    const nodes = await nodesOf(deps, topicId)
    for (const node of nodes) if (node !== undefined) node.faults.calls.length = 0
    await fetchOne(deps, 0)
    expect(nodes.map((node) => node?.faults.calls.length)).toEqual([3, 0, 0])
  })

  test('a replica is not asked for what it lacks', async () => {
    const { deps, topicId } = await threeBatches()
    const [first, second, third] = await nodesOf(deps, topicId)
    const { replicas } = await storedHead(deps, topicId)
    await changeHead(deps, topicId, { holeStart: { [replicas[1] ?? '']: 2 } })
    first?.faults.always(() => ({ fault: 'missing' }))
    for (const node of [second, third]) if (node !== undefined) node.faults.calls.length = 0
    expect(valuesOf(await fetchOne(deps, 0))).toEqual(['a', 'b', 'c'])
    expect([second?.faults.calls.length, third?.faults.calls.length]).toEqual([1, 2])
  })

  test.each(['missing', 'corrupt'] as const)(
    'all of them %s: an error and an alarm, never a skip',
    async (fault) => {
      const { deps } = await threeBatches()
      for (const node of deps.nodes.values()) node.faults.always(() => ({ fault }))
      expect(await fetchOne(deps, 2)).toMatchObject({
        errorName: 'KAFKA_STORAGE_ERROR',
        retriable: true,
        nextOffset: 2,
        batches: [],
      })
      expect(deps.logged).toMatchObject([
        { level: 'error', message: 'log is damaged or its nodes are unreachable' },
      ])
    },
  )

  test('another partition of the same fetch is answered all the same', async () => {
    const deps = await testDeps({ nodes: 4 })
    const topicId = await createTopic(deps, TOPIC, { partitions: 2 })
    for (const partitionIndex of [0, 1]) await produceOne(deps, batchOf(1), { partitionIndex })
    const [replica = ''] = (await storedHead(deps, topicId, 0)).replicas
    const puts = deps.nodes.get(Number(replica.split('.')[0]))?.faults.calls.map(({ key }) => key) ?? []
    for (const node of deps.nodes.values()) {
      node.faults.always(({ method, key }) =>
        method === 'get' && key === puts[0] ? { fault: 'missing' } : undefined,
      )
    }
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, fetchOffset: 0 }))
    const { topics } = await fetch(deps, ask([{ name: TOPIC, partitions }]))
    expect(topics[0]?.partitions.map(errorOf)).toEqual(['KAFKA_STORAGE_ERROR', undefined])
  })

  test('an object that is gone because the head moved is no damage: the reader follows', async () => {
    const { deps, topicId } = await threeBatches()
    for (const node of deps.nodes.values()) node.faults.once(() => true, { fault: 'missing' })
    deps.documents.faults.once(
      isHeadRead,
      runBefore(() => Promise.resolve()),
    )
    deps.documents.faults.once(
      isHeadRead,
      runBefore(() => changeHead(deps, topicId, { partitionEpoch: 1 })),
    )
    expect(valuesOf(await fetchOne(deps, 5))).toEqual(['c'])
    expect(deps.logged).toEqual([])
  })
})

/** Time-outs fire for the first two nodes that are asked for each of three batches. */
function firstTwoExpire(deps: TestDeps): TestDeps {
  let begun = 0
  const timeout = () => {
    begun += 1
    return {
      signal: begun <= 6 ? AbortSignal.abort() : new AbortController().signal,
      cancel: () => undefined,
    }
  }
  return { ...deps, clock: { ...deps.clock, timeout } }
}

describe('a topic that is named by its id', () => {
  const named = (topicId: string, partitionIndex = 0) =>
    ask([{ name: TOPIC, topicId, partitions: [{ partitionIndex, fetchOffset: 0 }] }])
  const rowOf = async (deps: TestDeps, topicId: string, partitionIndex?: number) =>
    (await fetch(deps, named(topicId, partitionIndex))).topics[0]?.partitions[0]
  const readsOf = (deps: TestDeps) => deps.documents.faults.calls.filter(({ pk }) => pk === 'TOPICS').length
  /** Long ago everything was read. */
  const later = async () => {
    const { deps, topicId } = await threeBatches()
    deps.clock.set(deps.clock.nowMs() + 3_600_000)
    deps.documents.faults.calls.length = 0
    return { deps, topicId }
  }

  test('is not read again once it is remembered', async () => {
    const { deps, topicId } = await later()
    expect(await rowOf(deps, topicId)).toMatchObject({ errorCode: 0, highWatermark: 6 })
    expect(readsOf(deps)).toBe(0)
    await fetchOne(deps, 0)
    expect(readsOf(deps)).toBe(1)
  })

  test('is read again for a partition that it did not have, and where another topic is remembered', async () => {
    const { deps, topicId } = await later()
    expect(await rowOf(deps, topicId, 7)).toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(readsOf(deps)).toBe(1)
    expect(await rowOf(deps, 'A'.repeat(22))).toMatchObject({ errorName: 'INCONSISTENT_TOPIC_ID' })
    expect(readsOf(deps)).toBe(2)
  })

  test('is known to be gone, or another one, by its head', async () => {
    const { deps, topicId } = await later()
    const elsewhere = otherEnvironment(deps)
    await deleteTopics(elsewhere, { topics: [{ name: TOPIC }] })
    expect(await rowOf(deps, topicId)).toMatchObject({ errorName: 'UNKNOWN_TOPIC_ID' })
    await createTopic(elsewhere)
    expect(await rowOf(deps, topicId)).toMatchObject({ errorName: 'INCONSISTENT_TOPIC_ID' })
  })
})
