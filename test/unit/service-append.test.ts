import { describe, expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import { nodeOf } from '../../shared/core/head.ts'
import { ulidBytes, ulidText } from '../../shared/core/ulid.ts'
import { decodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { partitionPk, producerStateKey } from '../../shared/store/keys.ts'
import {
  changeHead,
  isHeadRead,
  isHeadUpdate,
  isProducerPut,
  isProducerRead,
  runAfter,
  runBefore,
} from '../support/calls.ts'
import type { DocumentCall, DocumentFault } from '../support/faulty-store.ts'
import { batchOf, createTopic, fetchAll, produceOne, sequenced, TOPIC } from '../support/log-requests.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, START_MS, type TestDeps, TINY_LIMITS, testDeps } from '../support/test-deps.ts'

/** One batch in the tail at most, one producer in the head. */
const LONELY = { pageEntries: 1, maxTailEntries: 4, maxHeadProducers: 1 }

async function values(deps: TestDeps): Promise<readonly string[]> {
  return (await fetchAll(otherEnvironment(deps))).map(({ value }) => value)
}

async function followerOf(deps: TestDeps, topicId: string): Promise<string> {
  const { leader, replicas } = await storedHead(deps, topicId)
  return replicas.find((replica) => replica !== leader) ?? ''
}

async function sound(deps: TestDeps, topicId: string): Promise<void> {
  expect((await brokenInvariants(deps, topicId, undefined)).broken).toEqual([])
}

/** Another producer moves out the only one in the head, but does not get in itself: there is room now. */
async function moveOut(deps: TestDeps, byProducerId: number): Promise<void> {
  let updates = 0
  const isAppendAfterwards = (call: DocumentCall) => {
    if (isHeadUpdate(call)) updates += 1
    return updates === 3
  }
  deps.documents.faults.once(isAppendAfterwards, { fault: 'throttled' })
  const answer = await produceOne(deps, sequenced(0, byProducerId))
  expect(answer).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', effect: 'none' })
}

describe('C1: success is answered only for what is replicated', () => {
  test('an append, its repetition and the repetition of that wait for the high watermark', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps, TOPIC, { configs: { 'min.insync.replicas': '3' } })
    await produceOne(deps, sequenced(0))
    await changeHead(deps, topicId, { holeStart: { [await followerOf(deps, topicId)]: 1 } })

    const first = await produceOne(deps, sequenced(1))
    const retried = await produceOne(deps, sequenced(1))
    expect([first, retried]).toMatchObject([
      { errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' },
      { errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' },
    ])

    await changeHead(deps, topicId, { holeStart: {}, highWatermark: 2 })
    expect(await produceOne(deps, sequenced(1))).toMatchObject({ errorName: undefined, baseOffset: 1 })
  })

  test('the repetition of a batch that is replicated is answered at once, whatever came after it', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await produceOne(deps, sequenced(0))
    await changeHead(deps, topicId, { holeStart: { [await followerOf(deps, topicId)]: 1 } })
    await produceOne(deps, batchOf(5), { acks: 1 })
    expect(await produceOne(deps, sequenced(0))).toMatchObject({ errorName: undefined, baseOffset: 0 })
  })

  test('with too few replicas in sync after the append the answer says so', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await produceOne(deps, sequenced(0))
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => changeHead(deps, topicId, { isr: ['0.1'] })),
    )
    expect(await produceOne(deps, sequenced(1))).toMatchObject({ errorName: undefined })
    // The ISR without its version is what no command writes; the next head back tells.
    expect(await produceOne(deps, sequenced(1))).toMatchObject({
      errorName: 'NOT_ENOUGH_REPLICAS',
      effect: 'none',
    })
  })

  test('acks=1 does not wait', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await changeHead(deps, topicId, { holeStart: { [await followerOf(deps, topicId)]: 0 } })
    expect(await produceOne(deps, sequenced(0), { acks: 1 })).toMatchObject({ baseOffset: 0 })
    expect(await produceOne(deps, sequenced(0), { acks: 1 })).toMatchObject({ baseOffset: 0 })
  })
})

describe('C2: the high watermark of another leader epoch does not vouch for an append', () => {
  /** What an election does that truncates to 0, and what its leader appends. */
  const election = (deps: TestDeps, topicId: string) =>
    changeHead(deps, topicId, {
      leader: '1.1',
      leaderEpoch: 1,
      partitionEpoch: 1,
      lineage: { 0: 0, 1: 0 },
      logEndOffset: 5,
      highWatermark: 5,
      producers: {},
      producerOffsets: {},
    })

  test.each([-1, 1])('a truncated entry that is still in the tail is no success: acks=%d', async (acks) => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, { fault: 'answerLost' })
    deps.documents.faults.once(
      isHeadRead,
      runBefore(() => Promise.resolve()),
    ) // of the preparation
    deps.documents.faults.once(
      isHeadRead,
      runBefore(() => election(deps, topicId)),
    )
    expect(await produceOne(deps, batchOf(3), { acks })).toMatchObject({
      errorName: 'REQUEST_TIMED_OUT',
      effect: 'unknown',
    })
    expect(Object.keys((await storedHead(deps, topicId)).tail)).toHaveLength(1)
  })

  test('an idempotent batch that was truncated is appended again, in the new epoch', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, { fault: 'answerLost' })
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => election(deps, topicId)),
    )
    expect(await produceOne(deps, sequenced(0))).toMatchObject({ errorName: undefined, baseOffset: 5 })
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(6)
  })
})

describe('C4: an append whose outcome is unknown', () => {
  test('without a sequence is found though others appended so much that it left the tail', async () => {
    const deps = await testDeps({ limits: TINY_LIMITS })
    const topicId = await createTopic(deps)
    const others = otherEnvironment(deps)
    await produceOne(deps, batchOf(1, { value: 'earlier' }))
    deps.documents.faults.once(isHeadUpdate, { fault: 'answerLost' })
    deps.documents.faults.once(
      isHeadRead,
      runBefore(async () => {
        for (let count = 0; count < 9; count += 1) await produceOne(others, batchOf(1))
      }),
    )
    expect(await produceOne(deps, batchOf(2, { value: 'mine' }))).toMatchObject({ baseOffset: 1 })
    expect((await values(deps)).filter((value) => value === 'mine')).toHaveLength(1)
    await sound(deps, topicId)
  })

  test('without a sequence is never sent again: not found is unknown', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, { fault: 'callLost' })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'REQUEST_TIMED_OUT',
      effect: 'unknown',
    })
    expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(1)
    expect(await values(deps)).toEqual([])
  })

  test('without a sequence may still land once the answer was given', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, { fault: 'appliedLater', calls: 1 })
    expect(await produceOne(deps, batchOf(1, { value: 'late' }))).toMatchObject({ effect: 'unknown' })
    await produceOne(deps, batchOf(1, { value: 'next' }))
    expect(await values(deps)).toEqual(['late', 'next'])
  })

  test.each<DocumentFault>([
    { fault: 'answerLost' },
    { fault: 'callLost' },
    ...[0, 1, 2, 3, 4, 5].map((calls) => ({ fault: 'appliedLater' as const, calls })),
  ])('with a sequence is sent again, and lands once: $fault $calls', async (fault) => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    for (const baseSequence of [0, 1]) {
      deps.documents.faults.once(isHeadUpdate, fault)
      expect(await produceOne(deps, sequenced(baseSequence))).toMatchObject({ baseOffset: baseSequence })
    }
    expect(await values(deps)).toHaveLength(2)
    await sound(deps, topicId)
  })

  test('with a sequence is sent three times at most, and then unknown', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    deps.documents.faults.always((call) => (isHeadUpdate(call) ? { fault: 'callLost' } : undefined))
    expect(await produceOne(deps, sequenced(0))).toMatchObject({
      errorName: 'REQUEST_TIMED_OUT',
      effect: 'unknown',
    })
    expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(3)
  })

  test.each([
    { name: 'the store refuses', fault: { fault: 'throttled' as const } },
    { name: 'the topic is gone', fault: undefined },
  ])('stays unknown when the next try is refused for good: $name', async ({ fault }) => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, { fault: 'callLost' })
    deps.documents.faults.once(
      isHeadUpdate,
      fault ?? runBefore(() => deps.documents.store.delete({ pk: partitionPk(topicId, 0), sk: 'HEAD' }, [])),
    )
    expect(await produceOne(deps, sequenced(0))).toMatchObject({
      errorName: 'REQUEST_TIMED_OUT',
      effect: 'unknown',
    })
  })

  test('a definite refusal of the store has no effect', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    deps.documents.faults.once(isHeadUpdate, { fault: 'throttled' })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      effect: 'none',
    })
    expect(await values(deps)).toEqual([])
  })
})

describe('C5: a producer absent from the head is not new', () => {
  test('(a) its first batch, whose answer was lost, is not taken again after it was moved out', async () => {
    const deps = await testDeps({ limits: LONELY })
    const topicId = await createTopic(deps)
    const others = otherEnvironment(deps)
    deps.documents.faults.once(isHeadUpdate, { fault: 'answerLost' })
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(async () => {
        await produceOne(others, batchOf(1)) // pages the lost one too
        await moveOut(others, 8)
      }),
    )
    expect(await produceOne(deps, sequenced(0, 7))).toMatchObject({ errorName: undefined, baseOffset: 0 })
    expect((await storedHead(deps, topicId)).producers).toEqual({})
    expect(await values(deps)).toHaveLength(2)
    await sound(deps, topicId)
  })

  test('(a) nor by an environment that remembers a head without it', async () => {
    const deps = await testDeps({ limits: LONELY })
    await createTopic(deps)
    const remembers = otherEnvironment(deps)
    await fetchAll(remembers)
    await produceOne(deps, sequenced(0, 7))
    await produceOne(deps, sequenced(0, 8))
    expect(await produceOne(remembers, sequenced(0, 7))).toMatchObject({
      errorName: undefined,
      baseOffset: 0,
    })
    expect(await values(deps)).toHaveLength(2)
  })

  test('it goes on where its own document says', async () => {
    const deps = await testDeps({ limits: LONELY })
    const topicId = await createTopic(deps)
    await produceOne(deps, sequenced(0, 7))
    await produceOne(deps, sequenced(0, 8))
    expect(await produceOne(deps, sequenced(2, 7))).toMatchObject({
      errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    })
    expect(await produceOne(deps, sequenced(0, 7, -0))).toMatchObject({ baseOffset: 0 })
    expect(await produceOne(deps, sequenced(1, 7))).toMatchObject({ baseOffset: 2 })
    await sound(deps, topicId)
  })

  test('its epoch fences though it is not in the head', async () => {
    const deps = await testDeps({ limits: LONELY })
    await createTopic(deps)
    await produceOne(deps, sequenced(0, 7, 4))
    await produceOne(deps, sequenced(0, 8))
    expect(await produceOne(deps, sequenced(0, 7, 3))).toMatchObject({ errorName: 'INVALID_PRODUCER_EPOCH' })
    expect(await produceOne(deps, sequenced(0, 7, 5))).toMatchObject({ baseOffset: 2 })
  })

  test('(c) who moves it out and slept does not overwrite what is known since', async () => {
    const deps = await testDeps({ limits: LONELY })
    const topicId = await createTopic(deps)
    const others = otherEnvironment(deps)
    await produceOne(deps, sequenced(0, 7))
    deps.documents.faults.once(
      isProducerPut,
      runBefore(async () => {
        await produceOne(others, sequenced(1, 7))
        await produceOne(others, sequenced(0, 9)) // moves 7 out
        await produceOne(others, sequenced(2, 7)) // and back
        await produceOne(others, sequenced(0, 10)) // and out
      }),
    )
    expect(await produceOne(deps, sequenced(0, 8))).toMatchObject({ errorName: undefined })
    const item = await deps.documents.store.get(producerStateKey(partitionPk(topicId, 0), '7'), 'strong')
    expect(decodeSpilledProducer(item ?? {}).state.nextSequence).toBe(3)
    expect(await produceOne(others, sequenced(2, 7))).toMatchObject({ baseOffset: 3 })
    expect(await values(deps)).toHaveLength(6)
    await sound(deps, topicId)
  })

  test('one whose last batch is in the tail makes room once that is paged', async () => {
    const deps = await testDeps({ limits: { ...LONELY, pageEntries: 4 } })
    const topicId = await createTopic(deps)
    await produceOne(deps, sequenced(0, 7))
    expect(await produceOne(deps, sequenced(0, 8))).toMatchObject({ errorName: undefined, baseOffset: 1 })
    expect(await produceOne(deps, sequenced(0, 7))).toMatchObject({ errorName: undefined, baseOffset: 0 })
    await sound(deps, topicId)
  })

  test.each([
    { name: 'with an open transaction', changes: { openTransactions: { '7': 0 }, openEpochs: { '7': 0 } } },
    { name: 'at or above the high watermark', changes: { highWatermark: 0 } },
  ])('one $name stays: there is no room for another', async ({ changes }) => {
    const deps = await testDeps({ limits: LONELY })
    const topicId = await createTopic(deps)
    await produceOne(deps, sequenced(0, 7))
    await changeHead(deps, topicId, changes)
    expect(await produceOne(deps, sequenced(0, 8), { acks: 1 })).toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      effect: 'none',
    })
  })
})

test('C17: a producer that came back, appended and left while its document was being read is read again', async () => {
  const deps = await testDeps({ limits: LONELY })
  const topicId = await createTopic(deps)
  const others = otherEnvironment(deps)
  await produceOne(deps, sequenced(0, 7))
  await produceOne(deps, sequenced(0, 8)) // moves 7 out
  deps.documents.faults.once(
    isProducerRead,
    runAfter(async () => {
      await produceOne(others, sequenced(1, 7))
      await moveOut(others, 9)
    }),
  )
  expect(await produceOne(deps, sequenced(1, 7))).toMatchObject({ errorName: undefined, baseOffset: 2 })
  expect(await values(deps)).toHaveLength(3)
  await sound(deps, topicId)
})

describe('C7: an object that may have been collected is not committed', () => {
  const floorAt = (deps: TestDeps, ms: number) => ulidText(ulidBytes(ms, deps.randomBytes(10)))

  test('a handler that thaws hours later puts a new one', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const frozenAtMs = deps.clock.nowMs()
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(async () => {
        deps.clock.set(frozenAtMs + 7_200_000)
        await changeHead(deps, topicId, { walFloor: floorAt(deps, frozenAtMs + 3_600_000) })
      }),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: undefined, baseOffset: 0 })
    const { head } = (await brokenInvariants(deps, topicId, undefined)).stored
    const put = deps.nodes.get(0)?.faults.calls.map(({ key }) => key) ?? []
    expect(put).toHaveLength(2)
    expect(Object.keys(head.tail)).toHaveLength(1)
    await sound(deps, topicId)
  })

  test('without a newer object there is no append', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    await changeHead(deps, topicId, { walFloor: floorAt(deps, deps.clock.nowMs() + 3_600_000) })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      effect: 'none',
    })
    expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(3)
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(0)
  })
})

describe('H15: a duplicate older than the producer’s last batch', () => {
  test('is answered its offset from the tail, then from pages, then as a duplicate without offset', async () => {
    const deps = await testDeps({ limits: { ...TINY_LIMITS, maxDuplicatePages: 2 } })
    await createTopic(deps)
    for (let count = 0; count < 8; count += 1) await produceOne(deps, sequenced(count))
    await produceOne(deps, sequenced(8)) // the only one left in the tail
    const answers = []
    for (let count = 0; count < 9; count += 1) answers.push(await produceOne(deps, sequenced(count)))
    expect(answers.map(({ baseOffset }) => baseOffset)).toEqual([-1, -1, -1, -1, 4, 5, 6, 7, 8])
    expect(answers[0]).toMatchObject({ errorName: 'DUPLICATE_SEQUENCE_NUMBER', effect: 'none' })
    expect(await values(deps)).toHaveLength(9)
  })

  test('is found though its producer was moved out of the head', async () => {
    const deps = await testDeps({ limits: LONELY })
    await createTopic(deps)
    for (const sequence of [0, 1, 2]) await produceOne(deps, sequenced(sequence))
    await produceOne(deps, sequenced(0, 8))
    expect(await produceOne(deps, sequenced(1))).toMatchObject({ errorName: undefined, baseOffset: 1 })
  })

  test('is not one of another size: that one has no offset', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 }
    await produceOne(deps, batchOf(3, { producer }))
    expect(await produceOne(deps, batchOf(2, { producer }))).toMatchObject({
      errorName: 'DUPLICATE_SEQUENCE_NUMBER',
    })
  })

  test('from before the sequences wrapped is none if it is not found: a client takes that for success', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const producer = { producerId: 7, producerEpoch: 0 }
    await produceOne(deps, batchOf(3, { producer: { ...producer, baseSequence: 0 } }))
    const never = batchOf(5, { producer: { ...producer, baseSequence: 2 ** 31 - 10 } })
    expect(await produceOne(deps, never)).toMatchObject({ errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
  })

  test('of which only a part was appended before is refused: DUPLICATE_SEQUENCE_NUMBER would stand for success', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    await produceOne(deps, batchOf(3, { producer: { producerId: 7, producerEpoch: 0, baseSequence: 0 } }))
    const overlapping = batchOf(3, { producer: { producerId: 7, producerEpoch: 0, baseSequence: 2 } })
    expect(await produceOne(deps, overlapping)).toMatchObject({
      errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      effect: 'none',
    })
  })
})

describe('a batch that comes before its predecessor', () => {
  test('waits for it by reads, and follows', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const others = otherEnvironment(deps)
    deps.clock.duringNextSleep(async () => {
      await produceOne(others, sequenced(0))
    })
    expect(await produceOne(deps, sequenced(1))).toMatchObject({ baseOffset: 1 })
    expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(2)
  })

  test('is refused after half a second, having cost no write', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    expect(await produceOne(deps, sequenced(1))).toMatchObject({
      errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      effect: 'none',
    })
    expect(deps.clock.sleptMs.reduce((sum, ms) => sum + ms, 0)).toBe(500)
    expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(0)
  })

  test('waits no longer than its request may take', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    await produceOne(deps, sequenced(1), { timeoutMs: 60 })
    expect(deps.clock.sleptMs.reduce((sum, ms) => sum + ms, 0)).toBe(60)
  })

  test('is not refused for what an environment remembers: the head is read before', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const remembers = otherEnvironment(deps)
    await fetchAll(remembers)
    await produceOne(deps, sequenced(0))
    expect(await produceOne(remembers, sequenced(1), { timeoutMs: 0 })).toMatchObject({ baseOffset: 1 })
  })

  test('turns out to be a duplicate, when it was appended meanwhile', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    const others = otherEnvironment(deps)
    deps.clock.duringNextSleep(async () => {
      await produceOne(others, sequenced(0))
      await produceOne(others, sequenced(1))
    })
    expect(await produceOne(deps, sequenced(1))).toMatchObject({ errorName: undefined, baseOffset: 1 })
    expect(await values(deps)).toHaveLength(2)
  })
})

test('an append planned by a head of long ago takes the offsets of now', async () => {
  const deps = await testDeps()
  const topicId = await createTopic(deps)
  const remembers = otherEnvironment(deps)
  await fetchAll(remembers)
  for (let count = 0; count < 3; count += 1) await produceOne(deps, batchOf(2))
  remembers.documents.faults.calls.length = 0
  expect(await produceOne(remembers, batchOf(1))).toMatchObject({ baseOffset: 6 })
  expect(remembers.documents.faults.calls.map(({ method }) => method)).toEqual(['update'])
  await sound(deps, topicId)
})

test('the own reference is looked for with the position of the batch in its object', async () => {
  const deps = await testDeps()
  const topicId = await createTopic(deps)
  await produceOne(deps, batchOf(2))
  const { batches, head } = (await brokenInvariants(deps, topicId, undefined)).stored
  expect(Object.keys(head.tail)).toEqual(batches.map(({ reference }) => packReference(reference)))
})

describe('an append whose request was answered meanwhile', () => {
  const writesOf = (deps: TestDeps) => [
    ...deps.documents.faults.calls.filter(isHeadUpdate),
    ...[...deps.nodes.values()].flatMap(({ faults }) =>
      faults.calls.filter(({ method }) => method === 'put'),
    ),
  ]
  const refused = { errorName: 'KAFKA_STORAGE_ERROR', effect: 'none' }

  test('puts and writes nothing', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const late = { ...deps, deadlineMs: START_MS }
    expect(await produceOne(late, batchOf(1))).toMatchObject(refused)
    expect(writesOf(deps)).toEqual([])
    expect(await produceOne({ ...deps, deadlineMs: START_MS + 1 }, batchOf(1))).toMatchObject({
      baseOffset: 0,
    })
    await sound(deps, topicId)
  })

  test.each<{ name: string; failing: readonly (number | 'a follower')[] }>([
    { name: 'is not written when they arrive', failing: [] },
    { name: 'does not try them again when they fail', failing: [0, 1, 2] },
    { name: 'removes nobody from the ISR when one fails', failing: ['a follower'] },
  ])('while its PUTs are under way $name', async ({ failing }) => {
    const deps = await testDeps()
    const follower = await followerOf(deps, await createTopic(deps))
    const deadlineMs = START_MS + 1000
    for (const [nodeId, { faults }] of deps.nodes) {
      const fails =
        failing.includes(nodeId) || (failing.includes('a follower') && nodeOf(follower) === nodeId)
      faults.always(() => {
        if (writesOf(deps).length === 3) deps.clock.set(deadlineMs)
        return fails ? { fault: 'fails' } : undefined
      })
    }
    expect(await produceOne({ ...deps, deadlineMs }, batchOf(1))).toMatchObject(refused)
    expect(writesOf(deps)).toHaveLength(3)
  })

  test('writes nothing when it waited for its producer since', async () => {
    const deps = await testDeps()
    await createTopic(deps)
    deps.documents.faults.once(
      isProducerRead,
      runBefore(() => deps.clock.sleep(1000)),
    )
    expect(await produceOne({ ...deps, deadlineMs: START_MS + 1000 }, sequenced(0))).toMatchObject(refused)
    expect(writesOf(deps)).toHaveLength(3)
  })

  test('is in doubt when an earlier try may have taken effect', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps)
    const deadlineMs = START_MS + 1000
    deps.documents.faults.always((call) => {
      if (!isHeadUpdate(call)) return undefined
      deps.clock.set(deadlineMs)
      return { fault: 'answerLost' }
    })
    const row = await produceOne({ ...deps, deadlineMs }, sequenced(0))
    expect(row).toMatchObject({ errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' })
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(1)
    expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(1)
  })
})
