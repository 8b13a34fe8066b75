import { expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { restoreHighWatermark } from '../../shared/core/high-watermark.ts'
import { carriedOut, headWith } from '../support/heads.ts'

type After = Parameters<typeof restoreHighWatermark>[1]

/** A log of 100 records of which 40 are below the high watermark. */
const lagging = (changes: Partial<Head> = {}) =>
  headWith({ logEndOffset: 100, highWatermark: 40, ...changes })

const restored = (now: Head, after: After, read = now) =>
  carriedOut(now, restoreHighWatermark(read, after))?.highWatermark

test.each<{ name: string; given: Partial<Head>; when: After; expected: number }>([
  { name: 'H1: goes to the log end where nobody lacks anything', given: {}, when: {}, expected: 100 },
  {
    name: 'H1: goes to the log end with a lone replica that is enough',
    given: { isr: ['0.1'], minIsr: 1 },
    when: {},
    expected: 100,
  },
  {
    name: 'goes to where the first in-sync replica lacks something',
    given: { holeStart: { '1.1': 80, '2.1': 60 } },
    when: {},
    expected: 60,
  },
  {
    name: 'goes by those only who are in sync after the command',
    given: { holeStart: { '1.1': 80, '2.1': 60 } },
    when: { isr: ['0.1', '1.1'] },
    expected: 80,
  },
  {
    name: 'goes by what they lack after the command',
    given: { holeStart: { '1.1': 80, '2.1': 60 } },
    when: { holeStart: { '1.1': 80, '2.1': 90 } },
    expected: 80,
  },
  {
    name: 'is not held up by who is outside',
    given: { isr: ['0.1', '1.1'], holeStart: { '2.1': 60 } },
    when: {},
    expected: 100,
  },
  {
    name: 'I14: never falls, wherever a hole began: what is sealed nobody lacks',
    given: { sealedEnd: 40, holeStart: { '1.1': 30 } },
    when: {},
    expected: 40,
  },
  {
    name: 'I5: stands still while too few are in sync, though they lack nothing (KIP-966)',
    given: { isr: ['0.1'] },
    when: {},
    expected: 40,
  },
  {
    name: 'I5: stands still when the command leaves too few in sync',
    given: {},
    when: { isr: ['0.1'] },
    expected: 40,
  },
  {
    name: 'I5: stands still when minIsr is more from now on',
    given: { isr: ['0.1'] },
    when: { minIsr: 3 },
    expected: 40,
  },
  {
    name: 'goes on when minIsr is less from now on',
    given: { isr: ['0.1'] },
    when: { minIsr: 1 },
    expected: 100,
  },
])('the high watermark $name', ({ given, when, expected }) => {
  expect(restored(lagging(given), when)).toBe(expected)
})

test('the log end is the one of the write, not the one that was read', () => {
  expect(restored(lagging({ logEndOffset: 130 }), {}, lagging())).toBe(130)
})

test.each<{ name: string; read: Partial<Head>; now: Partial<Head> }>([
  { name: 'a hole opened', read: {}, now: { holeStart: { '1.1': 80 } } },
  { name: 'a hole closed', read: { holeStart: { '1.1': 80 } }, now: {} },
  { name: 'a hole shrank', read: { holeStart: { '1.1': 60 } }, now: { holeStart: { '1.1': 80 } } },
  {
    name: 'another hole opened',
    read: { holeStart: { '1.1': 80 } },
    now: { holeStart: { '1.1': 80, '2.1': 90 } },
  },
  {
    name: 'the high watermark moved around a hole',
    read: { holeStart: { '1.1': 80 } },
    now: { holeStart: { '1.1': 80 }, highWatermark: 50 },
  },
])('C18: a command is refused when $name since its head was read', ({ read, now }) => {
  expect(restored(lagging(now), {}, lagging(read))).toBeUndefined()
})

test('a hole of who is outside may change: it does not matter', () => {
  const isr = ['0.1', '1.1']
  const read = lagging({ isr, holeStart: { '2.1': 60 } })
  expect(restored(lagging({ isr, holeStart: { '2.1': 90 } }), {}, read)).toBe(100)
})
