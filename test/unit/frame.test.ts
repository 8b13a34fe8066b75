import { expect, test } from 'vitest'
import { decodeFrame, encodeFrame } from '../../shared/protocol/frame.ts'

const text = (value: string) => new TextEncoder().encode(value)
const join = (chunks: Uint8Array[]) => Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
const framed = (headerLength: number, rest: Uint8Array) =>
  Uint8Array.of(headerLength >>> 24, headerLength >>> 16, headerLength >>> 8, headerLength, ...rest)

test('a frame is length, header and the batches behind each other, none of them copied', () => {
  const batches = [text('one'), text('two')]
  const chunks = encodeFrame({ acks: -1 }, batches)
  expect(join(chunks)).toEqual(framed(11, text('{"acks":-1}onetwo')))
  expect(chunks[1]).toBe(batches[0])
  expect(decodeFrame(join(chunks), 11)).toEqual({ header: { acks: -1 }, body: text('onetwo') })
})

test('a frame without batches has an empty body', () => {
  expect(decodeFrame(join(encodeFrame({ name: 'ä' }, [])), 100)).toEqual({
    header: { name: 'ä' },
    body: new Uint8Array(0),
  })
})

test.each([
  { name: 'no bytes', bytes: text(''), says: /headerLength is cut off bytes=0/ },
  { name: 'half a length', bytes: Uint8Array.of(0, 0, 0), says: /headerLength is cut off bytes=3/ },
  {
    name: 'a header over the limit',
    bytes: framed(51, text('')),
    says: /headerLength is too large headerLength=51/,
  },
  { name: 'a length over 2 GiB', bytes: framed(0xffffffff, text('')), says: /headerLength=4294967295/ },
  { name: 'a header that is cut off', bytes: framed(3, text('{}')), says: /headerLength is beyond the end/ },
  { name: 'an empty header', bytes: framed(0, text('{}')), says: /frame header is not JSON/ },
  { name: 'a header that is not JSON', bytes: framed(2, text('{]')), says: /frame header is not JSON/ },
  { name: 'a header that is not UTF-8', bytes: framed(3, Uint8Array.of(0x22, 0xff, 0x22)), says: /UTF-8/ },
])('$name is refused with the field’s name', ({ bytes, says }) => {
  expect(() => decodeFrame(bytes, 50)).toThrow(
    expect.objectContaining({ errorName: 'INVALID_REQUEST', message: expect.stringMatching(says) }),
  )
})
