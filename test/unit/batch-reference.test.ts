import { expect, test } from 'vitest'
import { packReference, unpackReference } from '../../shared/core/batch-reference.ts'
import { fromBase64url, toBase64url } from '../../shared/protocol/base64url.ts'
import { referenceWith } from '../support/heads.ts'

const sequence = { producerId: 300, producerEpoch: 0, baseSequence: 127 }

test('a reference is packed as its grammar says', () => {
  const bytes = fromBase64url(packReference(referenceWith({ position: 300, maxTimestamp: 127, sequence })))
  // version | object id | position | length | count | leader epoch | kind | and, each + 1: timestamp, id, epoch, sequence
  expect([...bytes.subarray(17)]).toEqual([0xac, 2, 100, 10, 0, 0, 128, 1, 0xad, 2, 1, 128, 1])
  expect(bytes[0]).toBe(1)
})

test('sequence 0 of producer 0 is not the same as no sequence', () => {
  const zero = referenceWith({ sequence: { producerId: 0, producerEpoch: 0, baseSequence: 0 } })
  expect(unpackReference(packReference(zero))).toEqual(zero)
  expect(packReference(zero)).not.toBe(packReference(referenceWith()))
})

test('a timestamp before 1970 is kept as none', () => {
  expect(unpackReference(packReference(referenceWith({ maxTimestamp: -5 }))).maxTimestamp).toBe(-1)
})

const changed = (change: (bytes: number[]) => void): string => {
  const bytes = [...fromBase64url(packReference(referenceWith({ sequence })))]
  change(bytes)
  return toBase64url(bytes)
}

test.each([
  { name: 'another version', given: changed((bytes) => bytes.splice(0, 1, 2)), says: /unknown version/ },
  { name: 'no object id', given: toBase64url([1, 2, 3]), says: /unknown version/ },
  { name: 'another kind', given: changed((bytes) => bytes.splice(21, 1, 1)), says: /unknown kind kind=1/ },
  { name: 'its last byte missing', given: changed((bytes) => bytes.splice(-1)), says: /middle of a number/ },
  { name: 'a byte too many', given: changed((bytes) => bytes.push(0)), says: /bytes left over/ },
  {
    name: 'a number of nine bytes',
    given: changed((bytes) => bytes.splice(17, 1, ...Array(8).fill(128), 1)),
    says: /too long/,
  },
  { name: 'a text that is no base64url', given: `${changed(() => {})}*`, says: /not base64url/ },
  { name: 'six bits too many', given: 'AQAAA', says: /not base64url/ },
  {
    name: 'a position of 2^53',
    given: changed((bytes) => bytes.splice(17, 1, ...Array(7).fill(128), 16)),
    says: /too large/,
  },
  {
    name: 'a producer id of 2^53',
    given: changed((bytes) => bytes.splice(-5, 2, 129, ...Array(6).fill(128), 16)),
    says: /too large/,
  },
  {
    name: 'a position in two bytes that fits into one',
    given: changed((bytes) => bytes.splice(17, 1, 128, 0)),
    says: /ends in zeros/,
  },
  {
    name: 'a producer without an epoch',
    given: changed((bytes) => bytes.splice(-3, 1, 0)),
    says: /a part of a sequence/,
  },
])('a reference with $name is refused', ({ given, says }) => {
  expect(() => unpackReference(given)).toThrow(says)
})
