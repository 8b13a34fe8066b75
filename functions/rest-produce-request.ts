import * as z from 'zod'
import { index } from '../shared/protocol/api/common.ts'
import { MAX_RECORD_HEADERS, MAX_REST_RECORDS } from '../shared/protocol/http-limits.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import type { RecordToRoute } from '../shared/service/rest-produce.ts'
import { malformed } from './envelope.ts'
import { parseJsonBody } from './http-body.ts'
import { compactJson, elementsOf, parseKeepingDigits } from './json-text.ts'
import { type EmbeddedFormat, embeddedFormat, JSON_TYPE, NDJSON_TYPE } from './media-type.ts'
import { describeIssue } from './schema-issue.ts'

const ARRAY_START = 0x5b
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const LEADING_SPACE = [0x20, 0x09, 0x0a, 0x0d]

const common = {
  partition: index.nullish(),
  headers: z.array(z.strictObject({ key: z.string(), value: z.base64().nullable() })).nullish(),
  timestamp: z.int().min(0).nullish(),
}
const jsonRecord = z.strictObject({ key: z.unknown().optional(), value: z.unknown().optional(), ...common })
const binaryRecord = z.strictObject({ key: z.base64().nullish(), value: z.base64().nullish(), ...common })

/** The records are checked one by one, so that the first bad one ends it. The schema fields are v2's and say nothing here. */
const produceBody = z.strictObject({
  records: z.array(z.unknown()),
  key_schema: z.unknown().optional(),
  key_schema_id: z.unknown().optional(),
  value_schema: z.unknown().optional(),
  value_schema_id: z.unknown().optional(),
})

type Defaults = { readonly partition: number | undefined; readonly timestamp: number }

/**
 * The records of a REST produce body, in whichever of its forms: v2's `{"records": […]}`, a plain JSON array, or a
 * JSON text per line. `defaults` holds for what a record does not say.
 *
 * @throws KafkaError INVALID_REQUEST (422) when the body or one record is malformed, which it names, or there is none
 * @throws KafkaError MESSAGE_TOO_LARGE when there are more than MAX_REST_RECORDS
 */
export function recordsOfBody(mediaType: string, body: Uint8Array, defaults: Defaults): RecordToRoute[] {
  const records = recordsOfForm(mediaType, body, defaults)
  if (records.length === 0) throw malformed('rest', 'records: nothing to write')
  return records
}

function recordsOfForm(mediaType: string, body: Uint8Array, defaults: Defaults): RecordToRoute[] {
  if (mediaType === NDJSON_TYPE) return linesOf(body).map((line) => valueOnly(line, defaults))
  if (mediaType === JSON_TYPE && startsAsArray(body)) {
    parseJsonBody('rest', body)
    const elements = elementsOf(body)
    checkRecordCount(elements.length)
    return elements.map((element) => valueOnly(element, defaults))
  }
  return embeddedRecords(embeddedFormat(mediaType) ?? 'json', body, defaults)
}

function checkRecordCount(count: number): void {
  if (count > MAX_REST_RECORDS) {
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `records: too many in one request count=${count} max=${MAX_REST_RECORDS}`,
    )
  }
}

/** A record that is its value as sent. */
function valueOnly(value: Uint8Array, defaults: Defaults): RecordToRoute {
  return { key: null, value, headers: [], ...defaults }
}

function startsAsArray(body: Uint8Array): boolean {
  let at = 0
  while (at < body.length && LEADING_SPACE.includes(body[at] as number)) at += 1
  return body[at] === ARRAY_START
}

/** The lines that are not empty, each one JSON text. */
function linesOf(body: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  let lineNumber = 1
  for (let start = 0; start < body.length; lineNumber += 1) {
    const newline = body.indexOf(NEWLINE, start)
    const end = newline < 0 ? body.length : newline
    const line = body.subarray(start, end > start && body[end - 1] === CARRIAGE_RETURN ? end - 1 : end)
    start = end + 1
    if (line.length === 0) continue
    checkRecordCount(lines.length + 1)
    checkLine(line, lineNumber)
    lines.push(line)
  }
  return lines
}

function checkLine(line: Uint8Array, lineNumber: number): void {
  try {
    parseJsonBody('rest', line)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    throw malformed('rest', error.message.replace(/^body:/, `line ${lineNumber}:`), error)
  }
}

function embeddedRecords(format: EmbeddedFormat, body: Uint8Array, defaults: Defaults): RecordToRoute[] {
  const value = parseJsonBody('rest', body, format === 'json' ? parseKeepingDigits : JSON.parse)
  const parsed = produceBody.safeParse(value)
  if (!parsed.success) throw malformed('rest', describeIssue(parsed.error))
  const { records } = parsed.data
  checkRecordCount(records.length)
  return records.map((record, at) => {
    if (format === 'binary') {
      const { key, value, ...rest } = checkRecord(binaryRecord, record, at)
      return { ...commonFields(rest, defaults), key: fromBase64(key), value: fromBase64(value) }
    }
    const { key, value, ...rest } = checkRecord(jsonRecord, record, at)
    return { ...commonFields(rest, defaults), key: jsonBytes(key), value: jsonBytes(value) }
  })
}

function checkRecord<Schema extends z.ZodType>(schema: Schema, record: unknown, at: number): z.infer<Schema> {
  checkHeaderCount(record, at)
  const parsed = schema.safeParse(record)
  if (!parsed.success) throw malformed('rest', describeIssue(parsed.error, ['records', at]))
  return parsed.data
}

/** Before the schema looks at them: it would report each bad one of millions. */
function checkHeaderCount(record: unknown, at: number): void {
  if (typeof record !== 'object' || record === null || !('headers' in record)) return
  const { headers } = record
  if (Array.isArray(headers) && headers.length > MAX_RECORD_HEADERS) {
    throw malformed(
      'rest',
      `records[${at}].headers: too many count=${headers.length} max=${MAX_RECORD_HEADERS}`,
    )
  }
}

function commonFields(
  record: z.infer<z.ZodObject<typeof common>>,
  defaults: Defaults,
): Omit<RecordToRoute, 'key' | 'value'> {
  return {
    partition: record.partition ?? defaults.partition,
    headers: (record.headers ?? []).map(({ key, value }) => ({ key, value: fromBase64(value) })),
    timestamp: record.timestamp ?? defaults.timestamp,
  }
}

function jsonBytes(value: unknown): Uint8Array | null {
  return value === undefined || value === null ? null : compactJson(value)
}

function fromBase64(text: string | null | undefined): Uint8Array | null {
  return text === undefined || text === null ? null : Buffer.from(text, 'base64')
}
