import { describe, expect, test } from 'vitest'
import { NEW_GROUP } from '../../shared/core/group/group.ts'
import { offsetCommitRequest } from '../../shared/protocol/api/group-offsets.ts'
import { offsetCommit } from '../../shared/service/offset-commit.ts'
import { offsetFetch } from '../../shared/service/offset-fetch.ts'
import { groupMetaKey, topicKey } from '../../shared/store/keys.ts'
import { runAfter, runBefore } from '../support/calls.ts'
import type { DocumentCall, DocumentFault } from '../support/faulty-store.ts'
import {
  commit,
  committed,
  type From,
  GROUP,
  isCommit,
  M1,
  moveGroup,
  NOBODY,
  offsetsDocuments,
  STABLE,
  storeGroup,
  storeTopic,
} from '../support/group-offsets.ts'
import { errorOf, TOPIC } from '../support/log-requests.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

const isTransaction = ({ method }: DocumentCall) => method === 'transact'
const nothing = { errorCode: 0, committedOffset: -1, committedLeaderEpoch: -1, metadata: '' }

async function cluster(partitionCount = 200): Promise<TestDeps> {
  const deps = await testDeps()
  await storeTopic(deps, TOPIC, partitionCount)
  await storeGroup(deps, STABLE)
  return deps
}
const fetchOf = async (deps: TestDeps, partitions: readonly number[], more: object = {}, groupId = GROUP) => {
  const topics = [
    { name: TOPIC, ...more, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) },
  ]
  return (await offsetFetch(deps, { groupId, topics, requireStable: false })).topics[0]?.partitions ?? []
}

describe('what is fetched', () => {
  test('is what was committed, with its metadata and leader epoch, and nothing where nothing was', async () => {
    const deps = await cluster()
    const partition = {
      partitionIndex: 3,
      committedOffset: 7,
      committedLeaderEpoch: 2,
      committedMetadata: 'é',
    }
    const topics = [{ name: TOPIC, partitions: [partition] }]
    await offsetCommit(deps, offsetCommitRequest.parse({ groupId: GROUP, ...M1, topics }))
    expect(await fetchOf(deps, [3, 4, 180])).toEqual([
      { partitionIndex: 3, errorCode: 0, committedOffset: 7, committedLeaderEpoch: 2, metadata: 'é' },
      { partitionIndex: 4, ...nothing },
      { partitionIndex: 180, ...nothing },
    ])
  })

  test('is nothing of a group, topic or partition that nobody knows, as by Kafka', async () => {
    const deps = await cluster()
    expect(await fetchOf(deps, [0], {}, 'none')).toEqual([{ partitionIndex: 0, ...nothing }])
    expect(await fetchOf(deps, [0], { name: 'none' })).toEqual([{ partitionIndex: 0, ...nothing }])
    expect(await fetchOf(deps, [0], { name: 'a b' })).toEqual([{ partitionIndex: 0, ...nothing }])
    expect(await fetchOf(deps, [999])).toEqual([{ partitionIndex: 999, ...nothing }])
    expect(await committed(deps, 'none')).toEqual({})
    expect(await fetchOf(deps, [0], {}, '')).toMatchObject([{ errorName: 'INVALID_GROUP_ID' }])
  })

  test.each([
    { topics: null, groupId: '', errorName: 'INVALID_GROUP_ID' },
    {
      topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0 }, { partitionIndex: 0 }] }],
      groupId: GROUP,
      errorName: 'INVALID_REQUEST',
    },
  ])('is $errorName as a whole where the request is wrong', async ({ topics, groupId, errorName }) => {
    const deps = await cluster()
    await expect(offsetFetch(deps, { groupId, topics, requireStable: false })).rejects.toMatchObject({
      errorName,
    })
  })

  test('costs one read of the topic and one of each document, all at once where the topic is remembered', async () => {
    const deps = await cluster()
    await commit(deps, M1, { 0: 1, 50: 2 })
    deps.documents.faults.calls.length = 0
    await fetchOf(deps, [0, 1, 50])
    expect(deps.documents.faults.calls.map(({ pk, method }) => `${method} ${pk}`)).toEqual([
      'get TOPICS',
      `get G#${GROUP}`,
      `get G#${GROUP}`,
    ])
  })
})

test('the offsets of 5,000 partitions stand in 100 documents', async () => {
  const deps = await testDeps()
  await storeGroup(deps, STABLE)
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) await storeTopic(deps, name, 1000)
  const offsets = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [at, at * 3]))
  for (const topic of names) {
    const rows = await commit(deps, M1, offsets, { topic })
    expect(rows).toEqual(Array(1000).fill(undefined))
    expect(await commit(deps, M1, offsets, { topic })).toEqual(Array(1000).fill(undefined))
  }
  expect(await offsetsDocuments(deps)).toHaveLength(100)
  const all = await committed(deps)
  expect(Object.keys(all)).toHaveLength(5000)
  expect(names.every((name) => all[`${name}-999`] === 2997 && all[`${name}-0`] === 0)).toBe(true)
})

describe('a topic that was deleted and made anew', () => {
  /** The topic is another one now; who remembers it does not know. */
  async function madeAnew(): Promise<TestDeps> {
    const deps = await cluster()
    await commit(deps, M1, { 0: 7 })
    await deps.documents.store.delete(topicKey(TOPIC), [])
    await storeTopic(deps, TOPIC, 200, '1')
    return deps
  }

  test('has no offsets, whoever remembers the one before', async () => {
    const deps = await madeAnew()
    expect(await fetchOf(deps, [0])).toEqual([{ partitionIndex: 0, ...nothing }])
    expect(await fetchOf(otherEnvironment(deps), [0])).toEqual([{ partitionIndex: 0, ...nothing }])
    expect(await committed(deps)).toEqual({})
  })

  test('is told to who sends the id of the one before', async () => {
    const deps = await madeAnew()
    const [row] = await fetchOf(deps, [0], { topicId: 'orders_______________0' })
    expect(row).toMatchObject({ errorName: 'INCONSISTENT_TOPIC_ID', committedOffset: -1 })
    await deps.documents.store.delete(topicKey(TOPIC), [])
    const [gone] = await fetchOf(deps, [0], { topicId: 'orders_______________0' })
    expect(gone).toMatchObject({ errorName: 'UNKNOWN_TOPIC_ID' })
  })

  test('has its own document, and that of the one before is dropped when all are fetched', async () => {
    const deps = await madeAnew()
    expect(await commit(deps, M1, { 0: 2 }, { topicId: 'orders_______________1' })).toEqual([undefined])
    expect(await offsetsDocuments(deps)).toHaveLength(2)
    expect(await committed(deps)).toEqual({ 'orders-0': 2 })
    expect(await offsetsDocuments(deps)).toHaveLength(1)
  })

  test('keeps its offsets where what it is could not be read, or a drop failed', async () => {
    const deps = await madeAnew()
    deps.documents.faults.once(({ pk }) => pk === 'TOPICS', { fault: 'throttled' })
    await expect(committed(deps)).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
    expect(await offsetsDocuments(deps)).toHaveLength(1)
    deps.documents.faults.once(({ method }) => method === 'delete', { fault: 'throttled' })
    expect(await committed(deps)).toEqual({})
    expect(await offsetsDocuments(deps)).toHaveLength(1)
  })
})

describe('metadata', () => {
  const text = 'x'.repeat(4096)

  test('is at most 64 KiB in one document', async () => {
    const deps = await cluster()
    for (let partition = 0; partition < 16; partition += 1) {
      expect(await commit(deps, M1, { [partition]: 1 }, { metadata: text })).toEqual([undefined])
    }
    expect(await commit(deps, M1, { 16: 1 }, { metadata: 'x' })).toEqual(['OFFSET_METADATA_TOO_LARGE'])
    expect(await commit(deps, M1, { 16: 1 })).toEqual([undefined])
    expect(await commit(deps, M1, { 50: 1 }, { metadata: text })).toEqual([undefined])
    expect(Object.keys(await committed(deps))).toHaveLength(18)
  })

  test('that is replaced makes room, however often', async () => {
    const deps = await cluster()
    for (let offset = 0; offset < 100; offset += 1) {
      expect(await commit(deps, M1, { 0: offset }, { metadata: text })).toEqual([undefined])
    }
    const [document] = await offsetsDocuments(deps)
    expect(document?.metadataBytes).toBeLessThanOrEqual(65_536)
    expect(await fetchOf(deps, [0])).toMatchObject([{ committedOffset: 99, metadata: text }])
  })

  test('is too much in one request', async () => {
    const deps = await cluster()
    const offsets = Object.fromEntries(Array.from({ length: 17 }, (_, at) => [at, 1]))
    expect(await commit(deps, M1, offsets, { metadata: text })).toEqual(
      Array(17).fill('OFFSET_METADATA_TOO_LARGE'),
    )
    expect(await offsetsDocuments(deps)).toEqual([])
  })

  test('that another member adds as it is counted counts', async () => {
    const deps = await cluster()
    for (let at = 0; at < 15; at += 1) await commit(deps, M1, { [at]: 1 }, { metadata: text })
    // The count is exact, and made too high by repeating one.
    await commit(deps, M1, { 0: 2 }, { metadata: text })
    const other = { ...otherEnvironment(deps), documents: deps.documents.store }
    deps.documents.faults.once(
      isTransaction,
      runBefore(() => commit(other, M1, { 20: 1 }, { metadata: text })),
    )
    expect(await commit(deps, M1, { 21: 1 }, { metadata: text })).toEqual(['OFFSET_METADATA_TOO_LARGE'])
    expect(Object.keys(await committed(deps))).toHaveLength(16)
  })
})

describe('an outcome that nobody knows', () => {
  const FAULTS: readonly { fault: DocumentFault; isApplied: boolean }[] = [
    { fault: { fault: 'answerLost' }, isApplied: true },
    { fault: { fault: 'callLost' }, isApplied: false },
    { fault: { fault: 'appliedLater', calls: 1 }, isApplied: true },
  ]
  const send = async (deps: TestDeps, from: From) => {
    const partitions = [0, 50].map((partitionIndex) => ({ partitionIndex, committedOffset: 9 }))
    const request = { groupId: GROUP, ...from, topics: [{ name: TOPIC, partitions }] }
    return (await offsetCommit(deps, offsetCommitRequest.parse(request))).topics[0]?.partitions ?? []
  }

  test.each(FAULTS)(
    'of an update stands with its own partitions ($fault.fault)',
    async ({ fault, isApplied }) => {
      const deps = await cluster()
      await commit(deps, M1, { 0: 1, 50: 1 })
      deps.documents.faults.once(isCommit, fault)
      const rows = await send(deps, M1)
      expect(rows).toMatchObject([{ errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' }, { errorCode: 0 }])
      expect(await committed(deps)).toEqual({ 'orders-0': isApplied ? 9 : 1, 'orders-50': 9 })
      expect((await send(deps, M1)).map(errorOf)).toEqual([undefined, undefined])
    },
  )

  test.each(FAULTS.flatMap((row) => [M1, NOBODY].map((from) => ({ ...row, from }))))(
    'of a transaction stands with all that was in it ($fault.fault, $from.memberId)',
    async ({ fault, from }) => {
      const deps = await cluster()
      if (from === NOBODY) await storeGroup(deps, { ...NEW_GROUP, emptySinceMs: START_MS })
      deps.documents.faults.once(isTransaction, fault)
      const unknown = { errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' }
      expect(await send(deps, from)).toMatchObject([unknown, unknown])
      // One that arrives late arrives before or after this.
      expect((await send(deps, from)).map(errorOf)).toEqual([undefined, undefined])
      expect(await committed(deps)).toEqual({ 'orders-0': 9, 'orders-50': 9 })
    },
  )

  test('is none where the touch of the member failed: its commit was made', async () => {
    const deps = await cluster()
    await commit(deps, M1, { 0: 1 })
    deps.documents.faults.once(({ sk }) => sk.startsWith('MEMBER#'), { fault: 'answerLost' })
    expect(await commit(deps, M1, { 0: 2 })).toEqual([undefined])
  })

  test('is none where nothing was written', async () => {
    const deps = await cluster()
    await commit(deps, M1, { 0: 1 })
    deps.documents.faults.once(isCommit, { fault: 'throttled' })
    expect(await commit(deps, M1, { 0: 2 })).toEqual(['KAFKA_STORAGE_ERROR'])
    expect(await committed(deps)).toEqual({ 'orders-0': 1 })
  })
})

describe('a commit that the network carries out twice', () => {
  const NEXT: From = { generationId: 6, memberId: 'm1' }
  const offsets = { 0: 9, 1: 9 }
  const twice = async (between: (deps: TestDeps) => Promise<unknown>) => {
    const deps = await cluster()
    await commit(deps, M1, { 0: 1, 1: 1 })
    deps.documents.faults.once(isCommit, { fault: 'twice', between: () => between(deps) })
    return { deps, errors: await commit(deps, M1, offsets) }
  }
  const rebalance = (deps: TestDeps) => moveGroup(deps, { ...STABLE, generationId: 6 })

  test('was taken, although the fence moved between the two', async () => {
    const { deps, errors } = await twice(rebalance)
    expect(errors).toEqual([undefined, undefined])
    expect(await committed(deps)).toEqual({ 'orders-0': 9, 'orders-1': 9 })
    expect(await commit(deps, M1, { 0: 10 })).toEqual(['ILLEGAL_GENERATION'])
  })

  test('does not undo what the next generation committed between the two', async () => {
    const { deps, errors } = await twice(async (deps) => {
      await rebalance(deps)
      await commit(deps, NEXT, { 1: 12 })
    })
    expect(errors).toEqual(['ILLEGAL_GENERATION', 'ILLEGAL_GENERATION'])
    expect(await committed(deps)).toEqual({ 'orders-0': 9, 'orders-1': 12 })
  })

  test('is not taken for one of the same offset that somebody made at another time, or with other metadata', async () => {
    const deps = await cluster()
    await commit(deps, M1, offsets)
    await rebalance(deps)
    deps.clock.set(START_MS + 1)
    expect(await commit(deps, M1, offsets)).toEqual(['ILLEGAL_GENERATION', 'ILLEGAL_GENERATION'])
    deps.clock.set(START_MS)
    expect(await commit(deps, M1, { 0: 9 }, { metadata: 'x' })).toEqual(['ILLEGAL_GENERATION'])
    expect(await commit(deps, M1, { 2: 9 })).toEqual(['ILLEGAL_GENERATION'])
  })
})

describe('a client that is no member', () => {
  test('makes the group with its first commit, and keeps it with the others', async () => {
    const deps = await testDeps()
    await storeTopic(deps, TOPIC)
    await commit(deps, NOBODY, { 0: 1 })
    const meta = async () => deps.documents.store.get(groupMetaKey(GROUP), 'strong')
    expect(await meta()).toMatchObject({
      state: 'Empty',
      generationId: 0,
      emptySinceMs: START_MS,
      ver: START_MS,
    })
    deps.clock.set(START_MS + 59_999)
    await commit(deps, NOBODY, { 0: 2 })
    expect(await meta()).toMatchObject({ emptySinceMs: START_MS, ver: START_MS })
    deps.clock.set(START_MS + 60_000)
    await commit(deps, NOBODY, { 0: 3 })
    expect(await meta()).toMatchObject({ emptySinceMs: START_MS + 60_000, ver: START_MS + 1 })
    const fence = { generationId: 0, groupVersion: START_MS + 1 }
    expect(await offsetsDocuments(deps)).toMatchObject([{ fence }])
    expect(await committed(deps)).toEqual({ 'orders-0': 3 })
  })

  test('makes it at the same time as another one', async () => {
    const deps = await testDeps()
    await storeTopic(deps, TOPIC, 200)
    const rows = await Promise.all(
      [0, 1, 50, 51].map((partition) => commit(otherEnvironment(deps), NOBODY, { [partition]: partition })),
    )
    expect(rows).toEqual(Array(4).fill([undefined]))
    expect(Object.values(await committed(deps))).toEqual([0, 1, 50, 51])
  })

  test('is refused if somebody joins before its commit is there', async () => {
    const deps = await cluster()
    await storeGroup(deps, { ...NEW_GROUP, emptySinceMs: START_MS })
    deps.documents.faults.once(
      isTransaction,
      runBefore(() => storeGroup(deps, { ...STABLE, state: 'PreparingRebalance' })),
    )
    expect(await commit(deps, NOBODY, { 0: 1 })).toEqual(['UNKNOWN_MEMBER_ID'])
    expect(await committed(deps)).toEqual({})
  })

  test('commits many documents some at a time, with one change of META', async () => {
    const deps = await testDeps()
    await storeTopic(deps, TOPIC, 1000)
    const offsets = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [at, at]))
    expect(await commit(deps, NOBODY, offsets)).toEqual(Array(1000).fill(undefined))
    const meta = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
    expect(meta).toMatchObject({ ver: START_MS })
    expect(Object.keys(await committed(deps))).toHaveLength(1000)
  })

  test('learns of a member’s commit that came in between: neither is lost', async () => {
    const deps = await testDeps()
    await storeTopic(deps, TOPIC)
    await commit(deps, NOBODY, { 0: 1, 1: 1 })
    const other = { ...otherEnvironment(deps), documents: deps.documents.store }
    deps.documents.faults.once(
      ({ method, sk }) => method === 'get' && sk.startsWith('OFFSETS#'),
      runAfter(() => commit(other, NOBODY, { 1: 2 })),
    )
    expect(await commit(deps, NOBODY, { 0: 2 })).toEqual([undefined])
    expect(await committed(deps)).toEqual({ 'orders-0': 2, 'orders-1': 2 })
  })
})
