import { expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import { pageOfTail } from '../../shared/core/index-page.ts'
import { headWith, referenceWith } from '../support/heads.ts'

const [a, b, c] = [1, 2, 3].map((ms) => packReference(referenceWith({}, ms))) as [string, string, string]
const stale = packReference(referenceWith({}, 4))
const late = packReference(referenceWith({ leaderEpoch: 1 }, 5))

test('a page holds the tail below the high watermark, whatever order the entries are in', () => {
  const head = headWith({ tail: { [b]: 10, [c]: 20, [a]: 0 }, logEndOffset: 30, highWatermark: 20 })
  expect(pageOfTail(head)).toEqual({
    start: { baseOffset: 0, leaderEpoch: 0 },
    page: { entries: { [a]: 0, [b]: 10 }, endOffset: 20 },
  })
})

test('a batch that the high watermark is in the middle of stays in the head', () => {
  const head = headWith({ tail: { [a]: 0, [b]: 10 }, logEndOffset: 20, highWatermark: 19 })
  expect(pageOfTail(head)?.page).toEqual({ entries: { [a]: 0 }, endOffset: 10 })
})

test('an entry that a truncation left behind goes to no page', () => {
  const lineage = { 0: 0, 1: 10 }
  const head = headWith({
    tail: { [a]: 0, [stale]: 10, [late]: 10 },
    lineage,
    logEndOffset: 20,
    highWatermark: 20,
  })
  expect(pageOfTail(head)?.page.entries).toEqual({ [a]: 0, [late]: 10 })
})

test('a page is named after the epoch of its first entry, so that two leaders never mean one page', () => {
  const lineage = { 0: 0, 1: 10 }
  const head = headWith({
    tail: { [late]: 10 },
    lineage,
    leaderEpoch: 1,
    logEndOffset: 20,
    highWatermark: 20,
  })
  expect(pageOfTail(head)?.start).toEqual({ baseOffset: 10, leaderEpoch: 1 })
})

test.each([
  { name: 'an empty tail', given: headWith() },
  { name: 'a tail above the high watermark', given: headWith({ tail: { [a]: 0 }, logEndOffset: 10 }) },
])('$name makes no page', ({ given }) => {
  expect(pageOfTail(given)).toBeUndefined()
})
