import { describe, expect, test } from 'vitest'
import { type BatchReference, packReference } from '../../shared/core/batch-reference.ts'
import { fence } from '../../shared/core/election.ts'
import type { Head } from '../../shared/core/head.ts'
import { append, type PlannedAppend, spillProducer, trimTail } from '../../shared/core/head-commands.ts'
import { packProducerState, producerKey } from '../../shared/core/producer-state.ts'
import { ulidText } from '../../shared/core/ulid.ts'
import { carriedOut, headWith, objectId, plannedBy, referenceWith } from '../support/heads.ts'

const P7 = producerKey(7)
const sequence = (baseSequence: number, producerEpoch = 3) => ({ producerId: 7, producerEpoch, baseSequence })
const state = (nextSequence: number, producerEpoch = 3) => packProducerState({ producerEpoch, nextSequence })
const tailOf = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [packReference(referenceWith({}, 10 + index)), index]),
  )

/** A log of 50 records with everything replicated, and producer 7 at sequence 8 of epoch 3. */
const settled = (changes: Partial<Head> = {}): Head =>
  headWith({
    logEndOffset: 50,
    highWatermark: 50,
    producers: { [P7]: state(8) },
    producerOffsets: { [P7]: 40 },
    dueAtMs: 7000,
    ...changes,
  })

describe('append', () => {
  test('takes the next offsets, moves the high watermark and remembers the producer, all in one write', () => {
    const head = settled({ dueAtMs: undefined })
    const planned = plannedBy(head, { sequence: sequence(8) })
    expect(carriedOut(head, append(planned))).toEqual({
      ...head,
      logEndOffset: 60,
      highWatermark: 60,
      tail: { [packReference(planned.reference)]: 50 },
      producers: { [P7]: state(18) },
      producerOffsets: { [P7]: 50 },
      dueAtMs: 9000,
    })
  })

  test('leaves an earlier due time as it is', () => {
    const head = settled()
    expect(carriedOut(head, append(plannedBy(head)))?.dueAtMs).toBe(7000)
  })

  test('takes its offset from the head as it is, not as it was planned by', () => {
    const planned = plannedBy(settled())
    const now = settled({ logEndOffset: 90, highWatermark: 90 })
    expect(carriedOut(now, append(planned))).toMatchObject({ logEndOffset: 100, highWatermark: 100 })
  })

  test('of a batch without a sequence touches no producer', () => {
    const head = settled()
    expect(carriedOut(head, append(plannedBy(head)))).toMatchObject({
      producers: head.producers,
      producerOffsets: head.producerOffsets,
    })
  })

  const anyPlan = plannedBy(settled())
  test.each<{ name: string; given: Head | undefined; when?: PlannedAppend }>([
    { name: 'there is no head, which an update would create anew', given: undefined },
    { name: 'another leader epoch began', given: settled({ leaderEpoch: 1 }) },
    { name: 'the leader is gone', given: settled({ leader: undefined }) },
    { name: 'the ISR changed', given: settled({ partitionEpoch: 1 }) },
    {
      name: 'its object may have been collected',
      given: settled({ walFloor: ulidText(objectId(2000)) }),
    },
    {
      name: 'its object is the last that was collected',
      given: settled({ walFloor: ulidText(anyPlan.reference.objectId) }),
    },
    {
      name: 'it is in the tail already',
      given: settled({ tail: { [packReference(anyPlan.reference)]: 40 } }),
    },
    { name: 'the tail is full', given: settled({ tail: tailOf(4) }) },
    { name: 'a follower in the ISR has a hole by now', given: settled({ holeStart: { '1.1': 45 } }) },
  ])('is refused when $name', ({ given, when = anyPlan }) => {
    expect(carriedOut(given, append(when))).toBeUndefined()
  })

  test('takes the last place of the tail', () => {
    const head = settled({ tail: tailOf(3) })
    expect(Object.keys(carriedOut(head, append(plannedBy(head)))?.tail ?? {})).toHaveLength(4)
  })

  test('takes an object that is younger than the floor by a millisecond', () => {
    const head = settled({ walFloor: ulidText(objectId(999)) })
    expect(carriedOut(head, append(plannedBy(head)))).toBeDefined()
  })

  test('is not held up by a hole of a replica that is not in sync', () => {
    const head = settled({ isr: ['0.1', '1.1'], holeStart: { '2.1': 10 } })
    expect(carriedOut(head, append(plannedBy(head)))?.highWatermark).toBe(60)
  })
})

describe('the high watermark in an append', () => {
  test('stands still while a replica in sync has a hole', () => {
    const head = settled({ holeStart: { '1.1': 45 }, highWatermark: 45 })
    expect(carriedOut(head, append(plannedBy(head)))).toMatchObject({ logEndOffset: 60, highWatermark: 45 })
  })

  test('C18: an append planned around a hole is refused once the hole has closed, or nobody would move it', () => {
    const planned = plannedBy(settled({ holeStart: { '1.1': 45 }, highWatermark: 45 }))
    expect(carriedOut(settled(), append(planned))).toBeUndefined()
  })

  test('an append planned around one hole does not mind that another one is there by now', () => {
    const planned = plannedBy(settled({ holeStart: { '1.1': 45 }, highWatermark: 45 }))
    const now = settled({ holeStart: { '2.1': 48 }, highWatermark: 45 })
    expect(carriedOut(now, append(planned))).toMatchObject({ highWatermark: 45 })
  })

  test('stands still while too few replicas are in sync, hole or not (KIP-966)', () => {
    const head = settled({ isr: ['0.1'] })
    expect(carriedOut(head, append(plannedBy(head)))).toMatchObject({ logEndOffset: 60, highWatermark: 50 })
  })

  test('H1: moves with a lone replica that is enough', () => {
    const head = settled({ replicas: ['0.1'], isr: ['0.1'], minIsr: 1 })
    expect(carriedOut(head, append(plannedBy(head)))).toMatchObject({ logEndOffset: 60, highWatermark: 60 })
  })

  test('H1: moves past what was appended while it stood still', () => {
    const head = settled({ logEndOffset: 80, highWatermark: 50 })
    expect(carriedOut(head, append(plannedBy(head)))).toMatchObject({ logEndOffset: 90, highWatermark: 90 })
  })
})

describe('an append that does not reach everybody', () => {
  const missing = (head: Head, ...missed: string[]) => append({ ...plannedBy(head), missed })

  test('says so itself: what missed it lacks it from the same write on', () => {
    const head = settled()
    expect(carriedOut(head, missing(head, '1.1'))).toMatchObject({
      logEndOffset: 60,
      highWatermark: 50,
      holeStart: { '1.1': 50 },
      holeEnd: { '1.1': 60 },
      holeSince: { '1.1': 7000 },
      partitionEpoch: 0,
    })
  })

  test('opens the hole at the log end as it is, not as it was planned by', () => {
    const now = settled({ logEndOffset: 90, highWatermark: 90 })
    expect(carriedOut(now, missing(settled(), '1.1'))).toMatchObject({
      highWatermark: 90,
      holeStart: { '1.1': 90 },
      holeEnd: { '1.1': 100 },
    })
  })

  test('lengthens a hole of before, which began when it began', () => {
    const head = settled({
      highWatermark: 45,
      holeStart: { '1.1': 45 },
      holeEnd: { '1.1': 50 },
      holeSince: { '1.1': 1 },
    })
    expect(carriedOut(head, missing(head, '1.1'))).toMatchObject({
      highWatermark: 45,
      holeStart: { '1.1': 45 },
      holeEnd: { '1.1': 60 },
      holeSince: { '1.1': 1 },
    })
  })

  test('C14: lengthens the hole of one that joins, and moves the high watermark all the same', () => {
    const isr = ['0.1', '1.1']
    const head = settled({ isr, joining: ['2.1'], holeStart: { '2.1': 20 }, holeEnd: { '2.1': 40 } })
    expect(carriedOut(head, missing(head, '2.1'))).toMatchObject({
      highWatermark: 60,
      holeStart: { '2.1': 20 },
      holeEnd: { '2.1': 60 },
    })
  })

  test('may miss several', () => {
    const head = settled()
    expect(carriedOut(head, missing(head, '1.1', '2.1'))).toMatchObject({
      highWatermark: 50,
      holeStart: { '1.1': 50, '2.1': 50 },
      holeEnd: { '1.1': 60, '2.1': 60 },
    })
  })

  test('H1: moves the high watermark when only one that is not in sync missed it, and there is none to move else', () => {
    const head = settled({
      isr: ['0.1'],
      joining: ['1.1'],
      minIsr: 1,
      holeStart: { '1.1': 0, '2.1': 0 },
      holeEnd: { '1.1': 9 },
    })
    expect(carriedOut(head, missing(head, '1.1'))?.highWatermark).toBe(60)
  })

  test('C18: is taken though another hole closed since: it opens one itself', () => {
    const head = settled({ holeStart: { '1.1': 45 }, holeEnd: { '1.1': 50 }, highWatermark: 45 })
    expect(carriedOut(settled(), missing(head, '2.1'))).toMatchObject({
      highWatermark: 50,
      holeStart: { '2.1': 50 },
    })
  })

  test('C18: is refused when it misses only one that joins, and the hole that it was planned around closed', () => {
    const outside = { isr: ['0.1', '1.1'], joining: ['2.1'] }
    const holes = { holeStart: { '1.1': 45, '2.1': 20 }, holeEnd: { '1.1': 50, '2.1': 40 } }
    const head = settled({ ...outside, ...holes, highWatermark: 45 })
    const now = settled({ ...outside, holeStart: { '2.1': 20 }, holeEnd: { '2.1': 40 } })
    expect(carriedOut(head, missing(head, '2.1'))?.highWatermark).toBe(45)
    expect(carriedOut(now, missing(head, '2.1'))).toBeUndefined()
  })

  test('H19: is due at once, whatever was due before: what it missed is to be copied', () => {
    const head = settled({ dueAtMs: 99_999 })
    expect(carriedOut(head, missing(head, '1.1'))?.dueAtMs).toBe(7000)
    expect(carriedOut(settled({ dueAtMs: undefined }), missing(head, '1.1'))?.dueAtMs).toBe(7000)
  })

  test('C1: a batch that one in sync lacks is not committed, whatever is appended after it', () => {
    const head = settled()
    const lagging = carriedOut(head, missing(head, '1.1')) ?? head
    const later = carriedOut(lagging, append(plannedBy(lagging, {}, 1001)))
    expect(later).toMatchObject({ logEndOffset: 70, highWatermark: 50 })
  })
})

describe('the sequence of an append', () => {
  const LAST = 2 ** 31 - 1
  const full = { a: 1, b: 2, c: 3 }
  type Given = { known: Partial<Head>; now?: Partial<Head>; batch: BatchReference['sequence'] }
  const unknown = { producers: {}, producerOffsets: {} }

  test.each<{ name: string; given: Given }>([
    { name: 'is the next one', given: { known: {}, batch: sequence(8) } },
    {
      name: 'is next by the head as it is, not as it was planned by',
      given: { known: { producers: { [P7]: state(5) } }, now: {}, batch: sequence(8) },
    },
    { name: 'is the first of a newer epoch', given: { known: {}, batch: sequence(0, 4) } },
    {
      name: 'goes on after the wrap',
      given: { known: { producers: { [P7]: state(0) } }, batch: sequence(0) },
    },
    {
      name: 'is the last before the wrap',
      given: { known: { producers: { [P7]: state(LAST) } }, batch: sequence(LAST) },
    },
    { name: 'is of a producer not in the head', given: { known: unknown, batch: sequence(0) } },
    { name: 'goes on where the producer’s own document ends', given: { known: unknown, batch: sequence(8) } },
    {
      name: 'is of a producer in a head that is full of producers',
      given: { known: { producers: { [P7]: state(8), a: 1, b: 2 } }, batch: sequence(8) },
    },
  ])('is taken when it $name', ({ given }) => {
    const planned = plannedBy(settled(given.known), { sequence: given.batch })
    expect(carriedOut(settled(given.now ?? given.known), append(planned))).toBeDefined()
  })

  test.each<{ name: string; given: Given }>([
    { name: 'leaves a gap', given: { known: {}, batch: sequence(9) } },
    { name: 'was there before', given: { known: {}, batch: sequence(7) } },
    { name: 'is 0 and was there before', given: { known: {}, batch: sequence(0) } },
    { name: 'is of an older epoch', given: { known: {}, batch: sequence(8, 2) } },
    { name: 'is 0 of an older epoch', given: { known: {}, batch: sequence(0, 2) } },
    { name: 'is not the first of a newer epoch', given: { known: {}, batch: sequence(8, 4) } },
    { name: 'is of a producer that left the head', given: { known: {}, now: unknown, batch: sequence(8) } },
    {
      name: 'C5: is of a producer that came into the head since its own document was read',
      given: { known: unknown, now: { ...unknown, producers: { [P7]: state(0, 0) } }, batch: sequence(0) },
    },
    {
      name: 'C17: is of a producer that came and went since its own document was read',
      given: {
        known: unknown,
        now: { ...unknown, maxEvictedOffset: 50, logEndOffset: 60 },
        batch: sequence(0),
      },
    },
    {
      name: 'finds no room for its producer',
      given: { known: { ...unknown, producers: full }, batch: sequence(0) },
    },
  ])('is refused when it $name', ({ given }) => {
    const planned = plannedBy(settled(given.known), { sequence: given.batch })
    expect(carriedOut(settled(given.now ?? given.known), append(planned))).toBeUndefined()
  })

  test('C17: a producer that left before the head was read does not fence', () => {
    const head = settled({ ...unknown, maxEvictedOffset: 49 })
    expect(carriedOut(head, append(plannedBy(head, { sequence: sequence(0) })))).toBeDefined()
  })
})

describe('trimTail', () => {
  const paged = packReference(referenceWith({}, 10))
  const kept = packReference(referenceWith({}, 11))
  const head = headWith({ tail: { [paged]: 0, [kept]: 10 } })

  test('takes the paged entries out and nothing else, gone or not', () => {
    const gone = packReference(referenceWith({}, 12))
    expect(carriedOut(head, trimTail(head, [paged, gone]))).toEqual({ ...head, tail: { [kept]: 10 } })
  })

  test.each([
    { name: 'no head', given: undefined },
    { name: 'another leader epoch', given: { ...head, leaderEpoch: 1 } },
    { name: 'a head without leader', given: { ...head, leader: undefined } },
  ])('is refused by $name', ({ given }) => {
    expect(carriedOut(given, trimTail(head, [paged]))).toBeUndefined()
  })
})

describe('fence', () => {
  const head = settled()

  test('ends the epoch: no append, trim or spill of before is taken any more', () => {
    const fenced = carriedOut(head, fence(head, 1234))
    expect(fenced).toEqual({ ...head, leader: undefined, leaderEpoch: 1, dueAtMs: 1234 })
    for (const plan of [append(plannedBy(head)), trimTail(head, []), spillProducer(head, P7)]) {
      expect(carriedOut(fenced, plan)).toBeUndefined()
    }
  })

  test('keeps everything out even when planned by the fenced head: there is no leader', () => {
    const fenced = settled({ leader: undefined, leaderEpoch: 1 })
    expect(carriedOut(fenced, append(plannedBy(fenced)))).toBeUndefined()
    expect(carriedOut(fenced, trimTail(fenced, []))).toBeUndefined()
    expect(carriedOut(fenced, spillProducer(fenced, P7))).toBeUndefined()
  })

  test.each([
    { name: 'no head, which is never created anew', given: undefined },
    { name: 'a head of another epoch', given: settled({ leaderEpoch: 1 }) },
  ])('is refused by $name', ({ given }) => {
    expect(carriedOut(given, fence(head, 1234))).toBeUndefined()
  })
})

describe('spillProducer', () => {
  test('takes the producer out of the head and remembers how far the ones that left had come', () => {
    const head = settled()
    expect(carriedOut(head, spillProducer(head, P7))).toEqual({
      ...head,
      producers: {},
      producerOffsets: {},
      maxEvictedOffset: 40,
    })
  })

  test('never lowers how far they had come', () => {
    const head = settled({ maxEvictedOffset: 45 })
    expect(carriedOut(head, spillProducer(head, P7))?.maxEvictedOffset).toBe(45)
  })

  test.each<{ name: string; given: Head | undefined; planned?: Head }>([
    { name: 'there is no head', given: undefined },
    { name: 'another leader epoch began', given: settled({ leaderEpoch: 1 }) },
    { name: 'there is no leader', given: settled({ leader: undefined }) },
    { name: 'the producer went on', given: settled({ producers: { [P7]: state(9) } }) },
    { name: 'its last batch is another one', given: settled({ producerOffsets: { [P7]: 45 } }) },
    { name: 'it left already', given: settled({ producers: {}, producerOffsets: {} }) },
    { name: 'its last batch is not below the high watermark', given: settled({ highWatermark: 40 }) },
    { name: 'it has a transaction open', given: settled({ openTransactions: { [P7]: 40 } }) },
    { name: 'one that had come further left meanwhile', given: settled({ maxEvictedOffset: 45 }) },
  ])('is refused when $name', ({ given }) => {
    expect(carriedOut(given, spillProducer(settled(), P7))).toBeUndefined()
  })
})
