import { expect, test } from 'vitest'
import {
  readUnsignedVarint,
  readVarint,
  readVarlong,
  varintSize,
  writeUnsignedVarint,
  writeVarint,
} from '../../shared/protocol/varint.ts'

const readerOf = (bytes: number[]) => ({ bytes: Uint8Array.from(bytes), position: 0, end: bytes.length })

function written(write: (bytes: Uint8Array) => number): number[] {
  const bytes = new Uint8Array(16)
  return [...bytes.subarray(0, write(bytes))]
}

test.each([
  { value: 0, bytes: [0x00] },
  { value: -1, bytes: [0x01] },
  { value: 1, bytes: [0x02] },
  { value: 63, bytes: [0x7e] },
  { value: -64, bytes: [0x7f] },
  { value: 64, bytes: [0x80, 0x01] },
  { value: -65, bytes: [0x81, 0x01] },
  { value: 2147483647, bytes: [0xfe, 0xff, 0xff, 0xff, 0x0f] },
  { value: -2147483648, bytes: [0xff, 0xff, 0xff, 0xff, 0x0f] },
])('the varint of $value is that of Kafka’s ByteUtilsTest', ({ value, bytes }) => {
  expect(written((target) => writeVarint(target, 0, value))).toEqual(bytes)
  expect(readVarint(readerOf(bytes))).toBe(value)
  expect(readVarlong(readerOf(bytes))).toBe(value)
  expect(varintSize(value)).toBe(bytes.length)
})

test.each([
  { value: 2147483648, bytes: [0x80, 0x80, 0x80, 0x80, 0x10] },
  { value: Number.MAX_SAFE_INTEGER, bytes: [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f] },
  { value: Number.MIN_SAFE_INTEGER, bytes: [0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f] },
])('the varlong of $value keeps every digit', ({ value, bytes }) => {
  expect(written((target) => writeVarint(target, 0, value))).toEqual(bytes)
  expect(readVarlong(readerOf(bytes))).toBe(value)
  expect(varintSize(value)).toBe(bytes.length)
})

test.each([
  { value: 0, bytes: [0x00] },
  { value: 127, bytes: [0x7f] },
  { value: 128, bytes: [0x80, 0x01] },
  { value: 4294967295, bytes: [0xff, 0xff, 0xff, 0xff, 0x0f] },
])('the unsigned varint of $value', ({ value, bytes }) => {
  expect(written((target) => writeUnsignedVarint(target, 0, value))).toEqual(bytes)
  expect(readUnsignedVarint(readerOf(bytes))).toBe(value)
})

const ff = (count: number) => new Array<number>(count).fill(0xff)

test.each([
  { name: 'an empty varint', read: readVarint, bytes: [] },
  { name: 'a varint that is cut off', read: readVarint, bytes: [0x80] },
  { name: 'a varint of six bytes', read: readVarint, bytes: [0x80, 0x80, 0x80, 0x80, 0x80, 0x00] },
  { name: 'a varint with bits above the 32nd', read: readVarint, bytes: [...ff(4), 0x1f] },
  { name: 'a varlong of eleven bytes', read: readVarlong, bytes: [...ff(10), 0x00] },
  { name: 'a varlong that is an int64 but not a safe integer', read: readVarlong, bytes: [...ff(9), 0x01] },
  { name: 'a varlong of −2⁵³', read: readVarlong, bytes: [...ff(7), 0x1f] },
  { name: 'an unsigned varint of six bytes', read: readUnsignedVarint, bytes: [...ff(5), 0x00] },
  { name: 'an unsigned varint with bits above the 32nd', read: readUnsignedVarint, bytes: [...ff(4), 0x1f] },
])('$name is refused', ({ read, bytes }) => {
  expect(() => read(readerOf(bytes))).toThrow(expect.objectContaining({ errorName: 'CORRUPT_MESSAGE' }))
})

test('a number need not be in its shortest form, and a read ends behind it', () => {
  const reader = readerOf([0x82, 0x80, 0x00, 0x04])
  expect(readVarint(reader)).toBe(1)
  expect(readVarint(reader)).toBe(2)
  expect(reader.position).toBe(4)
})
