import { expect, test } from 'vitest'
import { recordsOfBody } from '../../functions/rest-produce-request.ts'

const V2 = 'application/vnd.kafka.json.v2+json'
const BINARY = 'application/vnd.kafka.binary.v2+json'
const JSON_TYPE = 'application/json'
const NDJSON = 'application/x-ndjson'

function read(mediaType: string, body: string | Uint8Array) {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return recordsOfBody(mediaType, bytes, { partition: undefined, timestamp: 5 }).map((record) => ({
    ...record,
    key: record.key === null ? null : Buffer.from(record.key).toString(),
    value: record.value === null ? null : Buffer.from(record.value).toString(),
  }))
}

const plain = { key: null, headers: [], partition: undefined, timestamp: 5 }

test.each([
  {
    name: 'json keys and values keep their quotes',
    given: [V2, '{"records":[{"key":"k","value":{"a": 1.50}}]}'],
    expected: [{ ...plain, key: '"k"', value: '{"a":1.50}' }],
  },
  {
    name: 'a missing key or value is null',
    given: [V2, '{"records":[{},{"value":null}]}'],
    expected: [
      { ...plain, value: null },
      { ...plain, value: null },
    ],
  },
  {
    name: 'false, zero and the empty text are values',
    given: [V2, '{"records":[{"value":false},{"value":0},{"value":""}]}'],
    expected: ['false', '0', '""'].map((value) => ({ ...plain, value })),
  },
  {
    name: 'binary is base64',
    given: [BINARY, '{"records":[{"key":"aw==","value":"dg=="}]}'],
    expected: [{ ...plain, key: 'k', value: 'v' }],
  },
  {
    name: 'a record says its partition and timestamp',
    given: [V2, '{"records":[{"value":1,"partition":2,"timestamp":7}]}'],
    expected: [{ ...plain, value: '1', partition: 2, timestamp: 7 }],
  },
  {
    name: 'the schema fields of v2 are tolerated',
    given: [
      V2,
      '{"key_schema":null,"key_schema_id":1,"value_schema":"x","value_schema_id":2,"records":[{"value":1}]}',
    ],
    expected: [{ ...plain, value: '1' }],
  },
  {
    name: 'application/json takes the object too',
    given: [JSON_TYPE, ' {"records":[{"value":1}]}'],
    expected: [{ ...plain, value: '1' }],
  },
  {
    name: 'elements of an array are stored as sent',
    given: [JSON_TYPE, '\n[{"a": 1.0} , null]'],
    expected: [
      { ...plain, value: '{"a": 1.0}' },
      { ...plain, value: 'null' },
    ],
  },
  {
    name: 'lines are stored as sent, without CR and empty ones',
    given: [NDJSON, '{"a": 1}\r\n\n\r\n"b"\n'],
    expected: [
      { ...plain, value: '{"a": 1}' },
      { ...plain, value: '"b"' },
    ],
  },
])('$name', ({ given: [mediaType = '', body = ''], expected }) => {
  expect(read(mediaType, body)).toEqual(expected)
})

const deep = `${'['.repeat(200_000)}1.5${']'.repeat(200_000)}`

test.each([
  { name: 'no records', given: [V2, '{"records":[]}'], message: 'records: nothing to write' },
  { name: 'an empty array', given: [JSON_TYPE, '[ ]'], message: 'records: nothing to write' },
  { name: 'lines without any', given: [NDJSON, '\n\r\n'], message: 'records: nothing to write' },
  { name: 'no body', given: [V2, ''], message: 'body: is empty' },
  { name: 'what is not JSON', given: [V2, '{"records":[}'], message: /^body: is not JSON/ },
  { name: 'a missing field', given: [V2, '{}'], message: 'records: expected array, received undefined' },
  { name: 'an array for another type', given: [V2, '[1]'], message: 'body: expected object, received array' },
  { name: 'an unknown field', given: [V2, '{"records":[1],"x":1}'], message: 'x: unknown field' },
  {
    name: 'an unknown field of a record',
    given: [V2, '{"records":[{"value":1},{"valu":1}]}'],
    message: 'records[1].valu: unknown field',
  },
  {
    name: 'a record that is none',
    given: [V2, '{"records":[1]}'],
    message: 'records[0]: expected object, received number',
  },
  {
    name: 'a partition that is none',
    given: [V2, '{"records":[{"value":1,"partition":-1}]}'],
    message: /^records\[0\]\.partition: /,
  },
  {
    name: 'a header that is not base64',
    given: [V2, '{"records":[{"value":1,"headers":[{"key":"a","value":"!"}]}]}'],
    message: /^records\[0\]\.headers\[0\]\.value: /,
  },
  {
    name: 'a value that is not base64',
    given: [BINARY, '{"records":[{"value":"a"}]}'],
    message: /^records\[0\]\.value: /,
  },
  { name: 'a bad line, by number', given: [NDJSON, '1\n\n{\n2'], message: /^line 3: is not JSON/ },
  {
    name: 'a value nested too deeply',
    given: [V2, `{"records":[{"value":${deep}}]}`],
    message: /nested too deeply/,
  },
])('refuses $name', ({ given: [mediaType = '', body = ''], message }) => {
  expect(() => read(mediaType, body)).toThrow(
    expect.objectContaining({
      errorName: 'INVALID_REQUEST',
      httpStatus: 422,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    }),
  )
})

test('refuses bytes that are not UTF-8, without storing replacements', () => {
  expect(() => read(NDJSON, Uint8Array.of(0x31, 0x0a, 0x22, 0xff, 0x22))).toThrow('line 2: is not UTF-8')
})

test('refuses more records than an answer has room for', () => {
  expect(() => read(NDJSON, '1\n'.repeat(100_001))).toThrow(expect.objectContaining({ httpStatus: 413 }))
})
