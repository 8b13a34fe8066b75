import { isUtf8 } from 'node:buffer'
import type { LogRecord } from '../shared/protocol/decode-batch.ts'

/** A record with where it was read. */
export interface ConsumedRecord extends LogRecord {
  readonly topic: string
  readonly partition: number
}

/** Adds the bytes of a record to `chunks`. */
export type RecordFormat = (record: ConsumedRecord, chunks: Uint8Array[]) => void

const encode = (text: string): Uint8Array => Buffer.from(text, 'utf8')
const NEWLINE = encode('\n')
const COMMA = encode(',')

/** The value and a newline. */
export const valueFormat: RecordFormat = (record, chunks) => {
  if (record.value !== null) chunks.push(record.value)
  chunks.push(NEWLINE)
}

const LETTERS: Readonly<Record<string, RecordFormat>> = {
  t: (record, chunks) => chunks.push(encode(record.topic)),
  p: (record, chunks) => chunks.push(encode(String(record.partition))),
  o: (record, chunks) => chunks.push(encode(String(record.offset))),
  k: (record, chunks) => record.key !== null && chunks.push(record.key),
  v: (record, chunks) => record.value !== null && chunks.push(record.value),
  h: (record, chunks) => {
    for (const [index, header] of record.headers.entries()) {
      if (index > 0) chunks.push(COMMA)
      chunks.push(encode(`${header.key}=`))
      if (header.value !== null) chunks.push(header.value)
    }
  },
  T: (record, chunks) => chunks.push(encode(String(record.timestamp))),
  S: (record, chunks) => chunks.push(encode(String(record.value?.length ?? -1))),
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\' }

/**
 * kcat's format string: %t topic, %p partition, %o offset, %k key, %v value, %h headers as k=v,k=v, %T timestamp in ms,
 * %S bytes of the value (−1 for null), %% \n \t \r \\. No newline is added, and null prints as nothing.
 *
 * @throws RangeError naming what stands behind a % or \ without a meaning
 */
export function parseFormat(format: string): RecordFormat {
  const parts: RecordFormat[] = []
  for (const [token] of format.matchAll(/%.?|\\.?|[^%\\]+/gsu)) {
    parts.push(parsePart(token))
  }
  return (record, chunks) => {
    for (const part of parts) part(record, chunks)
  }
}

function parsePart(token: string): RecordFormat {
  const letter = token.slice(1)
  const field = token.startsWith('%') && Object.hasOwn(LETTERS, letter) ? LETTERS[letter] : undefined
  if (field !== undefined) return field
  const bytes = encode(literal(token))
  return (_record, chunks) => chunks.push(bytes)
}

function literal(token: string): string {
  if (token === '%%') return '%'
  if (!token.startsWith('%') && !token.startsWith('\\')) return token
  const escaped = token.startsWith('\\') ? ESCAPES[token.slice(1)] : undefined
  if (escaped === undefined) throw new RangeError(`unknown letter ${JSON.stringify(token)}`)
  return escaped
}

/** One JSON object per line; bytes are text when they are UTF-8, else `{"base64": …}`. */
export const jsonFormat: RecordFormat = (record, chunks) => {
  const { topic, partition, offset, timestamp } = record
  const headers = record.headers.map(({ key, value }) => ({ key, value: jsonBytes(value) }))
  const [key, value] = [jsonBytes(record.key), jsonBytes(record.value)]
  chunks.push(encode(`${JSON.stringify({ topic, partition, offset, timestamp, key, value, headers })}\n`))
}

function jsonBytes(bytes: Uint8Array | null): string | { base64: string } | null {
  if (bytes === null) return null
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return isUtf8(bytes) ? buffer.toString('utf8') : { base64: buffer.toString('base64') }
}
