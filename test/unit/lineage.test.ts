import { expect, test } from 'vitest'
import { epochOf, inLineage } from '../../shared/core/lineage.ts'

/** Epoch 2 truncated to 150 what epoch 1 had begun at 100; epochs 3 and 4 began at the same offset. */
const LINEAGE = { 0: 0, 1: 100, 2: 150, 3: 200, 4: 200, 11: 300 }

test.each([
  {
    name: 'a range inside its epoch counts',
    range: { leaderEpoch: 1, baseOffset: 100, endOffset: 150 },
    expected: true,
  },
  {
    name: 'one that begins before its epoch does not',
    range: { leaderEpoch: 1, baseOffset: 99, endOffset: 110 },
    expected: false,
  },
  {
    name: 'one that reaches into the next epoch does not',
    range: { leaderEpoch: 1, baseOffset: 140, endOffset: 151 },
    expected: false,
  },
  {
    name: 'one behind the start of the next epoch does not',
    range: { leaderEpoch: 1, baseOffset: 150, endOffset: 160 },
    expected: false,
  },
  {
    name: 'one of an epoch nobody knows does not',
    range: { leaderEpoch: 5, baseOffset: 210, endOffset: 220 },
    expected: false,
  },
  {
    name: 'one of an epoch that is to come does not',
    range: { leaderEpoch: 12, baseOffset: 300, endOffset: 310 },
    expected: false,
  },
  {
    name: 'nothing fits into an epoch without offsets',
    range: { leaderEpoch: 3, baseOffset: 200, endOffset: 201 },
    expected: false,
  },
  {
    name: 'the last epoch has no end',
    range: { leaderEpoch: 11, baseOffset: 300, endOffset: 1e12 },
    expected: true,
  },
  {
    name: 'epochs compare as numbers, not as text',
    range: { leaderEpoch: 4, baseOffset: 290, endOffset: 301 },
    expected: false,
  },
])('$name', ({ range, expected }) => {
  expect(inLineage(LINEAGE, range)).toBe(expected)
})

test.each([
  { name: 'the first offset is of the first epoch', offset: 0, expected: 0 },
  { name: 'the last offset before an epoch is of the one before', offset: 149, expected: 1 },
  { name: 'an epoch’s first offset is its own', offset: 150, expected: 2 },
  { name: 'of two epochs that begin together the later one has the offset', offset: 200, expected: 4 },
  { name: 'what is still to be written is of the last epoch', offset: 1e12, expected: 11 },
  { name: 'before the first epoch there is none', offset: -1, expected: -1 },
])('$name', ({ offset, expected }) => {
  expect(epochOf(LINEAGE, offset)).toBe(expected)
})
