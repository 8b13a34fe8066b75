import { describe, expect, test } from 'vitest'
import {
  type ConsumedRecord,
  jsonFormat,
  parseFormat,
  type RecordFormat,
  valueFormat,
} from '../../cli/format.ts'
import { parseStartOffset } from '../../cli/start-offset.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const given: ConsumedRecord = {
  topic: 'orders',
  partition: 2,
  offset: 41,
  leaderEpoch: 0,
  timestamp: 1700000000000,
  key: bytes('k'),
  value: bytes('väl'),
  headers: [
    { key: 'a', value: bytes('1') },
    { key: 'b', value: null },
  ],
}

function printed(format: RecordFormat, record: ConsumedRecord): string {
  const chunks: Uint8Array[] = []
  format(record, chunks)
  return Buffer.concat(chunks).toString('latin1')
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

describe('format strings', () => {
  test.each([
    { format: '%t %p %o', expected: 'orders 2 41' },
    { format: '%k=%v', expected: 'k=väl' },
    { format: '%h', expected: 'a=1,b=' },
    { format: '%T', expected: '1700000000000' },
    { format: '%S', expected: '4' },
    { format: '100%%\\n\\t\\\\', expected: '100%\n\t\\' },
    { format: 'ö %v', expected: 'ö väl' },
    { format: '', expected: '' },
  ])('$format', ({ format, expected }) => {
    expect(printed(parseFormat(format), given)).toBe(utf8(expected))
  })

  test('null prints as nothing, and has no size', () => {
    const record = { ...given, key: null, value: null, headers: [] }
    expect(printed(parseFormat('[%k][%v][%h][%S]'), record)).toBe('[][][][-1]')
    expect(printed(valueFormat, record)).toBe('\n')
  })

  test.each(['%x', '%', 'a%', '\\q', '\\', '%K'])('%j has no meaning', (format) => {
    expect(() => parseFormat(format)).toThrow(RangeError)
  })

  test('bytes that are no text are printed as they are', () => {
    expect(printed(valueFormat, { ...given, value: Uint8Array.of(0xff, 0x0a) })).toBe('\xff\n\n')
  })
})

describe('JSON lines', () => {
  test('bytes are text when they are UTF-8', () => {
    expect(JSON.parse(Buffer.from(printed(jsonFormat, given), 'latin1').toString())).toEqual({
      topic: 'orders',
      partition: 2,
      offset: 41,
      timestamp: 1700000000000,
      key: 'k',
      value: 'väl',
      headers: [
        { key: 'a', value: '1' },
        { key: 'b', value: null },
      ],
    })
  })

  test('else base64', () => {
    const record = { ...given, key: null, value: Uint8Array.of(0xff), headers: [] }
    expect(JSON.parse(printed(jsonFormat, record))).toMatchObject({ key: null, value: { base64: '/w==' } })
  })
})

describe('start offsets', () => {
  test.each([
    { text: 'start', expected: { from: 'start' } },
    { text: 'end', expected: { from: 'end' } },
    { text: '17', expected: { from: 'offset', offset: 17 } },
    { text: '-5', expected: { from: 'beforeEnd', count: 5 } },
    { text: '@1700000000000', expected: { from: 'timestamp', timestampMs: 1700000000000 } },
    { text: 'beginning', expected: { from: 'start' } },
    { text: 'earliest', expected: { from: 'start' } },
    { text: 'latest', expected: { from: 'end' } },
    { text: 'middle', expected: undefined },
    { text: 'constructor', expected: undefined },
    { text: '', expected: undefined },
    { text: '1.5', expected: undefined },
    { text: '@-1', expected: undefined },
    { text: '9007199254740993', expected: undefined },
  ])('$text', ({ text, expected }) => {
    expect(parseStartOffset(text)).toEqual(expected)
  })
})
