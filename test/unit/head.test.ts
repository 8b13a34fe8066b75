import { describe, expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import { electLeader, planElection } from '../../shared/core/election.ts'
import {
  type Head,
  isCommitted,
  lastStableOffset,
  locate,
  newHead,
  nodeOf,
  readVersion,
  replicaName,
  validBatches,
} from '../../shared/core/head.ts'
import { carriedOut, headWith, referenceWith } from '../support/heads.ts'

const batch = locate(referenceWith({ leaderEpoch: 1 }), 40)

test.each<{ name: string; given: Partial<Head>; expected: boolean }>([
  {
    name: 'C1: not before the high watermark is past all of it',
    given: { highWatermark: 49 },
    expected: false,
  },
  { name: 'once the high watermark is past it', given: { highWatermark: 50 }, expected: true },
  {
    name: 'C2: not by the high watermark of an epoch that truncated it',
    given: { highWatermark: 90, lineage: { 1: 0, 2: 45 } },
    expected: false,
  },
  {
    name: 'when a later epoch began behind it',
    given: { highWatermark: 90, lineage: { 1: 0, 2: 50 } },
    expected: true,
  },
])('a batch is committed $name', ({ given, expected }) => {
  expect(isCommitted(headWith({ lineage: { 1: 0 }, logEndOffset: 90, ...given }), batch)).toBe(expected)
})

test.each<{ name: string; given: Partial<Head>; expected: number }>([
  { name: 'is the high watermark', given: {}, expected: 50 },
  {
    name: 'is the first offset of the oldest open transaction',
    given: { openTransactions: { a: 40, b: 30 } },
    expected: 30,
  },
  { name: 'is never above the high watermark', given: { openTransactions: { a: 60 } }, expected: 50 },
])('the last stable offset $name', ({ given, expected }) => {
  expect(lastStableOffset(headWith({ logEndOffset: 70, highWatermark: 50, ...given }))).toBe(expected)
})

test('valid batches come in the order of their offsets', () => {
  const [a, b, c] = [1, 2, 3].map((ms) => packReference(referenceWith({}, ms)))
  const entries = { [b ?? '']: 10, [c ?? '']: 9, [a ?? '']: 100 }
  expect(validBatches(entries, { 0: 0 }).map(({ baseOffset }) => baseOffset)).toEqual([9, 10, 100])
})

test('a replica is named after its node and the incarnation of its bucket', () => {
  expect(replicaName(12, 3)).toBe('12.3')
  expect(nodeOf('12.3')).toBe(12)
})

test.each<Partial<Head>>([
  { leaderEpoch: 1 },
  { partitionEpoch: 1 },
  { logStartOffset: 1 },
  { sealedEnd: 1 },
  { logEndOffset: 1 },
  { tail: { a: 0 } },
])('a reader looks again when %o changed', (changes) => {
  expect(readVersion(headWith(changes))).not.toBe(readVersion(headWith()))
})

describe('a new partition', () => {
  const replicas = ['1.1', '2.3', '0.1']
  const created = (offline: readonly string[]) =>
    newHead({
      replicas,
      minIsr: 2,
      walFloor: '',
      dueShard: 0,
      offline: { replicas: offline, nowMs: 7 },
      dueAtMs: 9,
    })

  test('is led by its first replica, and is due as it is told', () => {
    expect(created([])).toMatchObject({ leader: '1.1', leaderEpoch: 0, isr: replicas, holeStart: {} })
    expect(created([]).dueAtMs).toBe(9)
  })

  test('leaves what is offline out of the ISR, to be caught up from the start', () => {
    const head = created(['1.1', '0.1'])
    expect(head).toMatchObject({ leader: '2.3', isr: ['2.3'], replicas })
    expect(head.holeStart).toEqual({ '1.1': 0, '0.1': 0 })
    expect(head.holeSince).toEqual({ '1.1': 7, '0.1': 7 })
    expect(head.holeEnd).toEqual({})
  })

  test('that is offline altogether waits for an election that any replica can win', () => {
    const head = created(replicas)
    expect(head).toMatchObject({ leaderEpoch: 1, isr: replicas, holeStart: {} })
    expect(head.leader).toBeUndefined()
    const isLive = (replica: string) => replica === '2.3'
    const election = planElection(head, { isLive, uncleanAllowed: false })
    expect(election).toMatchObject({ winner: '2.3', isr: ['2.3'], clean: true })
    if (election === undefined) return
    const elected = carriedOut(head, electLeader(head, election, [], 9))
    expect(elected).toMatchObject({ leader: '2.3', lineage: { 1: 0 }, holeStart: { '1.1': 0, '0.1': 0 } })
  })
})
