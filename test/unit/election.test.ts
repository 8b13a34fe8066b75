import { describe, expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import { byController } from '../../shared/core/controller-lease.ts'
import { type Election, electLeader, fence, moveLeader, planElection } from '../../shared/core/election.ts'
import { type Head, isCommitted, locate, locateTail } from '../../shared/core/head.ts'
import { append, trimTail } from '../../shared/core/head-commands.ts'
import { changeIsr, fillHole, joinReplica, replaceReplica } from '../../shared/core/isr-commands.ts'
import { applied, carriedOut, headWith, plannedBy, referenceWith } from '../support/heads.ts'

const NOW = 7777
const everybody = () => true
const allBut =
  (...down: string[]) =>
  (replica: string) =>
    !down.includes(replica)
const clean = (head: Head, isLive: (replica: string) => boolean) =>
  planElection(head, { isLive, uncleanAllowed: false })

/** 200 records, all replicated, and a leader. */
const whole = (changes: Partial<Head> = {}) =>
  headWith({ logEndOffset: 200, highWatermark: 200, dueAtMs: 9000, ...changes })
/** The same, its leader fenced. */
const fenced = (changes: Partial<Head> = {}) => whole({ leader: undefined, leaderEpoch: 1, ...changes })

/** Fences and elects as the controller does, by the heads that come back. */
function failOver(head: Head, isLive: (replica: string) => boolean, uncleanAllowed = false): Head {
  const standing = applied(head, fence(head, NOW))
  const election = planElection(standing, { isLive, uncleanAllowed })
  if (election === undefined) throw new Error('nobody can be elected')
  return applied(standing, electLeader(standing, election, [], NOW))
}

const appended = (head: Head, ms: number, ...missed: string[]) =>
  applied(head, append({ ...plannedBy(head, {}, ms), missed, maxTailEntries: 20 }))

describe('planElection', () => {
  test.each<{
    name: string
    given: Head
    isLive?: (replica: string) => boolean
    expected: Election | undefined
  }>([
    {
      name: 'is the first live replica of the ISR in assignment order',
      given: fenced(),
      isLive: allBut('0.1'),
      expected: { winner: '1.1', isr: ['1.1', '2.1'], logEndOffset: 200, clean: true },
    },
    {
      name: 'ends the log where the winner’s does',
      given: fenced({ highWatermark: 150, holeStart: { '1.1': 150 }, holeEnd: { '1.1': 180 } }),
      isLive: allBut('0.1'),
      expected: { winner: '1.1', isr: ['1.1', '2.1'], logEndOffset: 150, clean: true },
    },
    {
      name: 'is of the ISR, though one outside comes before it',
      given: fenced({ isr: ['2.1'], holeStart: { '0.1': 200, '1.1': 100 } }),
      expected: { winner: '2.1', isr: ['2.1'], logEndOffset: 200, clean: true },
    },
    {
      name: 'H4: is one outside that holds all below the high watermark, when nobody in sync lives (KIP-966)',
      given: fenced({ isr: ['0.1'], highWatermark: 150, holeStart: { '1.1': 149, '2.1': 150 } }),
      isLive: allBut('0.1'),
      expected: { winner: '2.1', isr: ['2.1'], logEndOffset: 150, clean: true },
    },
    {
      name: 'H4: is one outside even when the ISR is empty: its last member was wiped',
      given: fenced({
        isr: [],
        holeStart: { '0.1': 200, '1.1': 200, '2.2': 0 },
        replicas: ['0.1', '1.1', '2.2'],
      }),
      expected: { winner: '0.1', isr: ['0.1'], logEndOffset: 200, clean: true },
    },
    {
      name: 'I6: is nobody when all who live lack something below the high watermark',
      given: fenced({ isr: ['0.1'], holeStart: { '1.1': 199, '2.1': 150 } }),
      isLive: allBut('0.1'),
      expected: undefined,
    },
    { name: 'is nobody when nobody lives', given: fenced(), isLive: () => false, expected: undefined },
    {
      name: 'counts what is sealed as held by everybody',
      given: fenced({ isr: ['0.1'], sealedEnd: 200, holeStart: { '1.1': 100 } }),
      isLive: allBut('0.1'),
      expected: { winner: '1.1', isr: ['1.1'], logEndOffset: 200, clean: true },
    },
  ])('the winner $name', ({ given, isLive = everybody, expected }) => {
    expect(clean(given, isLive)).toEqual(expected)
  })

  test.each<{ name: string; given: Head; expected: Partial<Election> | undefined }>([
    {
      name: 'the one that holds most, ',
      given: fenced({ isr: ['0.1'], holeStart: { '1.1': 120, '2.1': 150 } }),
      expected: { winner: '2.1', isr: ['2.1'], logEndOffset: 150, clean: false },
    },
    {
      name: 'the first of those that hold as much, ',
      given: fenced({ isr: ['0.1'], holeStart: { '1.1': 120, '2.1': 120 } }),
      expected: { winner: '1.1', logEndOffset: 120 },
    },
    {
      name: 'one that lost all, but the log does not end before what was deleted or sealed, ',
      given: fenced({ isr: ['0.1'], sealedEnd: 40, logStartOffset: 60, holeStart: { '1.1': 0, '2.1': 0 } }),
      expected: { winner: '1.1', logEndOffset: 60, clean: false },
    },
  ])('an unclean election is won by $name and only where it is allowed', ({ given, expected }) => {
    const isLive = allBut('0.1')
    expect(planElection(given, { isLive, uncleanAllowed: true })).toMatchObject(expected ?? {})
    expect(planElection(given, { isLive, uncleanAllowed: false })).toBeUndefined()
  })

  test('a clean winner goes before one that loses data, allowed or not', () => {
    const head = fenced({ isr: ['0.1'], highWatermark: 150, holeStart: { '1.1': 150, '2.1': 149 } })
    const election = planElection(head, { isLive: allBut('0.1'), uncleanAllowed: true })
    expect(election).toMatchObject({ winner: '1.1', clean: true })
  })
})

describe('electLeader', () => {
  const elect = (head: Head, isLive: (replica: string) => boolean = everybody) => {
    const election = planElection(head, { isLive, uncleanAllowed: true })
    if (election === undefined) throw new Error('nobody can be elected')
    return electLeader(head, election, [], NOW)
  }

  test('the winner leads in the epoch that the fence began, from where its log ends', () => {
    const head = fenced({ leaderEpoch: 5, partitionEpoch: 7, lineage: { 0: 0, 4: 100 } })
    expect(applied(head, elect(head, allBut('0.1')))).toEqual({
      ...head,
      leader: '1.1',
      partitionEpoch: 8,
      lineage: { 0: 0, 4: 100, 5: 200 },
      isr: ['1.1', '2.1'],
      holeStart: { '0.1': 200 },
      holeSince: { '0.1': NOW },
      dueAtMs: NOW,
    })
  })

  test.each<{ name: string; lineage: Head['lineage']; expected: Head['lineage'] }>([
    { name: 'began before the end stay', lineage: { 0: 0, 1: 149 }, expected: { 0: 0, 1: 149, 4: 150 } },
    { name: 'began at the end or beyond go', lineage: { 0: 0, 1: 150, 2: 170 }, expected: { 0: 0, 4: 150 } },
  ])('epochs that $name', ({ lineage, expected }) => {
    const head = fenced({ leaderEpoch: 4, lineage, highWatermark: 150, holeStart: { '0.1': 150 } })
    expect(applied(head, elect(head)).lineage).toEqual(expected)
  })

  test('what lies beyond the end leaves the tail, and also what reaches over it', () => {
    const entries = [130, 140, 145, 150].map((base, index) => [
      packReference(referenceWith({}, 10 + index)),
      base,
    ])
    const head = fenced({ highWatermark: 150, holeStart: { '0.1': 150 }, tail: Object.fromEntries(entries) })
    expect(Object.values(applied(head, elect(head)).tail)).toEqual([130, 140])
  })

  test('C3: what another in-sync replica lacks ends with the log, or it would count for what is appended there next', () => {
    const head = whole({
      highWatermark: 150,
      holeStart: { '1.1': 150, '2.1': 180 },
      holeEnd: { '1.1': 200, '2.1': 190 },
      holeSince: { '1.1': 5000, '2.1': 6000 },
    })
    const elected = failOver(head, allBut('0.1'))
    expect(elected).toMatchObject({ leader: '1.1', logEndOffset: 150, highWatermark: 150 })
    expect(elected).toMatchObject({ holeStart: { '0.1': 150 }, holeEnd: {}, holeSince: { '0.1': NOW } })
    // The log grows past 180 and 2.1 misses that: it lacks it from where it missed it.
    const grown = appended(appended(appended(elected, 1), 2, '2.1'), 3)
    expect(grown).toMatchObject({
      logEndOffset: 180,
      highWatermark: 160,
      holeStart: { '0.1': 150, '2.1': 160 },
    })
    expect(clean(applied(grown, fence(grown, NOW)), allBut('1.1'))).toMatchObject({
      winner: '2.1',
      logEndOffset: 160,
    })
  })

  test('C3: what an in-sync replica lacks below the end it goes on lacking, up to there', () => {
    const head = fenced({
      highWatermark: 120,
      holeStart: { '1.1': 150, '2.1': 120 },
      holeEnd: { '1.1': 200, '2.1': 170 },
      holeSince: { '2.1': 6000 },
    })
    expect(applied(head, elect(head, allBut('0.1')))).toMatchObject({
      holeStart: { '0.1': 150, '2.1': 120 },
      holeEnd: { '2.1': 150 },
      holeSince: { '0.1': NOW, '2.1': 6000 },
      highWatermark: 120,
    })
  })

  test('C3: what a replica outside lacks begins at the end at the latest: its log end is never beyond the log', () => {
    const head = fenced({ isr: ['0.1', '1.1'], highWatermark: 150, holeStart: { '1.1': 150, '2.1': 180 } })
    expect(applied(head, elect(head, allBut('0.1'))).holeStart).toEqual({ '0.1': 150, '2.1': 150 })
  })

  test('C3: an acknowledgement between the controller’s read and its write is not lost on the election: it must fence first', () => {
    const head = whole({ highWatermark: 150, holeStart: { '1.1': 150 }, holeEnd: { '1.1': 200 } })
    // An election planned by a head that is not fenced is refused, before the acknowledgement and after.
    const early = elect(head, allBut('0.1'))
    const acknowledged = applied(head, fillHole(head, '1.1', 200))
    expect(acknowledged.highWatermark).toBe(200)
    expect(carriedOut(acknowledged, early)).toBeUndefined()
    const standing = applied(acknowledged, fence(head, NOW))
    expect(carriedOut(standing, early)).toBeUndefined()
    // What comes after the fence is refused.
    expect(carriedOut(applied(head, fence(head, NOW)), fillHole(head, '1.1', 200))).toBeUndefined()
    expect(applied(standing, elect(standing, allBut('0.1')))).toMatchObject({
      logEndOffset: 200,
      highWatermark: 200,
    })
  })

  test('C3: an acknowledgement of the old epoch does not count in the new one, whose offsets are other records', () => {
    const head = whole({
      highWatermark: 150,
      holeStart: { '1.1': 150, '2.1': 150 },
      holeEnd: { '1.1': 200, '2.1': 200 },
    })
    const late = fillHole(head, '2.1', 200)
    let elected = failOver(head, allBut('0.1'))
    for (let ms = 1; ms <= 5; ms++) elected = appended(elected, ms, '2.1')
    expect(elected).toMatchObject({ logEndOffset: 200, holeStart: { '2.1': 150 }, holeEnd: { '2.1': 200 } })
    expect(carriedOut(elected, late)).toBeUndefined()
  })

  test('C2: the high watermark of the new epoch does not vouch for what the old one appended there', () => {
    const lagging = whole({ logEndOffset: 100, highWatermark: 100 })
    const waiting = appended(lagging, 50, '1.1', '2.1')
    const batch = locate(plannedBy(lagging, {}, 50).reference, 100)
    const elected = failOver(waiting, allBut('0.1'))
    const others = appended(appended(elected, 51), 52)
    expect(others).toMatchObject({ logEndOffset: 120, highWatermark: 120 })
    expect(isCommitted(others, batch)).toBe(false)
    expect(locateTail(others).map(({ baseOffset }) => baseOffset)).toEqual([100, 110])
  })

  test('K1: two elections within one replication round lose nothing below the high watermark', () => {
    const acknowledged = appended(whole(), 1)
    const second = failOver(acknowledged, allBut('0.1'))
    const third = failOver(second, allBut('0.1', '1.1'))
    expect(third).toMatchObject({ leader: '2.1', logEndOffset: 210, highWatermark: 210, isr: ['2.1'] })
    expect(locateTail(third)).toHaveLength(1)
  })

  test('C14: who was joining is outside again, and lacks all from where its hole began', () => {
    const head = fenced({
      isr: ['0.1', '1.1'],
      joining: ['2.1'],
      holeStart: { '2.1': 60 },
      holeEnd: { '2.1': 180 },
    })
    expect(applied(head, elect(head))).toMatchObject({
      joining: [],
      isr: ['0.1', '1.1'],
      holeStart: { '2.1': 60 },
      holeEnd: {},
    })
  })

  test.each<{ name: string; hole: Partial<Head> }>([
    { name: 'outside, whose hole grew', hole: { isr: ['0.1'] } },
    { name: 'that joined', hole: { isr: ['0.1'], joining: ['1.1'], holeEnd: { '1.1': 200 } } },
    { name: 'in sync that lagged', hole: { isr: ['0.1', '1.1'], holeEnd: { '1.1': 200 } } },
  ])('C15: a winner $name lacks nothing any more, or its recorded log end would stand still', ({ hole }) => {
    const replicas = ['0.1', '1.1']
    const head = whole({ replicas, minIsr: 1, highWatermark: 150, holeStart: { '1.1': 150 }, ...hole })
    const elected = failOver(head, allBut('0.1'))
    expect(elected).toMatchObject({ leader: '1.1', isr: ['1.1'], joining: [], logEndOffset: 150 })
    expect(elected.holeStart).toEqual({ '0.1': 150 })
    const acknowledged = appended(elected, 1)
    expect(acknowledged.highWatermark).toBe(160)
    expect(failOver(acknowledged, allBut('0.1'))).toMatchObject({ logEndOffset: 160, highWatermark: 160 })
  })

  test('C16: an unclean election lowers the high watermark to the log end first: nothing new is visible with one copy', () => {
    const head = whole({ isr: ['0.1'], highWatermark: 200, holeStart: { '1.1': 150, '2.1': 120 } })
    const elected = failOver(head, allBut('0.1'), true)
    expect(elected).toMatchObject({
      leader: '1.1',
      logEndOffset: 150,
      highWatermark: 150,
      holeStart: { '2.1': 120 },
    })
    expect(appended(elected, 1)).toMatchObject({ logEndOffset: 160, highWatermark: 150 })
  })

  test('I14: the high watermark goes to what all in sync have, where they are enough', () => {
    const head = fenced({
      highWatermark: 100,
      minIsr: 1,
      isr: ['0.1', '1.1'],
      holeStart: { '0.1': 100, '2.1': 90 },
    })
    expect(applied(head, elect(head, allBut('0.1'))).highWatermark).toBe(200)
    const both = fenced({
      highWatermark: 100,
      holeStart: { '1.1': 160, '2.1': 130 },
      holeEnd: { '1.1': 200, '2.1': 200 },
    })
    expect(applied(both, elect(both, allBut('0.1')))).toMatchObject({ logEndOffset: 160, highWatermark: 130 })
  })

  test('I5: the high watermark stands still where too few live', () => {
    const head = fenced({ highWatermark: 100 })
    expect(applied(head, elect(head, allBut('0.1', '2.1')))).toMatchObject({
      isr: ['1.1'],
      highWatermark: 100,
    })
  })

  test('a replica in sync that does not live is out, and lacks all from the end on', () => {
    expect(applied(fenced(), elect(fenced(), allBut('2.1')))).toMatchObject({
      isr: ['0.1', '1.1'],
      holeStart: { '2.1': 200 },
      holeEnd: {},
    })
  })

  test('C17: how far producers that left had come is never beyond the end, or new ones would be refused for ever', () => {
    const head = fenced({
      highWatermark: 150,
      maxEvictedOffset: 180,
      isr: ['0.1'],
      holeStart: { '1.1': 120 },
    })
    const elected = applied(
      head,
      elect(head, (replica) => replica === '1.1'),
    )
    expect(elected.maxEvictedOffset).toBe(119)
    const sequence = { producerId: 7, producerEpoch: 0, baseSequence: 0 }
    expect(carriedOut(elected, append(plannedBy(elected, { sequence })))).toBeDefined()
  })

  test.each<{ name: string; now: Head | undefined }>([
    { name: 'another one was elected', now: applied(fenced(), elect(fenced(), allBut('0.1'))) },
    { name: 'the partition was fenced again', now: fenced({ leaderEpoch: 2 }) },
    { name: 'it has a leader', now: fenced({ leader: '0.1' }) },
    { name: 'there is no head', now: undefined },
    {
      name: 'a replica was found to be another one since the liveness was read',
      now: applied(fenced(), replaceReplica(fenced(), '1.1', '1.2', NOW)),
    },
  ])('is refused when $name', ({ now }) => {
    expect(carriedOut(now, elect(fenced(), allBut('0.1')))).toBeUndefined()
  })

  test('C10c: a wiped replica is not elected: it is another one, that lacks all', () => {
    const replaced = applied(fenced(), replaceReplica(fenced(), '1.1', '1.2', NOW))
    expect(clean(replaced, (replica) => replica === '1.2')).toBeUndefined()
  })

  test('H17: a controller that slept elects nobody once a newer one wrote to the head', () => {
    const standing = fenced()
    const slept = byController(
      elect(standing, (replica) => replica === '2.1'),
      3,
    )
    const claimed = applied(standing, byController(fence(standing, NOW), 4))
    const elected = applied(claimed, byController(elect(claimed), 4))
    expect(elected.controllerEpoch).toBe(4)
    expect(carriedOut(claimed, slept)).toBeUndefined()
    expect(carriedOut(elected, byController(fence(elected, NOW), 3))).toBeUndefined()
    expect(carriedOut(elected, byController(fence(elected, NOW), 4))).toBeDefined()
  })
})

describe('fence', () => {
  test('H3: does not starve under appends: it asks for the epoch only', () => {
    const plan = fence(whole(), NOW)
    const later = appended(appended(whole(), 1), 2, '2.1')
    expect(applied(later, plan)).toMatchObject({ leader: undefined, leaderEpoch: 1, logEndOffset: 220 })
  })

  test('two controllers that fence the same leader end one epoch only', () => {
    const plan = fence(whole(), NOW)
    expect(carriedOut(applied(whole(), plan), plan)).toBeUndefined()
  })

  test('from then on the log stands still: whatever was planned before, or is by then, is refused', () => {
    const standing = applied(whole(), fence(whole(), NOW))
    for (const head of [whole(), standing]) {
      const plans = [
        append(plannedBy(head)),
        trimTail(head, []),
        changeIsr(head, ['2.1'], NOW),
        joinReplica(head, '2.1', NOW),
        fillHole(head, '2.1', 200),
        moveLeader(head, '1.1'),
      ]
      for (const plan of plans) expect(carriedOut(standing, plan)).toBeUndefined()
    }
  })
})

describe('moveLeader', () => {
  test('begins an epoch at the log end of then, and truncates nothing', () => {
    const later = appended(whole(), 1)
    expect(applied(later, moveLeader(whole(), '2.1'))).toEqual({
      ...later,
      leader: '2.1',
      leaderEpoch: 1,
      partitionEpoch: 1,
      lineage: { 0: 0, 1: 210 },
    })
  })

  test.each<{ name: string; hole: Partial<Head> }>([
    { name: 'lags in sync', hole: { holeStart: { '2.1': 150 }, holeEnd: { '2.1': 200 } } },
    {
      name: 'joins',
      hole: { isr: ['0.1', '1.1'], joining: ['2.1'], holeStart: { '2.1': 150 }, holeEnd: { '2.1': 200 } },
    },
    { name: 'is outside', hole: { isr: ['0.1', '1.1'], holeStart: { '2.1': 200 } } },
  ])('C13: is refused to one that $name, when it was planned or since', ({ hole }) => {
    expect(carriedOut(whole(hole), moveLeader(whole(hole), '2.1'))).toBeUndefined()
    expect(carriedOut(whole(hole), moveLeader(whole(), '2.1'))).toBeUndefined()
  })

  test('C13: an append that misses the successor comes before: the move is refused', () => {
    expect(carriedOut(appended(whole(), 1, '2.1'), moveLeader(whole(), '2.1'))).toBeUndefined()
  })

  test('an append planned by the old leader comes after: it is refused', () => {
    expect(
      carriedOut(applied(whole(), moveLeader(whole(), '2.1')), append(plannedBy(whole()))),
    ).toBeUndefined()
  })

  test.each<{ name: string; now: Head | undefined }>([
    { name: 'the partition was fenced', now: applied(whole(), fence(whole(), NOW)) },
    { name: 'another epoch began', now: whole({ leaderEpoch: 1 }) },
    { name: 'the ISR changed', now: whole({ partitionEpoch: 1 }) },
    { name: 'there is no head', now: undefined },
  ])('is refused when $name', ({ now }) => {
    expect(carriedOut(now, moveLeader(whole(), '2.1'))).toBeUndefined()
  })
})
