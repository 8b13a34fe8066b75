import { expect, test } from 'vitest'
import { crc32c } from '../../shared/protocol/crc32c.ts'

const text = (value: string) => new TextEncoder().encode(value)

test.each([
  { name: 'nothing has the checksum 0', bytes: text(''), crc: 0 },
  { name: 'the check value of the polynomial (RFC 3720)', bytes: text('123456789'), crc: 0xe3069283 },
  { name: '32 zero bytes (RFC 3720, B.4)', bytes: new Uint8Array(32), crc: 0x8a9136aa },
  { name: '32 bytes of 0xff (RFC 3720, B.4)', bytes: new Uint8Array(32).fill(0xff), crc: 0x62a8ab43 },
  { name: '0 to 31 (RFC 3720, B.4)', bytes: new Uint8Array(32).map((_, index) => index), crc: 0x46dd794e },
  {
    name: '31 to 0 (RFC 3720, B.4)',
    bytes: new Uint8Array(32).map((_, index) => 31 - index),
    crc: 0x113fdb5c,
  },
])('$name', ({ bytes, crc }) => {
  expect(crc32c(bytes)).toBe(crc)
})

test('a range of a view has the checksum of its bytes alone', () => {
  const view = text('..abc123456789xyz').subarray(2)
  expect(crc32c(view, 3, 12)).toBe(0xe3069283)
})
