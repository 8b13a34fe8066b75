import { describe, expect, test } from 'vitest'
import { fence } from '../../shared/core/election.ts'
import type { Head } from '../../shared/core/head.ts'
import { append } from '../../shared/core/head-commands.ts'
import {
  changeIsr,
  fillHole,
  joinReplica,
  replaceReplica,
  setMinIsr,
  settleDue,
} from '../../shared/core/isr-commands.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'
import { applied, carriedOut, headWith, plannedBy } from '../support/heads.ts'

const NOW = 7777

/** 100 records, all replicated. */
const whole = (changes: Partial<Head> = {}) =>
  headWith({ logEndOffset: 100, highWatermark: 100, dueAtMs: 9000, ...changes })
/** Replica 2.1 is outside and lacks all from 60 on. */
const outside = (changes: Partial<Head> = {}) =>
  whole({ isr: ['0.1', '1.1'], holeStart: { '2.1': 60 }, holeSince: { '2.1': 5000 }, ...changes })
/** It joins: what it lacks ends at 100. */
const joining = (changes: Partial<Head> = {}) =>
  outside({ joining: ['2.1'], holeEnd: { '2.1': 100 }, ...changes })
/** Replica 1.1 is in sync and lacks [80, 100). */
const holed = (changes: Partial<Head> = {}) =>
  whole({
    highWatermark: 80,
    holeStart: { '1.1': 80 },
    holeEnd: { '1.1': 100 },
    holeSince: { '1.1': 5000 },
    ...changes,
  })

const missing = (head: Head, ...missed: string[]) => append({ ...plannedBy(head), missed })

/** Plans of every kind that change who is in sync, by one head. */
const plans = (head: Head): readonly { name: string; plan: UpdatePlan; leaderless?: true }[] => [
  { name: 'changeIsr', plan: changeIsr(head, ['1.1'], NOW) },
  { name: 'joinReplica', plan: joinReplica(head, '2.1', NOW) },
  { name: 'fillHole', plan: fillHole(head, '2.1', 100) },
  { name: 'replaceReplica', plan: replaceReplica(head, '1.1', '1.2', NOW), leaderless: true },
  { name: 'setMinIsr', plan: setMinIsr(head, 1, NOW) },
]

describe('every command on the ISR', () => {
  // Of `joining` joinReplica is refused for good, of `outside` fillHole.
  const givens = (name: string, changes: Partial<Head> = {}) =>
    name === 'joinReplica' ? outside(changes) : joining(changes)
  const rows = plans(joining()).map(({ name, leaderless }) => ({ name, leaderless }))
  const planOf = (name: string, head: Head) =>
    plans(head).find((row) => row.name === name)?.plan ?? setMinIsr(head, 1, NOW)

  test.each(rows)('$name: is taken by the head that it was planned by', ({ name }) => {
    expect(carriedOut(givens(name), planOf(name, givens(name)))).toBeDefined()
  })

  test.each(rows)('C3: $name: is refused once the leader epoch is another one', ({ name }) => {
    const plan = planOf(name, givens(name))
    expect(carriedOut(givens(name, { leaderEpoch: 1 }), plan)).toBeUndefined()
    const fenced = applied(givens(name), fence(givens(name), NOW))
    expect(carriedOut(fenced, plan)).toBeUndefined()
  })

  test.each(rows)('$name: is refused once the partition epoch is another one', ({ name }) => {
    expect(carriedOut(givens(name, { partitionEpoch: 1 }), planOf(name, givens(name)))).toBeUndefined()
  })

  test.each(rows)('$name: is refused where there is no head, and creates none', ({ name }) => {
    expect(carriedOut(undefined, planOf(name, givens(name)))).toBeUndefined()
  })

  test.each(rows.filter(({ leaderless }) => !leaderless))(
    '$name: is refused by a fenced head even when planned by it: the log stands still',
    ({ name }) => {
      const fenced = givens(name, { leader: undefined, leaderEpoch: 1 })
      expect(carriedOut(fenced, planOf(name, fenced))).toBeUndefined()
    },
  )

  test.each(rows)(
    '$name: raises the partition epoch, so that who copied for the old ISR plans again',
    ({ name }) => {
      const head = givens(name)
      const after = applied(head, planOf(name, head))
      expect(after.partitionEpoch).toBe(1)
      expect(carriedOut(after, missing(head))).toBeUndefined()
    },
  )
})

describe('changeIsr', () => {
  test('a follower that leaves lacks all from the log end on, which is as it is then', () => {
    const plan = changeIsr(whole(), ['2.1'], NOW)
    expect(carriedOut(whole({ logEndOffset: 120, highWatermark: 120 }), plan)).toEqual(
      whole({
        logEndOffset: 120,
        highWatermark: 120,
        isr: ['0.1', '1.1'],
        holeStart: { '2.1': 120 },
        holeSince: { '2.1': NOW },
        partitionEpoch: 1,
        dueAtMs: NOW,
      }),
    )
  })

  test('a follower with a hole leaves with it; from now on it grows', () => {
    expect(applied(holed(), changeIsr(holed(), ['1.1'], NOW))).toMatchObject({
      holeStart: { '1.1': 80 },
      holeEnd: {},
      holeSince: { '1.1': 5000 },
    })
  })

  test('one that joins is not joining any more, and its hole grows again', () => {
    expect(applied(joining(), changeIsr(joining(), ['2.1'], NOW))).toEqual(
      outside({ partitionEpoch: 1, dueAtMs: NOW }),
    )
  })

  test('H1: the high watermark goes on at once where those who stay lack nothing', () => {
    const head = holed()
    expect(applied(head, changeIsr(head, ['1.1'], NOW)).highWatermark).toBe(100)
  })

  test('I5: the high watermark stands still where too few stay', () => {
    const head = holed()
    expect(applied(head, changeIsr(head, ['1.1', '2.1'], NOW))).toMatchObject({
      isr: ['0.1'],
      highWatermark: 80,
    })
  })

  test('is refused when one who stays missed an append meanwhile: the high watermark would pass what it lacks', () => {
    const plan = changeIsr(holed(), ['1.1'], NOW)
    const now = applied(holed(), missing(holed(), '2.1'))
    expect(carriedOut(now, plan)).toBeUndefined()
  })

  test('H5: two handlers that both take out the other’s follower do not both get through', () => {
    const one = changeIsr(whole(), ['1.1'], NOW)
    const other = changeIsr(whole(), ['2.1'], NOW)
    expect(carriedOut(applied(whole(), one), other)).toBeUndefined()
  })
})

describe('joinReplica', () => {
  test('H2: ends the hole at the log end of then, so that it does not grow with appends that reach the replica', () => {
    const plan = joinReplica(outside(), '2.1', NOW)
    const joined = applied(outside({ logEndOffset: 120, highWatermark: 120 }), plan)
    expect(joined).toMatchObject({
      joining: ['2.1'],
      holeEnd: { '2.1': 120 },
      isr: ['0.1', '1.1'],
      dueAtMs: NOW,
    })
    const later = applied(joined, missing(joined))
    expect(later).toMatchObject({ logEndOffset: 130, highWatermark: 130, holeEnd: { '2.1': 120 } })
    const filled = applied(later, fillHole(later, '2.1', 120))
    expect(filled).toMatchObject({ isr: ['0.1', '1.1', '2.1'], highWatermark: 130, holeStart: {} })
  })

  test('who copied for the ISR without the one that joins is refused: it would get a gap', () => {
    const stale = missing(outside())
    expect(carriedOut(applied(outside(), joinReplica(outside(), '2.1', NOW)), stale)).toBeUndefined()
  })

  test.each([
    { name: 'joins already', given: joining() },
    { name: 'is in sync and has a hole that is filled', given: holed(), replica: '1.1' },
    { name: 'lacks nothing', given: whole() },
  ])('is refused for a replica that $name', ({ given, replica = '2.1' }) => {
    expect(carriedOut(given, joinReplica(given, replica, NOW))).toBeUndefined()
  })
})

describe('fillHole', () => {
  test('moves the start of the hole', () => {
    expect(applied(joining(), fillHole(joining(), '2.1', 75))).toEqual(joining({ holeStart: { '2.1': 75 } }))
  })

  test('one that joins is in sync with the write that closes its hole, in assignment order', () => {
    const head = joining({ replicas: ['2.1', '0.1', '1.1'] })
    expect(applied(head, fillHole(head, '2.1', 100))).toEqual(
      whole({ replicas: ['2.1', '0.1', '1.1'], isr: ['2.1', '0.1', '1.1'], partitionEpoch: 1 }),
    )
  })

  test('one that lacked nothing since it left joins all the same: its hole is empty', () => {
    const left = applied(whole(), changeIsr(whole(), ['2.1'], NOW))
    const joined = applied(left, joinReplica(left, '2.1', NOW))
    expect(applied(joined, fillHole(joined, '2.1', 100))).toMatchObject({
      isr: ['0.1', '1.1', '2.1'],
      holeStart: {},
    })
  })

  test('of an in-sync replica moves the high watermark, and keeps the partition epoch: appends go on', () => {
    expect(applied(holed(), fillHole(holed(), '1.1', 90))).toMatchObject({
      highWatermark: 90,
      partitionEpoch: 0,
    })
    expect(applied(holed(), fillHole(holed(), '1.1', 100))).toEqual(whole())
  })

  test('H1: of the last one in too small an ISR brings the high watermark to the log end', () => {
    const head = joining({ isr: ['0.1'], holeStart: { '1.1': 60, '2.1': 60 }, highWatermark: 60 })
    expect(applied(head, fillHole(head, '2.1', 100))).toMatchObject({
      isr: ['0.1', '2.1'],
      highWatermark: 100,
    })
  })

  test('does not move the high watermark for one that only joins', () => {
    const head = joining({ isr: ['0.1'], minIsr: 1, highWatermark: 100, logEndOffset: 100 })
    expect(applied(head, fillHole(head, '2.1', 75)).highWatermark).toBe(100)
  })

  test('is refused for one outside: what it lacks grows', () => {
    expect(carriedOut(outside(), fillHole(outside(), '2.1', 100))).toBeUndefined()
    expect(carriedOut(outside(), fillHole(joining(), '2.1', 100))).toBeUndefined()
  })

  test('C14: is refused when the one that joins missed an append meanwhile, or it would be in sync with a gap', () => {
    const plan = fillHole(joining(), '2.1', 100)
    const now = applied(joining(), missing(joining(), '2.1'))
    expect(now).toMatchObject({
      logEndOffset: 110,
      highWatermark: 110,
      holeStart: { '2.1': 60 },
      holeEnd: { '2.1': 110 },
    })
    expect(carriedOut(now, plan)).toBeUndefined()
    expect(applied(now, fillHole(now, '2.1', 100))).toMatchObject({
      isr: ['0.1', '1.1'],
      holeStart: { '2.1': 100 },
    })
    expect(applied(now, fillHole(now, '2.1', 110)).isr).toEqual(['0.1', '1.1', '2.1'])
  })

  test('is refused when an in-sync replica missed an append meanwhile: the high watermark would pass what that lacks', () => {
    const now = applied(joining(), missing(joining(), '1.1'))
    expect(carriedOut(now, fillHole(joining(), '2.1', 100))).toBeUndefined()
  })

  test('a slower one never takes back what a faster one filled, or a leader could be elected below the high watermark', () => {
    const slow = fillHole(holed(), '1.1', 85)
    const fast = applied(holed(), fillHole(holed(), '1.1', 95))
    expect(fast.highWatermark).toBe(95)
    expect(carriedOut(fast, slow)).toBeUndefined()
    const slowJoining = fillHole(joining(), '2.1', 70)
    expect(carriedOut(applied(joining(), fillHole(joining(), '2.1', 90)), slowJoining)).toBeUndefined()
  })

  test('an acknowledgement that was sent twice counts once', () => {
    const plan = fillHole(joining(), '2.1', 100)
    expect(carriedOut(applied(joining(), plan), plan)).toBeUndefined()
  })
})

describe('replaceReplica', () => {
  test.each<{ name: string; given: Head; lost: string; start: number }>([
    { name: 'in sync', given: whole(), lost: '2.1', start: 0 },
    { name: 'in sync with a hole', given: holed(), lost: '1.1', start: 0 },
    { name: 'that joins', given: joining(), lost: '2.1', start: 0 },
    { name: 'outside', given: outside(), lost: '2.1', start: 0 },
    { name: 'of a log with sealed segments', given: whole({ sealedEnd: 40 }), lost: '2.1', start: 40 },
    {
      name: 'of a log whose first records are gone',
      given: whole({ sealedEnd: 40, logStartOffset: 50 }),
      lost: '2.1',
      start: 50,
    },
  ])('K4: one $name is out and lacks all that is not sealed, under a new name', ({ given, lost, start }) => {
    const successor = lost.replace('.1', '.2')
    const after = applied(given, replaceReplica(given, lost, successor, NOW))
    expect(after).toMatchObject({
      replicas: given.replicas.map((replica) => (replica === lost ? successor : replica)),
      isr: given.isr.filter((replica) => replica !== lost),
      joining: [],
      holeStart: { [successor]: start },
      holeEnd: {},
      holeSince: { [successor]: NOW },
      dueAtMs: NOW,
    })
    for (const hole of [after.holeStart, after.holeEnd, after.holeSince])
      expect(hole).not.toHaveProperty([lost])
  })

  test('works on a fenced head, and may leave nobody in sync', () => {
    const fenced = whole({ leader: undefined, isr: ['2.1'], holeStart: { '0.1': 100, '1.1': 100 } })
    expect(applied(fenced, replaceReplica(fenced, '2.1', '2.2', NOW))).toMatchObject({
      isr: [],
      highWatermark: 100,
      holeStart: { '0.1': 100, '1.1': 100, '2.2': 0 },
    })
  })

  test('H1: the high watermark goes on where the one that is gone held it up', () => {
    expect(applied(holed(), replaceReplica(holed(), '1.1', '1.2', NOW)).highWatermark).toBe(100)
  })

  test('C10a: a copy put under the old name does not count for the new one, even when that is in sync again', () => {
    const put = plannedBy(whole())
    const replaced = applied(whole(), replaceReplica(whole(), '2.1', '2.2', NOW))
    const joined = applied(replaced, joinReplica(replaced, '2.2', NOW))
    const again = applied(joined, fillHole(joined, '2.2', 100))
    expect(again.isr).toEqual(['0.1', '1.1', '2.2'])
    expect(carriedOut(again, append(put))).toBeUndefined()
    // Planned again, by the names that it was put under: the new replica misses it.
    const reached = ['0.1', '1.1', '2.1']
    const missed = again.isr.filter((replica) => !reached.includes(replica))
    expect(applied(again, append({ ...plannedBy(again), missed }))).toMatchObject({
      highWatermark: 100,
      holeStart: { '2.2': 100 },
    })
  })

  test('C10b: an acknowledgement of the old bucket does not count for the new one', () => {
    const plan = fillHole(joining(), '2.1', 100)
    const replaced = applied(joining(), replaceReplica(joining(), '2.1', '2.2', NOW))
    expect(carriedOut(replaced, plan)).toBeUndefined()
    const joined = applied(replaced, joinReplica(replaced, '2.2', NOW))
    expect(carriedOut(joined, plan)).toBeUndefined()
  })
})

describe('setMinIsr', () => {
  test('to less lets the high watermark go on', () => {
    const head = whole({ isr: ['0.1'], highWatermark: 80 })
    expect(applied(head, setMinIsr(head, 1, NOW))).toMatchObject({
      minIsr: 1,
      highWatermark: 100,
      dueAtMs: NOW,
    })
  })

  test('to more leaves it where it is, and fences who planned by less', () => {
    const head = whole({ isr: ['0.1', '1.1'] })
    const after = applied(head, setMinIsr(head, 3, NOW))
    expect(after).toMatchObject({ minIsr: 3, highWatermark: 100 })
    expect(carriedOut(after, missing(head))).toBeUndefined()
    expect(applied(after, missing(after))).toMatchObject({ logEndOffset: 110, highWatermark: 100 })
  })
})

describe('settleDue', () => {
  const done = whole({ sealedEnd: 100 })

  test('what is done leaves the index of due work', () => {
    expect(applied(done, settleDue(done, undefined)).dueAtMs).toBeUndefined()
  })

  test.each<{ name: string; given: Partial<Head> }>([
    { name: 'has no leader', given: { leader: undefined } },
    { name: 'has batches to seal', given: { logEndOffset: 101 } },
    { name: 'has a replica that lacks something', given: { holeStart: { '1.1': 100 } } },
    { name: 'has a transaction open', given: { openTransactions: { a: 90 } } },
  ])('H19: a partition that $name stays listed, whatever its head was when it was read', ({ given }) => {
    const now = { ...done, ...given }
    expect(carriedOut(now, settleDue(done, undefined))).toBeUndefined()
    expect(carriedOut(now, settleDue(now, undefined))).toBeUndefined()
  })

  test('what is to be tried again later is listed for then', () => {
    expect(applied(outside(), settleDue(outside(), 12_000)).dueAtMs).toBe(12_000)
    expect(
      applied(whole({ dueAtMs: undefined }), settleDue(whole({ dueAtMs: undefined }), 12_000)).dueAtMs,
    ).toBe(12_000)
  })

  test.each<{ name: string; now: Partial<Head> }>([
    { name: 'more became due', now: { dueAtMs: 8000 } },
    { name: 'it was settled by another one', now: { dueAtMs: undefined } },
    { name: 'another epoch began', now: { leaderEpoch: 1 } },
    { name: 'a replica lacks something since, in the same millisecond', now: { holeStart: { '1.1': 100 } } },
  ])('H19: is refused when $name', ({ now }) => {
    expect(carriedOut({ ...done, ...now }, settleDue(done, 12_000))).toBeUndefined()
  })

  test('H19: is refused where something became due that was not', () => {
    expect(carriedOut(done, settleDue({ ...done, dueAtMs: undefined }, 12_000))).toBeUndefined()
  })

  test('does not create a head anew', () => {
    expect(carriedOut(undefined, settleDue(done, 12_000))).toBeUndefined()
  })
})
