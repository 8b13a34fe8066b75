import { describe, expect, test } from 'vitest'
import { type BatchReference, packReference } from '../../shared/core/batch-reference.ts'
import { electLeader } from '../../shared/core/election.ts'
import { type Head, type LocatedBatch, locate } from '../../shared/core/head.ts'
import { producerToSpill } from '../../shared/core/head-answer.ts'
import { append, spillProducer } from '../../shared/core/head-commands.ts'
import { packProducerState, producerKey } from '../../shared/core/producer-state.ts'
import { type RemovedMarker, rollBackTransactions } from '../../shared/core/roll-back.ts'
import { applied, carriedOut, headWith, plannedBy, referenceWith } from '../support/heads.ts'

const P7 = producerKey(7)
const P8 = producerKey(8)
const state = (nextSequence: number, producerEpoch = 3) => packProducerState({ producerEpoch, nextSequence })
const sequence = (baseSequence: number, producerEpoch = 3, producerId = 7) => ({
  producerId,
  producerEpoch,
  baseSequence,
})

/** A batch of 10 records at `baseOffset`. */
const batchAt = (baseOffset: number, of: BatchReference['sequence']): LocatedBatch =>
  locate(referenceWith({ sequence: of }, baseOffset), baseOffset)
const tailOf = (...batches: readonly LocatedBatch[]) =>
  Object.fromEntries(batches.map(({ reference, baseOffset }) => [packReference(reference), baseOffset]))

/** A fenced head of 200 records whose replica 1.1 has `logEndOffset` of them, which it is elected with. */
function truncated(changes: Partial<Head>, logEndOffset: number, paged: readonly LocatedBatch[] = []): Head {
  const head = headWith({
    leader: undefined,
    leaderEpoch: 1,
    logEndOffset: 200,
    highWatermark: 100,
    ...changes,
  })
  const election = {
    winner: '1.1',
    isr: ['1.1', '2.1'],
    logEndOffset,
    clean: logEndOffset >= head.highWatermark,
  }
  return applied(head, electLeader(head, election, paged, 7777))
}

describe('a producer after a truncation', () => {
  const first = batchAt(100, sequence(0))
  const second = batchAt(160, sequence(10))
  const third = batchAt(170, sequence(20))
  const known = { producers: { [P7]: state(30) }, producerOffsets: { [P7]: 170 } }

  test.each<{
    name: string
    given: Partial<Head>
    end: number
    state: number | undefined
    offset: number | undefined
  }>([
    {
      name: 'goes on with the first that was removed, after the one before that',
      given: { ...known, tail: tailOf(first, second, third) },
      end: 150,
      state: state(10),
      offset: 100,
    },
    {
      name: 'is as it was when nothing of it was removed',
      given: { ...known, tail: tailOf(first, second, third) },
      end: 180,
      state: state(30),
      offset: 170,
    },
    {
      name: 'goes on with the first that was removed, however the tail is ordered',
      given: { ...known, tail: tailOf(third, first, second) },
      end: 150,
      state: state(10),
      offset: 100,
    },
    {
      name: 'of which an earlier one left an offset and no batch has it below the end again',
      given: { producers: { [P7]: state(0) }, producerOffsets: { [P7]: 187 }, tail: {} },
      end: 150,
      state: state(0),
      offset: 149,
    },
    {
      name: 'whose batch before is in a page has it somewhere below the end',
      given: { ...known, tail: tailOf(second, third) },
      end: 150,
      state: state(10),
      offset: 149,
    },
    {
      name: 'begins anew when its first batch was removed',
      given: { ...known, tail: tailOf(first, second, third) },
      end: 100,
      state: state(0),
      offset: 99,
    },
    {
      name: 'keeps a newer epoch whose first batch was removed: the older one stays fenced',
      given: {
        producers: { [P7]: state(10, 4) },
        producerOffsets: { [P7]: 170 },
        tail: tailOf(first, batchAt(170, sequence(0, 4))),
      },
      end: 150,
      state: state(0, 4),
      offset: 100,
    },
    {
      name: 'keeps the newest epoch when batches of the older one were removed too: that stays fenced',
      given: {
        producers: { [P7]: state(20, 4) },
        producerOffsets: { [P7]: 180 },
        tail: tailOf(first, second, batchAt(170, sequence(0, 4)), batchAt(180, sequence(10, 4))),
      },
      end: 150,
      state: state(0, 4),
      offset: 100,
    },
    {
      name: 'is not made up when it left the head',
      given: { tail: tailOf(first, second, third) },
      end: 150,
      state: undefined,
      offset: undefined,
    },
    {
      name: 'goes on after the wrap',
      given: {
        producers: { [P7]: state(10) },
        producerOffsets: { [P7]: 160 },
        tail: tailOf(batchAt(100, sequence(2 ** 31 - 10)), batchAt(160, sequence(0))),
      },
      end: 150,
      state: state(0),
      offset: 100,
    },
    {
      name: 'in an empty log has no batch anywhere',
      given: {
        highWatermark: 0,
        producers: { [P7]: state(10) },
        producerOffsets: { [P7]: 0 },
        tail: tailOf(batchAt(0, sequence(0))),
      },
      end: 0,
      state: undefined,
      offset: undefined,
    },
  ])('C8: $name', ({ given, end, state, offset }) => {
    const head = truncated(given, end)
    expect({ state: head.producers[P7], offset: head.producerOffsets[P7] }).toEqual({ state, offset })
  })

  test('C8: of two producers each goes on with its own', () => {
    const others = [batchAt(150, sequence(5, 0, 8)), batchAt(180, sequence(15, 0, 8))]
    const head = truncated(
      {
        producers: { [P7]: state(30), [P8]: state(25, 0) },
        producerOffsets: { [P7]: 170, [P8]: 180 },
        tail: tailOf(first, second, third, ...others),
      },
      160,
    )
    expect(head.producers).toEqual({ [P7]: state(10), [P8]: state(15, 0) })
    expect(head.producerOffsets).toEqual({ [P7]: 100, [P8]: 150 })
  })

  test('C8: its retries are taken where they were removed, and only there', () => {
    const head = truncated({ ...known, tail: tailOf(first, second, third) }, 150)
    const retry = (base: number) => append(plannedBy(head, { sequence: sequence(base) }, 900 + base))
    expect(carriedOut(head, retry(0))).toBeUndefined()
    expect(carriedOut(head, retry(20))).toBeUndefined()
    expect(applied(head, retry(10))).toMatchObject({
      producers: { [P7]: state(20) },
      producerOffsets: { [P7]: 150 },
    })
  })

  test('C8: an unclean election counts what it removes from pages too', () => {
    const head = truncated({ ...known, highWatermark: 180, tail: tailOf(third) }, 150, [second])
    expect(head.producers[P7]).toBe(state(10))
  })

  test('C8: what was truncated before and came late into a page does not count', () => {
    const stale = locate(referenceWith({ leaderEpoch: 3, sequence: sequence(0) }, 5), 120)
    const head = truncated({ ...known, tail: { ...tailOf(second, third), ...tailOf(stale) } }, 150)
    expect(head.producers[P7]).toBe(state(10))
  })

  test('H6: can make room for another one, though its last batch is in the tail no more', () => {
    const head = { ...truncated({ ...known, tail: tailOf(second, third) }, 150), highWatermark: 150 }
    expect(producerToSpill(head, 1)).toBe(P7)
    const spilled = applied(head, spillProducer(head, P7))
    expect(spilled).toMatchObject({ producers: {}, producerOffsets: {}, maxEvictedOffset: 149 })
    // Who reads its document after that may go on.
    expect(carriedOut(spilled, append(plannedBy(spilled, { sequence: sequence(10) })))).toBeDefined()
  })
})

describe('a transaction after a truncation', () => {
  const open = { openTransactions: { [P7]: 160, [P8]: 120 }, openEpochs: { [P7]: 3, [P8]: 0 } }
  const marker = (firstOffset: number, producerEpoch = 3): RemovedMarker => ({
    producer: P7,
    producerEpoch,
    firstOffset,
  })

  test.each<{
    name: string
    given: Pick<Head, 'openTransactions' | 'openEpochs'>
    markers: readonly RemovedMarker[]
    expected: Pick<Head, 'openTransactions' | 'openEpochs'>
  }>([
    {
      name: 'is not open when its first batch was removed, and open as before when not',
      given: open,
      markers: [],
      expected: { openTransactions: { [P8]: 120 }, openEpochs: { [P8]: 0 } },
    },
    {
      name: 'is open again when its marker was removed',
      given: { openTransactions: {}, openEpochs: {} },
      markers: [marker(110)],
      expected: { openTransactions: { [P7]: 110 }, openEpochs: { [P7]: 3 } },
    },
    {
      name: 'is not open again when all of it was removed',
      given: { openTransactions: {}, openEpochs: {} },
      markers: [marker(150)],
      expected: { openTransactions: {}, openEpochs: {} },
    },
    {
      name: 'is open again instead of the next one, which was removed',
      given: { openTransactions: { [P7]: 160 }, openEpochs: { [P7]: 4 } },
      markers: [marker(110)],
      expected: { openTransactions: { [P7]: 110 }, openEpochs: { [P7]: 3 } },
    },
    {
      name: 'that begins at the end was removed',
      given: { openTransactions: { [P7]: 150 }, openEpochs: { [P7]: 3 } },
      markers: [],
      expected: { openTransactions: {}, openEpochs: {} },
    },
  ])('C8: $name', ({ given, markers, expected }) => {
    const head = headWith(given)
    const plan = { checks: [], changes: rollBackTransactions(head, 150, markers) }
    expect(applied(head, plan)).toMatchObject(expected)
    expect(Object.keys(applied(head, plan).openTransactions)).toEqual(Object.keys(expected.openTransactions))
  })

  test('C8: an election does so', () => {
    const head = truncated(open, 150)
    expect(head).toMatchObject({ openTransactions: { [P8]: 120 }, openEpochs: { [P8]: 0 } })
    expect(head.openTransactions).not.toHaveProperty(P7)
  })
})
