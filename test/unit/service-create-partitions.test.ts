import { describe, expect, test } from 'vitest'
import { nodeLostData, nodeWentDown } from '../../shared/core/storage-node.ts'
import { alterConfigsRequest } from '../../shared/protocol/api/configs.ts'
import { createPartitionsRequest } from '../../shared/protocol/api/topics.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { alterConfigs } from '../../shared/service/alter-configs.ts'
import { createPartitions } from '../../shared/service/create-partitions.ts'
import { deleteTopics } from '../../shared/service/delete-topics.ts'
import { encodeLease } from '../../shared/store/items/cluster-item.ts'
import { decodeTopic } from '../../shared/store/items/topic-item.ts'
import { CONTROLLER, headKey, INCARNATION_OBJECT, topicKey } from '../../shared/store/keys.ts'
import { isTopicCounted, runBefore } from '../support/calls.ts'
import { changeNode } from '../support/change-node.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import { batchOf, createTopic, errorOf, produceOne, TOPIC } from '../support/log-requests.ts'
import { asTimePasses } from '../support/node-troubles.ts'
import { storedHead } from '../support/partition-invariants.ts'
import {
  otherEnvironment,
  START_MS,
  type TestDeps,
  type TestOptions,
  testDeps,
} from '../support/test-deps.ts'

/** When a controller looks at a head that is put at the start. */
const SOON_MS = START_MS + LIMITS.newHeadDueMs

const ask = async (deps: TestDeps, request: object) =>
  (await createPartitions(deps, createPartitionsRequest.parse(request))).topics
const grow = async (deps: TestDeps, count: number) =>
  (await ask(deps, { topics: [{ name: TOPIC, count }] }))[0] ?? {}
const remove = (deps: TestDeps) => deleteTopics(deps, { topics: [{ name: TOPIC }] })
/** A storage node gets another bucket, and its document knows it. */
async function losesBucket(deps: TestDeps, nodeId: number): Promise<void> {
  await changeNode(deps, nodeId, (node) => nodeLostData(node, 1, 'another'))
  const bytes = new TextEncoder().encode('another')
  await deps.nodes.get(nodeId)?.store.put(INCARNATION_OBJECT, [bytes], new AbortController().signal)
}
const isHeadPut = ({ method, sk }: DocumentCall) => method === 'transact' && sk.startsWith('HEAD,')

async function topicOfThree(options: TestOptions = {}) {
  const deps = await testDeps(options)
  const topicId = await createTopic(deps, TOPIC, { partitions: 3 })
  deps.documents.faults.calls.length = 0
  return { deps, topicId }
}

/** How many partitions the topic's document counts; undefined when there is no topic. */
async function counted(deps: TestDeps): Promise<number | undefined> {
  const item = await deps.documents.store.get(topicKey(TOPIC), 'strong')
  return item === undefined ? undefined : decodeTopic(TOPIC, item).partitionCount
}

/** The partitions of a topic's id that have a head. */
async function heads(deps: TestDeps, topicId: string): Promise<readonly number[]> {
  const partitions = Array.from({ length: 12 }, (_, partitionIndex) => partitionIndex)
  const items = await Promise.all(
    partitions.map((partition) => deps.documents.store.get(headKey(topicId, partition), 'strong')),
  )
  return partitions.filter((partition) => items[partition] !== undefined)
}
const upTo = (count: number) => Array.from({ length: count }, (_, partitionIndex) => partitionIndex)

/** From call `position` on the store answers nothing more, as when the process is killed. */
function stopAfter(deps: TestDeps, position: number): void {
  let calls = 0
  deps.documents.faults.always(({ method }) => {
    calls += 1
    if (calls <= position) return undefined
    return method === 'get' || method === 'list' ? { fault: 'throttled' } : { fault: 'callLost' }
  })
}

describe('creating partitions', () => {
  test('adds heads placed as those before, which are appended to at once', async () => {
    const { deps, topicId } = await topicOfThree()
    await produceOne(deps, batchOf(4))
    expect(await grow(deps, 5)).toEqual({ name: TOPIC, topicId, errorCode: 0 })
    expect([await counted(deps), await heads(deps, topicId)]).toEqual([5, upTo(5)])
    const third = await storedHead(deps, topicId, 3)
    expect(third.replicas).toEqual((await storedHead(deps, topicId, 0)).replicas) // of three nodes
    expect(await produceOne(deps, batchOf(1), { partitionIndex: 4 })).toMatchObject({ baseOffset: 0 })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ baseOffset: 4 })
    expect(deps.triggered).toEqual([])
  })

  test.each([
    { given: { count: 3 }, error: 'INVALID_PARTITIONS' },
    { given: { count: 2 }, error: 'INVALID_PARTITIONS' },
    { given: { count: -1 }, error: 'INVALID_PARTITIONS' },
    { given: { count: 1001 }, error: 'INVALID_PARTITIONS' },
    { given: { name: 'nowhere' }, error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    { given: { name: 'a b' }, error: 'INVALID_TOPIC_EXCEPTION' },
    { given: { assignments: [{ brokerIds: [1] }] }, error: 'INVALID_REPLICA_ASSIGNMENT' },
  ])('is refused with $error for $given, asked only or not', async ({ given, error }) => {
    const { deps, topicId } = await topicOfThree()
    for (const validateOnly of [true, false]) {
      const rows = await ask(deps, { topics: [{ name: TOPIC, count: 4, ...given }], validateOnly })
      expect(rows).toMatchObject([{ errorName: error, effect: 'none' }])
    }
    expect([await counted(deps), await heads(deps, topicId)]).toEqual([3, upTo(3)])
  })

  test('the same topic twice is refused twice, the others grow', async () => {
    const { deps } = await topicOfThree()
    await createTopic(deps, 'b')
    const topics = [TOPIC, 'b', TOPIC].map((name) => ({ name, count: 9 }))
    expect((await ask(deps, { topics })).map(errorOf)).toEqual([
      'INVALID_REQUEST',
      undefined,
      'INVALID_REQUEST',
    ])
    expect(await counted(deps)).toBe(3)
  })

  test('asked only, it writes nothing', async () => {
    const { deps, topicId } = await topicOfThree()
    const rows = await ask(deps, { topics: [{ name: TOPIC, count: 5 }], validateOnly: true })
    expect(rows).toEqual([{ name: TOPIC, topicId, errorCode: 0 }])
    expect(deps.documents.faults.calls.every(({ method }) => method === 'get')).toBe(true)
  })
})

describe('two at once, to 5 and to 8', () => {
  test.each([
    { first: 5, second: 8 },
    { first: 8, second: 5 },
  ])('$second before any step of $first: no head is missing', async ({ first, second }) => {
    const answers = new Set<string>()
    for (let position = 0; ; position += 1) {
      const { deps, topicId } = await topicOfThree()
      let calls = 0
      let inner: object | undefined
      deps.documents.faults.always(() => {
        calls += 1
        if (calls !== position + 1) return undefined
        return {
          fault: 'before',
          run: async () => {
            inner = await grow(otherEnvironment(deps), second)
          },
        }
      })
      const outer = await grow(deps, first)
      deps.documents.faults.always(undefined)
      if (inner === undefined) break
      expect([await counted(deps), await heads(deps, topicId)]).toEqual([8, upTo(8)])
      for (const partitionIndex of upTo(8)) {
        const appended = await produceOne(otherEnvironment(deps), batchOf(1), { partitionIndex })
        expect(appended).toMatchObject({ baseOffset: 0 })
      }
      answers.add(`${errorOf(outer)} ${errorOf(inner)}`)
    }
    // Whoever asks for 5 of a topic that has 8 is refused; the other one always succeeds.
    const refused = first === 5 ? 'INVALID_PARTITIONS undefined' : 'undefined INVALID_PARTITIONS'
    expect([...answers].sort()).toEqual([refused, 'undefined undefined'].sort())
  })

  test('to the same count both succeed: that many there are', async () => {
    const { deps, topicId } = await topicOfThree()
    const rows = await Promise.all([grow(deps, 5), grow(otherEnvironment(deps), 5)])
    expect(rows.map(errorOf)).toEqual([undefined, undefined])
    expect([await counted(deps), await heads(deps, topicId)]).toEqual([5, upTo(5)])
  })
})

describe('many at once', () => {
  const limits = { headsPerTransaction: 2 }
  const putsOf = (deps: TestDeps) => deps.documents.faults.calls.filter(isHeadPut).map(({ sk }) => sk)

  test('are put in transactions of so many, one after the other', async () => {
    const { deps, topicId } = await topicOfThree({ limits })
    expect(await grow(deps, 8)).toMatchObject({ errorCode: 0 })
    expect([await counted(deps), await heads(deps, topicId)]).toEqual([8, upTo(8)])
    expect(putsOf(deps)).toEqual([`HEAD,HEAD,${TOPIC}`, `HEAD,HEAD,${TOPIC}`, `HEAD,${TOPIC}`])
  })

  test('of which another one put some meanwhile are put without them', async () => {
    const { deps, topicId } = await topicOfThree({ limits })
    deps.documents.faults.once(
      isHeadPut,
      runBefore(async () => {
        const item = await deps.documents.store.get(headKey(topicId, 0), 'strong')
        await deps.documents.store.put(headKey(topicId, 4), item ?? {}, 'absent')
      }),
    )
    expect(await grow(deps, 6)).toMatchObject({ errorCode: 0 })
    expect(await heads(deps, topicId)).toEqual(upTo(6))
    expect(putsOf(deps)).toEqual([`HEAD,HEAD,${TOPIC}`, `HEAD,${TOPIC}`, `HEAD,${TOPIC}`])
  })
})

describe('a topic that is deleted meanwhile', () => {
  test('takes its new heads along', async () => {
    for (const isStep of [isHeadPut, isTopicCounted]) {
      const { deps, topicId } = await topicOfThree()
      deps.documents.faults.once(
        isStep,
        runBefore(() => remove(otherEnvironment(deps))),
      )
      expect(await grow(deps, 5)).toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' })
      expect([await counted(deps), await heads(deps, topicId)]).toEqual([undefined, []])
    }
  })

  test('and made anew keeps what it was made with', async () => {
    const { deps, topicId } = await topicOfThree()
    let again = ''
    deps.documents.faults.once(
      isTopicCounted,
      runBefore(async () => {
        const other = otherEnvironment(deps)
        await remove(other)
        again = await createTopic(other, TOPIC, { partitions: 4 })
      }),
    )
    expect(await grow(deps, 5)).toMatchObject({ errorName: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' })
    expect(await heads(deps, topicId)).toEqual([])
    expect([await counted(deps), await heads(deps, again)]).toEqual([4, upTo(4)])
  })
})

describe('what was begun before', () => {
  test('killed after any number of steps it can be done again', async () => {
    for (let position = 0; ; position += 1) {
      const { deps, topicId } = await topicOfThree()
      stopAfter(deps, position)
      const row = await grow(deps, 5)
      deps.documents.faults.always(undefined)
      const isDone = (await counted(deps)) === 5
      expect(isDone).toBe(errorOf(row) === undefined)
      if (!isDone) expect(await grow(deps, 6)).toMatchObject({ errorCode: 0 })
      expect(await heads(deps, topicId)).toEqual(upTo(isDone ? 5 : 6))
      await remove(deps)
      expect(await heads(deps, topicId)).toEqual([])
      if (isDone) return expect(position).toBe(6)
    }
  })

  /** Heads 3 and 4 of a topic that has 3 partitions. */
  async function begun() {
    const made = await topicOfThree()
    made.deps.documents.faults.once(isTopicCounted, { fault: 'callLost' })
    expect(await grow(made.deps, 5)).toMatchObject({ errorName: 'REQUEST_TIMED_OUT' })
    expect(await heads(made.deps, made.topicId)).toEqual(upTo(5))
    return made
  }

  test('is taken as it is but for min.insync.replicas, which is that of now', async () => {
    const { deps, topicId } = await begun()
    const configs = [{ name: 'min.insync.replicas', configOperation: 0, value: '3' }]
    const resources = [{ resourceType: 2, resourceName: TOPIC, configs }]
    await alterConfigs(deps, alterConfigsRequest.parse({ resources }))
    expect((await storedHead(deps, topicId, 3)).minIsr).toBe(2)
    expect(await grow(deps, 6)).toMatchObject({ errorCode: 0 })
    const stored = await Promise.all(upTo(6).map((partition) => storedHead(deps, topicId, partition)))
    expect(stored.map(({ minIsr }) => minIsr)).toEqual(upTo(6).map(() => 3))
  })

  test('and knows buckets of then is told of those of now before it can be appended to', async () => {
    const { deps, topicId } = await begun()
    await losesBucket(deps, 1)
    expect(await grow(deps, 6)).toMatchObject({ errorCode: 0 })
    const stored = await Promise.all([3, 4, 5].map((partition) => storedHead(deps, topicId, partition)))
    for (const { replicas, leader } of stored) {
      expect([...replicas].sort()).toEqual(['0.1', '1.2', '2.1'])
      expect(leader).toBeDefined()
    }
  })

  test('and knows buckets of then waits for another controller that is at work', async () => {
    const { deps } = await begun()
    await losesBucket(deps, 1)
    const lease = { holder: 'another', controllerEpoch: 9, expiresAtMs: START_MS + 3_600_000 }
    await deps.documents.store.put(CONTROLLER, encodeLease(lease), 'absent')
    expect(await asTimePasses(deps, grow(deps, 6))).toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      effect: 'none',
    })
    expect(await counted(deps)).toBe(3)
  })
})

test('a storage node that gets another bucket before the partitions are counted on is told to the new heads first', async () => {
  const { deps, topicId } = await topicOfThree()
  deps.documents.faults.once(
    isTopicCounted,
    runBefore(() => losesBucket(deps, 1)),
  )
  expect(await grow(deps, 5)).toMatchObject({ errorCode: 0 })
  const stored = await Promise.all([3, 4].map((partition) => storedHead(deps, topicId, partition)))
  for (const { replicas } of stored) expect([...replicas].sort()).toEqual(['0.1', '1.2', '2.1'])
})

test('a head that arrives late does not come back once its topic is deleted', async () => {
  const { deps, topicId } = await topicOfThree()
  deps.documents.faults.once(isHeadPut, { fault: 'appliedLater', calls: 30 })
  expect(await grow(deps, 4)).toMatchObject({ errorName: 'REQUEST_TIMED_OUT' })
  expect(await grow(deps, 4)).toMatchObject({ errorCode: 0 })
  await remove(deps)
  for (let calls = 0; calls < 40; calls += 1) await counted(deps)
  for (let calls = 0; calls < 40; calls += 1) await deps.documents.get(topicKey(TOPIC), 'strong')
  expect(await heads(deps, topicId)).toEqual([])
})

test('a node that goes down before the partitions are counted on is told to the new heads, and no others', async () => {
  const { deps, topicId } = await topicOfThree()
  deps.documents.faults.once(
    isTopicCounted,
    runBefore(() => changeNode(deps, 1, (node) => nodeWentDown(node, 1, START_MS))),
  )
  await grow(deps, 5)
  const due = await Promise.all(
    upTo(5).map(async (partition) => (await storedHead(deps, topicId, partition)).dueAtMs),
  )
  expect(due).toEqual([SOON_MS, SOON_MS, SOON_MS, START_MS, START_MS])
  expect(deps.triggered).toEqual([{ task: 'controller' }])
})
