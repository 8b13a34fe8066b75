import { describe, expect, test } from 'vitest'
import { inputRecord, parseHeader } from '../../cli/input-record.ts'
import { lineRanges } from '../../cli/line-ranges.ts'
import { lineSplitter } from '../../cli/lines.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | null): string | null =>
  value === null ? null : new TextDecoder().decode(value)

function split(chunks: readonly string[]): (string | null)[] {
  const splitter = lineSplitter()
  const lines = chunks.flatMap((chunk) => splitter.push(bytes(chunk)))
  return [...lines, ...splitter.end()].map(text)
}

describe('lines of the input', () => {
  test.each([
    { name: 'no input is no line', given: [], expected: [] },
    { name: 'each newline ends a line', given: ['a\nb\n'], expected: ['a', 'b'] },
    { name: 'the last line needs no newline', given: ['a\nb'], expected: ['a', 'b'] },
    { name: 'empty lines are lines', given: ['\n\na\n\n'], expected: ['', '', 'a', ''] },
    { name: 'a carriage return belongs to the line', given: ['a\r\nb\r'], expected: ['a\r', 'b\r'] },
    { name: 'a line may come in many chunks', given: ['a', '', 'b', 'c\nd', '\n'], expected: ['abc', 'd'] },
    { name: 'a newline may come alone', given: ['a', '\n', '\n'], expected: ['a', ''] },
  ])('$name', ({ given, expected }) => {
    expect(split(given)).toEqual(expected)
  })

  test('bytes that are no text are kept', () => {
    const splitter = lineSplitter()
    const [line] = splitter.push(Uint8Array.of(0xff, 0, 0x0d, 0x0a))
    expect(line).toEqual(Uint8Array.of(0xff, 0, 0x0d))
  })

  test('only the line that has begun is held', () => {
    const splitter = lineSplitter()
    splitter.push(bytes('abc\nde'))
    expect(splitter.heldBytes()).toBe(2)
  })
})

describe('record of a line', () => {
  const record = (line: string, given: { key?: string; delimiter?: string }) => {
    const template = {
      key: given.key === undefined ? null : bytes(given.key),
      delimiter: given.delimiter === undefined ? null : bytes(given.delimiter),
      headers: [],
    }
    const { key, value } = inputRecord(bytes(line), template, 5)
    return { key: text(key), value: text(value) }
  }

  test.each([
    { name: 'a line is a value', line: 'a:b', given: {}, expected: { key: null, value: 'a:b' } },
    {
      name: 'a fixed key is given to each',
      line: 'a',
      given: { key: 'k' },
      expected: { key: 'k', value: 'a' },
    },
    {
      name: 'an empty fixed key is not null',
      line: 'a',
      given: { key: '' },
      expected: { key: '', value: 'a' },
    },
    {
      name: 'the first delimiter separates',
      line: 'k::v::w',
      given: { delimiter: '::' },
      expected: { key: 'k', value: 'v::w' },
    },
    {
      name: 'without the delimiter the key is null',
      line: 'kv',
      given: { delimiter: ':' },
      expected: { key: null, value: 'kv' },
    },
    {
      name: 'key and value may be empty',
      line: ':',
      given: { delimiter: ':' },
      expected: { key: '', value: '' },
    },
  ])('$name', ({ line, given, expected }) => {
    expect(record(line, given)).toEqual(expected)
  })

  test('a header is split at its first equals sign', () => {
    expect(parseHeader('k=v=w')).toEqual({ key: 'k', value: bytes('v=w') })
    expect(parseHeader('k=')).toEqual({ key: 'k', value: bytes('') })
    expect(parseHeader('=v')).toBeUndefined()
    expect(parseHeader('kv')).toBeUndefined()
  })
})

describe('line ranges', () => {
  test.each([
    { name: 'nothing', numbers: [], expected: '' },
    { name: 'neighbours are a range', numbers: [3, 1, 2, 7], expected: '1-3,7' },
    { name: 'an open end goes on', numbers: [5, 6], openFrom: 7, expected: '5-' },
    { name: 'an open end stands apart', numbers: [2], openFrom: 7, expected: '2,7-' },
  ])('$name', ({ numbers, openFrom, expected }) => {
    expect(lineRanges(numbers, openFrom)).toBe(expected)
  })
})
