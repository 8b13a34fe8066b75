import { expect, test } from 'vitest'
import { mayComeAgain } from './producer.ts'

test.each([
  { name: 'whose outcome is unknown', type: 'info', inDoubt: true, acks: -1, again: true },
  { name: 'that failed for certain', type: 'fail', inDoubt: false, acks: -1, again: false },
  { name: 'that all acknowledged at the second try', type: 'ok', inDoubt: true, acks: -1, again: false },
  { name: 'that the leader acknowledged at once', type: 'ok', inDoubt: false, acks: 1, again: false },
  { name: 'that the leader acknowledged at the second try', type: 'ok', inDoubt: true, acks: 1, again: true },
  { name: 'that asked for no acknowledgement, twice', type: 'ok', inDoubt: true, acks: 0, again: true },
] as const)('a send $name may come again: $again', ({ type, inDoubt, acks, again }) => {
  expect(mayComeAgain({ type, inDoubt }, acks)).toBe(again)
})
