import { expect, test } from 'vitest'
import { mustHold, replicasHolding, shareOut } from '../../shared/core/fetch-plan.ts'
import { type LocatedBatch, locate } from '../../shared/core/head.ts'
import { headWith, referenceWith } from '../support/heads.ts'

/** Batches of these lengths in bytes, ten records each. */
const batches = (...lengths: number[]): LocatedBatch[] =>
  lengths.map((length, index) => locate(referenceWith({ length }), 10 * index))

interface Case {
  name: string
  given: { lengths: number[]; partitionMaxBytes: number }[]
  maxBytes: number
  expected: number[]
}

test.each<Case>([
  {
    name: 'everything that fits is given',
    given: [{ lengths: [50, 50], partitionMaxBytes: 100 }],
    maxBytes: 100,
    expected: [2],
  },
  {
    name: 'batches stay whole',
    given: [{ lengths: [50, 51], partitionMaxBytes: 100 }],
    maxBytes: 1000,
    expected: [1],
  },
  {
    name: 'the first batch is given whatever its size',
    given: [{ lengths: [500, 1], partitionMaxBytes: 0 }],
    maxBytes: 0,
    expected: [1],
  },
  {
    name: 'a second partition has no such right',
    given: [
      { lengths: [500], partitionMaxBytes: 9 },
      { lengths: [10], partitionMaxBytes: 9 },
    ],
    maxBytes: 1000,
    expected: [1, 0],
  },
  {
    name: 'the right passes to the first partition that has data',
    given: [
      { lengths: [], partitionMaxBytes: 9 },
      { lengths: [500], partitionMaxBytes: 9 },
    ],
    maxBytes: 1,
    expected: [0, 1],
  },
  {
    name: 'what one partition took is missing for the next',
    given: [
      { lengths: [60], partitionMaxBytes: 100 },
      { lengths: [40, 1], partitionMaxBytes: 100 },
    ],
    maxBytes: 100,
    expected: [1, 1],
  },
  {
    name: 'after a first batch that was too large nothing more is given',
    given: [
      { lengths: [500], partitionMaxBytes: 100 },
      { lengths: [1], partitionMaxBytes: 100 },
    ],
    maxBytes: 100,
    expected: [1, 0],
  },
  {
    name: 'a smaller batch does not overtake one that does not fit',
    given: [{ lengths: [50, 60, 10], partitionMaxBytes: 100 }],
    maxBytes: 1000,
    expected: [1],
  },
  { name: 'no partitions are given nothing', given: [], maxBytes: 100, expected: [] },
])('$name', ({ given, maxBytes, expected }) => {
  const shares = given.map(({ lengths, partitionMaxBytes }) => ({
    batches: batches(...lengths),
    partitionMaxBytes,
  }))
  const taken = shareOut(shares, maxBytes)
  expect(taken.map((of) => of.length)).toEqual(expected)
  for (const [index, of] of taken.entries()) expect(of).toEqual(shares[index]?.batches.slice(0, of.length))
})

test.each([
  {
    name: 'all replicas hold a log without holes, the leader is asked first',
    given: { leader: '1.1', logEndOffset: 50 },
    endOffset: 50,
    expected: ['1.1', '0.1', '2.1'],
  },
  {
    name: 'a replica with a hole holds what is below it',
    given: { leader: '0.1', logEndOffset: 50, holeStart: { '2.1': 30 } },
    endOffset: 30,
    expected: ['0.1', '1.1', '2.1'],
  },
  {
    name: 'and nothing that reaches into it',
    given: { leader: '0.1', logEndOffset: 50, holeStart: { '2.1': 30 } },
    endOffset: 31,
    expected: ['0.1', '1.1'],
  },
  {
    name: 'what is sealed no hole takes away',
    given: { leader: '0.1', logEndOffset: 50, sealedEnd: 40, holeStart: { '2.1': 30 } },
    endOffset: 40,
    expected: ['0.1', '1.1', '2.1'],
  },
  {
    name: 'without a leader the others are still there',
    given: { leader: undefined, logEndOffset: 50 },
    endOffset: 50,
    expected: ['0.1', '1.1', '2.1'],
  },
])('$name', ({ given, endOffset, expected }) => {
  expect(replicasHolding(headWith(given), endOffset)).toEqual(expected)
})

const nodes = (near: number[], failing: number[]) => ({ near: new Set(near), failing: new Set(failing) })

test.each([
  { name: 'the reader’s zone before the leader', known: nodes([2], []), expected: ['2.1', '1.1', '0.1'] },
  {
    name: 'of several there the leader first',
    known: nodes([0, 1], []),
    expected: ['1.1', '0.1', '2.1'],
  },
  { name: 'a zone without nodes changes nothing', known: nodes([9], []), expected: ['1.1', '0.1', '2.1'] },
  { name: 'a node that fails last', known: nodes([], [1]), expected: ['0.1', '2.1', '1.1'] },
  { name: 'also one in the reader’s zone', known: nodes([2], [2]), expected: ['1.1', '0.1', '2.1'] },
  {
    name: 'if all fail, all are asked, in the same order',
    known: nodes([2], [0, 1, 2]),
    expected: ['2.1', '1.1', '0.1'],
  },
])('replicas are asked in an order: $name', ({ known, expected }) => {
  expect(replicasHolding(headWith({ leader: '1.1', logEndOffset: 50 }), 50, known)).toEqual(expected)
})

test.each([
  { name: 'it is below its LEO', given: {}, expected: true },
  { name: 'not in its hole', given: { holeStart: { '2.1': 15 } }, expected: false },
  { name: 'not if it was exchanged', given: { replicas: ['0.1', '1.1', '2.2'] }, expected: false },
  { name: 'not if it was truncated', given: { lineage: { 0: 0, 1: 15 } }, expected: false },
  { name: 'not if it was sealed', given: { sealedEnd: 20 }, expected: false },
  { name: 'not if it was deleted', given: { logStartOffset: 11 }, expected: false },
])('a replica must hold a batch: $name', ({ given, expected }) => {
  const head = headWith({ logEndOffset: 50, ...given })
  expect(mustHold(head, '2.1', locate(referenceWith({ recordCount: 10 }), 10))).toBe(expected)
})
