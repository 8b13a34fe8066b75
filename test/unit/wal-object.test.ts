import { expect, test } from 'vitest'
import { ulidText } from '../../shared/core/ulid.ts'
import { layOutWalObject, walKey } from '../../shared/core/wal-object.ts'
import { toBase64url } from '../../shared/protocol/base64url.ts'
import { objectId } from '../support/heads.ts'

const topicId = Uint8Array.from({ length: 16 }, (_, index) => 200 + index)
const batch = (partitionIndex: number, ...bytes: number[]) => ({
  topicId: toBase64url(topicId),
  partitionIndex,
  bytes: Uint8Array.from(bytes),
})

test('a WAL object is its batches, a footer entry of each, and what tells where the footer begins', () => {
  const object = layOutWalObject(objectId(5), [batch(3, 1, 2, 3), batch(258, 4)])
  const bytes = Buffer.concat(object.chunks)
  expect(object.positions).toEqual([0, 3])
  expect([...bytes.subarray(0, 4)]).toEqual([1, 2, 3, 4])
  expect([...bytes.subarray(4, 32)]).toEqual([...topicId, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 3])
  expect([...bytes.subarray(32, 60)]).toEqual([...topicId, 0, 0, 1, 2, 0, 0, 0, 3, 0, 0, 0, 1])
  expect([...bytes.subarray(60)]).toEqual([0, 0, 0, 2, 0, 0, 0, 68, 0x53, 0x4c, 0x57, 1])
  expect(bytes.length - 68).toBe(4)
})

test('batches are not copied', () => {
  const given = batch(0, 1, 2)
  expect(layOutWalObject(objectId(5), [given]).chunks[0]).toBe(given.bytes)
})

test.each([
  { name: 'the last millisecond of an hour', ms: Date.UTC(2026, 10, 21, 7, 59, 59, 999), hour: '2026112107' },
  { name: 'the first of the next', ms: Date.UTC(2026, 10, 21, 8), hour: '2026112108' },
  { name: 'the first of a year', ms: Date.UTC(2027, 0, 1), hour: '2027010100' },
])('the key of an object names its UTC hour: $name', ({ ms, hour }) => {
  expect(walKey(objectId(ms))).toBe(`wal/${hour}/${ulidText(objectId(ms))}`)
})
