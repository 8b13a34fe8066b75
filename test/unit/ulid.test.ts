import { expect, test } from 'vitest'
import { ulidBytes, ulidText, ulidTimeMs } from '../../shared/core/ulid.ts'

const ones = new Uint8Array(10).fill(255)
const zeros = new Uint8Array(10)

test('the text of a ULID is that of the specification', () => {
  // ulid(1469918176385) of github.com/ulid/javascript begins with 01ARYZ6S41.
  expect(ulidText(ulidBytes(1469918176385, zeros))).toBe('01ARYZ6S410000000000000000')
  expect(ulidText(ulidBytes(2 ** 48 - 1, ones))).toBe('7ZZZZZZZZZZZZZZZZZZZZZZZZZ')
})

test.each([0, 1, 2 ** 32 - 1, 2 ** 32, 1_795_000_000_123, 2 ** 48 - 1])(
  'it knows when it was made: %d',
  (ms) => {
    expect(ulidTimeMs(ulidBytes(ms, ones))).toBe(ms)
  },
)

test('the later one is the greater text, whatever its random bits', () => {
  const times = [0, 1, 31, 32, 1000, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 1_795_000_000_123, 1_795_000_000_124]
  const texts = times.flatMap((ms) => [ulidText(ulidBytes(ms, zeros)), ulidText(ulidBytes(ms, ones))])
  expect(texts).toEqual([...texts].sort())
  expect(new Set(texts).size).toBe(texts.length)
})
