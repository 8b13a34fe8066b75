import { describe, expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import type { Head } from '../../shared/core/head.ts'
import { explainRefusedAppend, findSequence, producerToSpill } from '../../shared/core/head-answer.ts'
import { append } from '../../shared/core/head-commands.ts'
import { packProducerState, producerKey } from '../../shared/core/producer-state.ts'
import { ulidText } from '../../shared/core/ulid.ts'
import { carriedOut, headWith, objectId, plannedBy, referenceWith } from '../support/heads.ts'

const P7 = producerKey(7)
const sequence = (baseSequence: number, producerEpoch = 3) => ({ producerId: 7, producerEpoch, baseSequence })
const state = (nextSequence: number, producerEpoch = 3) => packProducerState({ producerEpoch, nextSequence })

/** A log of 50 records in which producer 7 of epoch 3 is to go on with sequence 8. */
const planned = headWith({ logEndOffset: 50, highWatermark: 50, producers: { [P7]: state(8) } })
const withoutSequence = plannedBy(planned)
const next = plannedBy(planned, { sequence: sequence(8) })

const fullTail = Object.fromEntries([1, 2, 3, 4].map((ms) => [packReference(referenceWith({}, ms)), ms]))

/** Everything that can speak against an append, the first to be named first. Each alone refuses it. */
const REASONS: readonly { because: string; changes: Partial<Head> }[] = [
  { because: 'applied', changes: { tail: { ...fullTail, [packReference(next.reference)]: 40 } } },
  { because: 'error INVALID_PRODUCER_EPOCH', changes: { producers: { [P7]: state(8, 4), a: 1, b: 1 } } },
  { because: 'duplicate', changes: { producers: { [P7]: state(18), a: 1, b: 1 } } },
  { because: 'error OUT_OF_ORDER_SEQUENCE_NUMBER', changes: { producers: { [P7]: state(17), a: 1, b: 1 } } },
  { because: 'error LEADER_NOT_AVAILABLE', changes: { leader: undefined } },
  { because: 'moved', changes: { leaderEpoch: 1 } },
  { because: 'moved', changes: { partitionEpoch: 1 } },
  { because: 'moved', changes: { holeStart: { '1.1': 45 } } },
  { because: 'gap', changes: { producers: { [P7]: state(7), a: 1, b: 1 } } },
  { because: 'collected', changes: { walFloor: ulidText(objectId(2000)) } },
  { because: 'full', changes: { tail: fullTail } },
  { because: 'crowded', changes: { producers: { a: 1, b: 1, c: 1 } } },
]

function spoken(head: Head | undefined, plan = next): string {
  const refusal = explainRefusedAppend(head, plan)
  return refusal.because === 'error' ? `error ${refusal.errorName}` : refusal.because
}

describe('why an append was refused', () => {
  test('without a head the topic is gone', () => {
    expect(spoken(undefined)).toBe('gone')
  })

  test.each(REASONS)('$because is told from $changes', ({ because, changes }) => {
    const head = { ...planned, ...changes }
    expect(carriedOut(head, append(next))).toBeUndefined()
    expect(spoken(head)).toBe(because)
  })

  const pairs = REASONS.flatMap((first, index) =>
    REASONS.slice(index + 1).map((second) => ({ first, second })),
  )
  test.each(pairs)('$first.because comes before $second.because', ({ first, second }) => {
    // The later reason is written first: where both are about one field, the earlier one speaks.
    expect(spoken({ ...planned, ...second.changes, ...first.changes })).toBe(first.because)
  })

  test('a batch applied before says where it stands', () => {
    const head = { ...planned, tail: { [packReference(next.reference)]: 40 } }
    expect(explainRefusedAppend(head, next)).toMatchObject({ batch: { baseOffset: 40, endOffset: 50 } })
  })

  test('C2: an own entry that a truncation left behind does not count as applied', () => {
    const lineage = { 0: 0, 1: 45 }
    const tail = { [packReference(withoutSequence.reference)]: 40 }
    const head = { ...planned, leaderEpoch: 1, lineage, tail, highWatermark: 90, logEndOffset: 90 }
    expect(spoken(head, withoutSequence)).toBe('moved')
  })

  test('a duplicate is one in the stored epoch only: an older epoch is fenced, whatever the sequence', () => {
    const head = { ...planned, producers: { [P7]: state(8) } }
    const old = plannedBy(planned, { sequence: sequence(3, 2) })
    expect(spoken(head, old)).toBe('error INVALID_PRODUCER_EPOCH')
  })

  test('a batch without a sequence is no duplicate and crowds nobody', () => {
    const producers = { a: 1, b: 1, c: 1, [P7]: 1 }
    expect(spoken({ ...planned, producers, partitionEpoch: 1 }, withoutSequence)).toBe('moved')
  })

  test('a head that moved and moved back is planned by again', () => {
    expect(spoken(planned)).toBe('moved')
  })

  test('a gap names what was expected', () => {
    expect(explainRefusedAppend({ ...planned, producers: { [P7]: state(7) } }, next)).toMatchObject({
      message: 'sequence out of order producerId=7 expected=7 received=8',
    })
  })
})

describe('the batch of a sequence among entries', () => {
  const of = (baseSequence: number, recordCount: number, ms: number, changes = {}) =>
    packReference(referenceWith({ sequence: { ...sequence(baseSequence), ...changes }, recordCount }, ms))
  const entries = {
    [of(0, 5, 1)]: 0,
    [of(5, 5, 2)]: 5,
    [of(5, 5, 3, { producerId: 8 })]: 10,
    [of(5, 5, 4, { producerEpoch: 4 })]: 15,
    [packReference(referenceWith({}, 5))]: 20,
  }
  const wanted = { sequence: sequence(5), recordCount: 5 }

  test('is the one of the same producer, epoch, sequence and count', () => {
    expect(findSequence(entries, { 0: 0 }, wanted)?.baseOffset).toBe(5)
  })

  test.each([
    { name: 'another count', when: { ...wanted, recordCount: 4 } },
    { name: 'another sequence', when: { ...wanted, sequence: sequence(6) } },
    { name: 'another epoch', when: { ...wanted, sequence: sequence(5, 5) } },
    { name: 'another producer', when: { ...wanted, sequence: { ...sequence(5), producerId: 9 } } },
  ])('is not one with $name', ({ when }) => {
    expect(findSequence(entries, { 0: 0 }, when)).toBeUndefined()
  })

  test('is not one that was truncated', () => {
    expect(findSequence(entries, { 0: 0, 1: 7 }, wanted)).toBeUndefined()
  })
})

describe('the producer to make room with', () => {
  const inTail = { [packReference(referenceWith())]: 30 }

  test.each<{ name: string; given: Partial<Head>; expected: string | undefined }>([
    {
      name: 'has no batch in the tail',
      given: { producerOffsets: { a: 30, b: 40 }, tail: inTail },
      expected: 'b',
    },
    {
      name: 'has nothing at or above the high watermark',
      given: { producerOffsets: { a: 50 } },
      expected: undefined,
    },
    {
      name: 'has no transaction open',
      given: { producerOffsets: { a: 10, b: 20 }, openTransactions: { a: 5 } },
      expected: 'b',
    },
    { name: 'may not exist', given: {}, expected: undefined },
  ])('$name', ({ given, expected }) => {
    expect(producerToSpill(headWith({ logEndOffset: 50, highWatermark: 50, ...given }), 0)).toBe(expected)
  })

  test.each([
    { name: 'in a row', stepOfIds: 1 },
    { name: 'a block apart', stepOfIds: 1000 },
  ])('is one of the eight oldest, and not the same for all producers with ids $name', ({ stepOfIds }) => {
    const producerOffsets = Object.fromEntries([...'abcdefghijkl'].map((name, offset) => [name, offset]))
    const head = headWith({ logEndOffset: 50, highWatermark: 50, producerOffsets })
    const spilled = Array.from({ length: 8 }, (_, i) => producerToSpill(head, 7000 + i * stepOfIds) ?? '')
    expect(spilled.join('')).toMatch(/^[a-h]{8}$/)
    expect(new Set(spilled).size).toBeGreaterThanOrEqual(4)
  })
})
