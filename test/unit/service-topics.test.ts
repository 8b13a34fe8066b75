import { describe, expect, test } from 'vitest'
import { fence } from '../../shared/core/election.ts'
import { createPartitions } from '../../shared/service/create-partitions.ts'
import { createTopics } from '../../shared/service/create-topics.ts'
import { deleteTopics, finishDeletions } from '../../shared/service/delete-topics.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { isBeingDeleted } from '../../shared/store/items/topic-item.ts'
import { headKey, partitionPk } from '../../shared/store/keys.ts'
import {
  changeHead,
  isHeadUpdate,
  isPagePut,
  isProducerPut,
  isTopicCounted,
  isTopicUpdate,
  runBefore,
} from '../support/calls.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import {
  batchOf,
  createTopic,
  errorOf,
  fetchAll,
  fetchOne,
  listOne,
  produceOne,
  sequenced,
  TOPIC,
} from '../support/log-requests.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

type Wanted = Partial<Parameters<typeof createTopics>[1]['topics'][number]>
const wanted = (changes: Wanted = {}) => ({
  name: TOPIC,
  numPartitions: -1,
  replicationFactor: -1,
  assignments: [],
  configs: [],
  ...changes,
})
const create = async (deps: TestDeps, topics: Wanted[], validateOnly = false) =>
  (await createTopics(deps, { topics: topics.map(wanted), validateOnly })).topics
const remove = async (deps: TestDeps, topic: { name: string } | { topicId: string } = { name: TOPIC }) =>
  (await deleteTopics(deps, { topics: [topic] })).topics[0]

/** How many documents there are of a topic with some partitions. */
async function leftOf(deps: TestDeps, topicId: string, partitions = 3): Promise<number> {
  const query = { from: '!', to: '~', limit: 1000, direction: 'ascending' } as const
  const lists = await Promise.all(
    Array.from({ length: partitions }, (_, p) => deps.documents.store.list(partitionPk(topicId, p), query)),
  )
  return lists.flat().length
}
const deletions = async (deps: TestDeps) => {
  const named = await deps.documents.store.list('TOPICS', {
    from: '!',
    to: '~',
    limit: 10,
    direction: 'ascending',
  })
  return named.filter(({ item }) => isBeingDeleted(item))
}

/** From call `position` on the store answers nothing more, as when the process is killed. */
function stopAfter(deps: TestDeps, position: number): void {
  let calls = 0
  deps.documents.faults.always((call) => {
    calls += 1
    if (calls <= position) return undefined
    return call.method === 'get' || call.method === 'list' ? { fault: 'throttled' } : { fault: 'callLost' }
  })
}

describe('creating a topic', () => {
  test('gives what was not asked for the cluster’s defaults', async () => {
    const deps = await testDeps({ configs: { 'num.partitions': '4', 'default.replication.factor': '2' } })
    const [row] = await create(deps, [{}])
    expect(row).toMatchObject({ errorCode: 0, numPartitions: 4, replicationFactor: 2 })
    expect(row).toHaveProperty('topicId', expect.stringMatching(/^[A-Za-z0-9_-]{22}$/))
  })

  test('minIsr is min.insync.replicas of the topic or the cluster, at most the replication factor', async () => {
    const deps = await testDeps()
    const minIsr = async (changes: Wanted, name: string) => {
      await create(deps, [{ ...changes, name }])
      return (await storedHead(deps, await idOf(deps, name))).minIsr
    }
    expect(await minIsr({}, 'a')).toBe(2)
    expect(await minIsr({ replicationFactor: 1 }, 'b')).toBe(1)
    expect(await minIsr({ configs: [{ name: 'min.insync.replicas', value: '3' }] }, 'c')).toBe(3)
    expect(await minIsr({ configs: [{ name: 'min.insync.replicas', value: '9' }] }, 'd')).toBe(3)
  })

  test.each<{ given: Wanted; error: string }>([
    { given: { name: 'a b' }, error: 'INVALID_TOPIC_EXCEPTION' },
    { given: { name: 'a_b' }, error: 'INVALID_TOPIC_EXCEPTION' },
    { given: { name: 'a.b' }, error: 'TOPIC_ALREADY_EXISTS' },
    { given: { numPartitions: 0 }, error: 'INVALID_PARTITIONS' },
    { given: { numPartitions: -2 }, error: 'INVALID_PARTITIONS' },
    { given: { numPartitions: 1001 }, error: 'INVALID_PARTITIONS' },
    { given: { replicationFactor: 0 }, error: 'INVALID_REPLICATION_FACTOR' },
    { given: { replicationFactor: 4 }, error: 'INVALID_REPLICATION_FACTOR' },
    { given: { assignments: [{}] }, error: 'INVALID_REPLICA_ASSIGNMENT' },
    { given: { configs: [{ name: 'retention', value: '1' }] }, error: 'INVALID_CONFIG' },
  ])('is refused with $error for $given, asked only or not', async ({ given, error }) => {
    const deps = await testDeps()
    await createTopic(deps, 'a.b')
    for (const validateOnly of [true, false]) {
      expect((await create(deps, [given], validateOnly))[0]).toMatchObject({ errorName: error })
    }
    expect(deps.documents.faults.calls.filter(isTopicCounted)).toHaveLength(1)
  })

  test('the same name twice in a request is refused twice, the others are created', async () => {
    const deps = await testDeps()
    expect((await create(deps, [{ name: 'a' }, { name: 'b' }, { name: 'a' }])).map(errorOf)).toEqual([
      'INVALID_REQUEST',
      undefined,
      'INVALID_REQUEST',
    ])
  })

  test('asked only, it creates nothing', async () => {
    const deps = await testDeps()
    expect((await create(deps, [{}], true))[0]).toEqual({
      name: TOPIC,
      errorCode: 0,
      numPartitions: 1,
      replicationFactor: 3,
    })
    expect(deps.documents.faults.calls.every(({ method }) => method === 'get')).toBe(true)
  })

  test('of two at once one wins, and the loser removes its heads', async () => {
    const deps = await testDeps()
    let winner = ''
    deps.documents.faults.once(
      isTopicCounted,
      runBefore(async () => {
        winner = await createTopic(otherEnvironment(deps), TOPIC, { partitions: 3 })
      }),
    )
    expect((await create(deps, [{ numPartitions: 3 }])).map(errorOf)).toEqual(['TOPIC_ALREADY_EXISTS'])
    expect(await leftOf(deps, winner)).toBe(3)
    const made = heads(deps.documents.faults.calls, 'put')
    const removed = heads(deps.documents.faults.calls, 'delete')
    expect(made.filter((pk) => !pk.includes(winner)).sort()).toEqual(removed.sort())
    expect(removed).toHaveLength(3)
  })

  test('killed after any number of steps it can be done again', async () => {
    for (let position = 0; ; position += 1) {
      const deps = await testDeps()
      stopAfter(deps, position)
      const [row] = await create(deps, [{ numPartitions: 3 }])
      deps.documents.faults.always(undefined)
      const exists = (await deps.documents.store.get({ pk: 'TOPICS', sk: TOPIC }, 'strong')) !== undefined
      expect(exists).toBe(row !== undefined && errorOf(row) === undefined)
      if (!exists) expect((await create(deps, [{ numPartitions: 3 }])).map(errorOf)).toEqual([undefined])
      expect(await produceOne(deps, batchOf(1), { partitionIndex: 2 })).toMatchObject({ baseOffset: 0 })
      if (exists) return expect(position).toBe(6)
    }
  })

  test('whose answer is lost exists, with all its heads', async () => {
    const deps = await testDeps()
    deps.documents.faults.once(isTopicCounted, { fault: 'answerLost' })
    expect((await create(deps, [{}])).map(errorOf)).toEqual(['REQUEST_TIMED_OUT'])
    expect((await create(deps, [{}])).map(errorOf)).toEqual(['TOPIC_ALREADY_EXISTS'])
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ baseOffset: 0 })
  })
})

describe('deleting a topic', () => {
  async function fullTopic(limits = TINY_LIMITS) {
    const deps = await testDeps({ limits })
    const topicId = await createTopic(deps, TOPIC, { partitions: 3 })
    for (let count = 0; count < 9; count += 1) await produceOne(deps, sequenced(0, count))
    return { deps, topicId }
  }

  test('by name or id leaves no head, page or producer behind, nor a trace of the deletion', async () => {
    for (const by of ['name', 'id']) {
      const { deps, topicId } = await fullTopic()
      expect(await leftOf(deps, topicId)).toBeGreaterThan(9)
      const row = await remove(deps, by === 'name' ? { name: TOPIC } : { topicId })
      expect(row).toEqual({ name: TOPIC, topicId, errorCode: 0 })
      expect([await leftOf(deps, topicId), await deletions(deps)]).toEqual([0, []])
    }
  })

  test('of more documents than a listing has', async () => {
    const { deps, topicId } = await fullTopic({ ...TINY_LIMITS, listPage: 2 })
    await remove(deps)
    expect(await leftOf(deps, topicId)).toBe(0)
  })

  test.each([
    { name: 'an unknown name', topic: { name: 'nowhere' }, error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    { name: 'an unknown id', topic: { topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }, error: 'UNKNOWN_TOPIC_ID' },
  ])('is refused for $name', async ({ topic, error }) => {
    expect(await remove(await testDeps(), topic)).toMatchObject({ ...topic, errorName: error })
  })

  test('killed after any number of steps it is finished by the next start', async () => {
    for (let position = 0; ; position += 1) {
      const { deps, topicId } = await fullTopic()
      const before = await leftOf(deps, topicId)
      stopAfter(deps, position)
      const row = await remove(deps)
      deps.documents.faults.always(undefined)
      await finishDeletions(otherEnvironment(deps))
      const exists = (await deps.documents.store.get({ pk: 'TOPICS', sk: TOPIC }, 'strong')) !== undefined
      expect([await leftOf(deps, topicId), await deletions(deps)]).toEqual([exists ? before : 0, []])
      if (exists) expect(await fetchAll(deps)).toHaveLength(9)
      else expect((await create(deps, [{}])).map(errorOf)).toEqual([undefined])
      if (row !== undefined && errorOf(row) === undefined) return expect(position).toBeGreaterThan(10)
    }
  })

  test('may be finished by two at once', async () => {
    const { deps, topicId } = await fullTopic()
    stopAfter(deps, 3)
    await remove(deps)
    deps.documents.faults.always(undefined)
    await Promise.all([finishDeletions(deps), finishDeletions(otherEnvironment(deps))])
    expect([await leftOf(deps, topicId), await deletions(deps)]).toEqual([0, []])
  })

  test('begun twice at once is answered to both when it is done', async () => {
    const { deps, topicId } = await fullTopic()
    const rows = await Promise.all([remove(deps), remove(otherEnvironment(deps))])
    expect(rows.map((row) => errorOf(row ?? {}))).toEqual([undefined, undefined])
    expect([await leftOf(deps, topicId), await deletions(deps)]).toEqual([0, []])
    expect(await remove(deps)).toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })

  test('takes along partitions that are added before it begins', async () => {
    const { deps, topicId } = await fullTopic()
    const others = otherEnvironment(deps)
    const more = { topics: [{ name: TOPIC, count: 6, assignments: null }], validateOnly: false }
    deps.documents.faults.once(
      isTopicUpdate,
      runBefore(() => createPartitions(others, more)),
    )
    expect(await remove(deps)).toMatchObject({ topicId, errorCode: 0 })
    expect(await leftOf(deps, topicId, 6)).toBe(0)
  })

  test('begun by a write that arrives when another one has ended it is done, whoever has the name by then', async () => {
    for (const again of [false, true]) {
      const { deps, topicId } = await fullTopic()
      const others = otherEnvironment(deps)
      deps.documents.faults.once(
        isTopicUpdate,
        runBefore(async () => {
          await remove(others)
          if (again) await createTopic(others)
        }),
      )
      expect(await remove(deps)).toEqual({ name: TOPIC, topicId, errorCode: 0 })
      expect([await leftOf(deps, topicId), await deletions(deps)]).toEqual([0, []])
      expect(errorOf(await fetchOne(deps, 0)) === undefined).toBe(again)
    }
  })

  test('that fails half-way has an unknown effect, hides the topic, and is gone on with when asked again', async () => {
    const { deps, topicId } = await fullTopic()
    deps.documents.faults.once(({ method, sk }) => method === 'get' && sk === 'HEAD', { fault: 'throttled' })
    expect(await remove(deps)).toMatchObject({ errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' })
    expect(await produceOne(deps, batchOf(1), { partitionIndex: 1 })).toMatchObject({
      errorName: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    expect(errorOf((await remove(deps)) ?? {})).toBeUndefined()
    expect([await leftOf(deps, topicId), await deletions(deps)]).toEqual([0, []])
  })

  test('is finished by who creates the name anew, before a record can go to either topic', async () => {
    const { deps, topicId } = await fullTopic()
    const remembers = otherEnvironment(deps)
    await fetchAll(remembers)
    deps.documents.faults.once(({ method, sk }) => method === 'get' && sk === 'HEAD', { fault: 'throttled' })
    await remove(deps)
    expect((await create(deps, [{}])).map(errorOf)).toEqual([undefined])
    expect(await leftOf(deps, topicId)).toBe(0)
    expect(await produceOne(remembers, batchOf(1))).toMatchObject({ baseOffset: 0 })
    expect(await fetchAll(deps)).toHaveLength(1)
  })

  test('outlives an append between fence and delete of the head: none is taken any more', async () => {
    const { deps, topicId } = await fullTopic()
    const others = otherEnvironment(deps)
    await fetchAll(others)
    const end = (await storedHead(deps, topicId)).logEndOffset
    deps.documents.faults.once(
      ({ method, sk }) => method === 'delete' && sk === 'HEAD',
      runBefore(async () => {
        expect(await produceOne(others, batchOf(1))).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE' })
        expect((await storedHead(deps, topicId)).logEndOffset).toBe(end)
      }),
    )
    expect(await remove(deps)).toMatchObject({ errorCode: 0 })
  })

  test('fences again a head that got a leader between fence and delete', async () => {
    const { deps, topicId } = await fullTopic()
    const fenced = (pk: string) =>
      deps.documents.faults.calls.filter((call) => isHeadUpdate(call) && call.pk === pk)
    const pk = partitionPk(topicId, 0)
    deps.documents.faults.calls.length = 0
    deps.documents.faults.once(
      (call) => call.method === 'delete' && call.sk === 'HEAD' && call.pk === pk,
      runBefore(() => changeHead(deps, topicId, { leader: '0.1' })), // an election keeps the epoch of the fence
    )
    expect(await remove(deps)).toMatchObject({ errorCode: 0 })
    expect([fenced(pk).length, fenced(partitionPk(topicId, 1)).length]).toEqual([2, 1])
  })

  test('is not held up by another epoch meanwhile', async () => {
    const { deps, topicId } = await fullTopic()
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(async () => {
        const head = await storedHead(deps, topicId, 0)
        await deps.documents.store.update(headKey(topicId, 0), encodeHeadPlan(fence(head, 1)))
      }),
    )
    expect(await remove(deps)).toMatchObject({ errorCode: 0 })
    expect(await leftOf(deps, topicId)).toBe(0)
  })
})

describe('a deleted head is never created anew', () => {
  const isHeadWrite = (call: DocumentCall) => isHeadUpdate(call)

  test('an append that was on its way is told that the topic is gone', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(
      isHeadWrite,
      runBefore(() => remove(otherEnvironment(deps))),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'UNKNOWN_TOPIC_OR_PARTITION',
      effect: 'none',
    })
    expect(await leftOf(deps, topicId)).toBe(0)
  })

  test('an append that arrives long after finds no head', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(isHeadWrite, { fault: 'appliedLater', calls: 100 })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ effect: 'unknown' })
    await remove(deps)
    for (let count = 0; count < 101; count += 1) await deps.documents.get({ pk: 'x', sk: 'y' }, 'strong')
    expect(await leftOf(deps, topicId)).toBe(0)
  })

  test('a handler that pages or moves a producer out meanwhile leaves nothing behind', async () => {
    for (const isPut of [isPagePut, isProducerPut]) {
      const deps = await testDeps({ limits: { pageEntries: 1, maxTailEntries: 4, maxHeadProducers: 1 } })
      const topicId = await createTopic(deps)
      await produceOne(deps, sequenced(0, 7))
      let deleted = false
      deps.documents.faults.once(
        isPut,
        runBefore(async () => {
          await remove(otherEnvironment(deps))
          deleted = true
        }),
      )
      await produceOne(deps, sequenced(0, 8))
      expect([deleted, await leftOf(deps, topicId)]).toEqual([true, 0])
    }
  })
})

test('H8: a head that is there is in no transaction, not even as a check', async () => {
  const deps = await testDeps({ limits: TINY_LIMITS })
  await createTopic(deps)
  for (let count = 0; count < 9; count += 1) await produceOne(deps, sequenced(0, count))
  await createPartitions(deps, {
    topics: [{ name: TOPIC, count: 2, assignments: null }],
    validateOnly: false,
  })
  await remove(deps)
  const transactions = deps.documents.faults.calls.filter(({ method }) => method === 'transact')
  const ofHeads = transactions.filter(({ sk }) => sk.split(',').includes('HEAD'))
  expect(ofHeads.map(({ pk }) => pk.split(',')[0]?.split('#')[2])).toEqual(['1'])
})

describe('auto.create.topics.enable', () => {
  test('a produce to partition 0 creates the topic with the cluster’s defaults', async () => {
    const deps = await testDeps({ configs: { 'num.partitions': '3' } })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: undefined, baseOffset: 0 })
    expect(await produceOne(deps, batchOf(1), { partitionIndex: 2 })).toMatchObject({ baseOffset: 0 })
  })

  test.each([
    { name: 'a higher partition', options: { partitionIndex: 1 }, error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    { name: 'a topic id', options: { topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }, error: 'UNKNOWN_TOPIC_ID' },
    { name: 'a name no topic may have', options: { topic: '..' }, error: 'INVALID_TOPIC_EXCEPTION' },
  ])('a produce with $name creates none', async ({ options, error }) => {
    const deps = await testDeps({ configs: { 'num.partitions': '3' } })
    expect(await produceOne(deps, batchOf(1), options)).toMatchObject({ errorName: error, effect: 'none' })
    expect(deps.documents.faults.calls.filter(({ method }) => method === 'put')).toEqual([])
  })

  test('a batch that is refused creates none', async () => {
    const deps = await testDeps()
    expect(await produceOne(deps, batchOf(1).fill(9, 66, 67))).toMatchObject({ errorName: 'CORRUPT_MESSAGE' })
    expect(deps.documents.faults.calls.filter(({ method }) => method === 'put')).toEqual([])
  })

  test('a fetch or list-offsets creates none', async () => {
    const deps = await testDeps()
    expect(errorOf(await fetchOne(deps, 0))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(errorOf(await listOne(deps, -1))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(deps.documents.faults.calls.filter(({ method }) => method === 'put')).toEqual([])
  })

  test('false: none is created', async () => {
    const deps = await testDeps({ configs: { 'auto.create.topics.enable': 'false' } })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(deps.documents.faults.calls.filter(({ method }) => method === 'put')).toEqual([])
  })

  test('two produces at once append to one topic', async () => {
    const deps = await testDeps()
    const rows = await Promise.all([
      produceOne(deps, batchOf(1, { value: 'a' })),
      produceOne(otherEnvironment(deps), batchOf(1, { value: 'b' })),
    ])
    expect(rows.map(({ baseOffset }) => baseOffset).sort()).toEqual([0, 1])
  })

  test('a name that collides with another topic’s is refused', async () => {
    const deps = await testDeps()
    await createTopic(deps, 'a.b')
    expect(await produceOne(deps, batchOf(1), { topic: 'a_b' })).toMatchObject({
      errorName: 'INVALID_TOPIC_EXCEPTION',
    })
  })
})

describe('a topic id that is sent along', () => {
  const OTHER = 'AAAAAAAAAAAAAAAAAAAAAA'

  test('must be the topic’s: else INCONSISTENT_TOPIC_ID, or UNKNOWN_TOPIC_ID where there is no topic', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await produceOne(deps, batchOf(1), { topicId })
    expect(await produceOne(deps, batchOf(1), { topicId: OTHER })).toMatchObject({
      errorName: 'INCONSISTENT_TOPIC_ID',
    })
    expect(errorOf(await fetchOne(deps, 0, { topicId: OTHER }))).toBe('INCONSISTENT_TOPIC_ID')
    await remove(deps)
    expect(await produceOne(deps, batchOf(1), { topicId })).toMatchObject({ errorName: 'UNKNOWN_TOPIC_ID' })
    expect(errorOf(await fetchOne(deps, 0, { topicId }))).toBe('UNKNOWN_TOPIC_ID')
  })

  test('is that of the topic as it is now, whatever is remembered', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const remembers = otherEnvironment(deps)
    await produceOne(remembers, batchOf(1))
    await remove(deps)
    const topicId = await createTopic(deps)
    expect(await produceOne(remembers, batchOf(1), { topicId })).toMatchObject({ baseOffset: 0 })
  })

  test('makes no topic of another id where the one that is remembered is gone', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const remembers = otherEnvironment(deps)
    await produceOne(remembers, batchOf(1))
    await remove(deps)
    expect(await produceOne(remembers, batchOf(1), { topicId: OTHER })).toMatchObject({
      errorName: 'UNKNOWN_TOPIC_ID',
      effect: 'none',
    })
    expect(await deps.documents.store.get({ pk: 'TOPICS', sk: TOPIC }, 'strong')).toBeUndefined()
  })
})

describe('a topic made anew', () => {
  const anew = (deps: TestDeps) => async () => {
    const others = otherEnvironment(deps)
    await remove(others)
    await createTopic(others)
  }

  test('between plan and append takes the batch, which is put once more', async () => {
    const deps = await testDeps()
    const old = await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, runBefore(anew(deps)))
    expect(await produceOne(deps, batchOf(1, { value: 'a' }))).toMatchObject({
      errorName: undefined,
      baseOffset: 0,
    })
    expect(await fetchAll(deps)).toMatchObject([{ value: 'a' }])
    expect(await leftOf(deps, old)).toBe(0)
    expect(deps.nodes.get(0)?.faults.calls.filter(({ method }) => method === 'put')).toHaveLength(2)
  })

  test('between plan and append is another one for who sent the id', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, runBefore(anew(deps)))
    expect(await produceOne(deps, batchOf(1), { topicId })).toMatchObject({
      errorName: 'UNKNOWN_TOPIC_ID',
      effect: 'none',
    })
    expect(await fetchAll(deps)).toEqual([])
  })

  test('twice is tried once', async () => {
    const deps = await testDeps()
    const old = await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, runBefore(anew(deps)))
    deps.documents.faults.once((call) => isHeadUpdate(call) && !call.pk.includes(old), runBefore(anew(deps)))
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'UNKNOWN_TOPIC_OR_PARTITION',
      effect: 'none',
    })
    expect(await fetchAll(deps)).toEqual([])
  })

  test('takes the batch of an environment that remembers the old topic, but no head of it', async () => {
    const deps = await testDeps()
    await createTopic(deps, TOPIC, { partitions: 2 })
    const remembers = otherEnvironment(deps)
    await produceOne(remembers, batchOf(1))
    await remove(deps)
    await createTopic(deps, TOPIC, { partitions: 2 })
    expect(await produceOne(remembers, batchOf(1), { partitionIndex: 1 })).toMatchObject({ baseOffset: 0 })
  })

  test('or is gone, for who sent the id to such an environment', async () => {
    for (const call of ['produce', 'fetch']) {
      const deps = await testDeps()
      const topicId = await createTopic(deps, TOPIC, { partitions: 2 })
      const remembers = otherEnvironment(deps)
      await produceOne(remembers, batchOf(1))
      await remove(deps)
      const options = { partitionIndex: 1, topicId }
      const row =
        call === 'produce'
          ? await produceOne(remembers, batchOf(1), options)
          : await fetchOne(remembers, 0, options)
      expect([call, errorOf(row)]).toEqual([call, 'UNKNOWN_TOPIC_ID'])
    }
  })

  test('begins at 0 for its readers and producers', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    await produceOne(deps, sequenced(0))
    await anew(deps)()
    const others = otherEnvironment(deps)
    expect(await fetchAll(others)).toEqual([])
    expect(await produceOne(others, sequenced(1))).toMatchObject({
      errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    })
    expect(await produceOne(others, sequenced(0))).toMatchObject({ baseOffset: 0 })
  })
})

async function idOf(deps: TestDeps, name: string): Promise<string> {
  const item = await deps.documents.store.get({ pk: 'TOPICS', sk: name }, 'strong')
  return String(item?.topicId)
}

function heads(calls: readonly DocumentCall[], method: DocumentCall['method']): string[] {
  return calls.filter((call) => call.method === method && call.sk === 'HEAD').map(({ pk }) => pk)
}
