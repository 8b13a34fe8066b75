import {
  BATCH_OVERHEAD_BYTES,
  MAX_BATCH_HEADERS,
  MAX_BATCH_RECORDS,
  writeBatchHeader,
} from './batch-header.ts'
import { type Codecs, type CompressionType, compressionCode } from './compression.ts'
import { KafkaError } from './kafka-error.ts'
import { varintSize, writeVarint } from './varint.ts'

// record = length: varint, bytes behind it | attributes: i8 = 0 | timestampDelta: varlong | offsetDelta: varint
//        | key: nullable bytes | value: nullable bytes | headerCount: varint | headerCount × header
// header = key: varint length, UTF-8 | value: nullable bytes
// nullable bytes = varint length, −1 for null | the bytes

/** A record before it has an offset; `timestamp` in ms since 1970. */
export interface RecordToWrite {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
  readonly timestamp: number
}

/** What makes a batch idempotent (KIP-98); `baseSequence` is the sequence of its first record. */
export interface BatchProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** Records to encode as one batch; without `producer` it is not idempotent, `isTransactional` needs one. */
export interface BatchToWrite {
  readonly records: readonly RecordToWrite[]
  readonly compression: CompressionType
  readonly codecs: Codecs
  readonly producer?: BatchProducer
  readonly isTransactional?: boolean
}

const NO_PRODUCER: BatchProducer = { producerId: -1, producerEpoch: -1, baseSequence: -1 }

/**
 * One record batch v2 with baseOffset 0 and leaderEpoch −1, as a producer sends it.
 *
 * @throws KafkaError INVALID_RECORD when there are no records, too many, or too many headers
 * @throws KafkaError INVALID_TIMESTAMP when a timestamp is not a safe integer
 */
export function encodeBatch(batch: BatchToWrite): Uint8Array {
  const { records } = batch
  const [first] = records
  if (first === undefined || records.length > MAX_BATCH_RECORDS) {
    throw new KafkaError(
      'INVALID_RECORD',
      `record count is out of range recordCount=${records.length} max=${MAX_BATCH_RECORDS}`,
    )
  }
  const headerCount = records.reduce((sum, record) => sum + record.headers.length, 0)
  if (headerCount > MAX_BATCH_HEADERS) {
    throw new KafkaError(
      'INVALID_RECORD',
      `too many headers headerCount=${headerCount} max=${MAX_BATCH_HEADERS}`,
    )
  }
  const bytes = withRecords(batch, encodeRecords(records, first.timestamp))
  writeBatchHeader(bytes, {
    compressionCode: compressionCode(batch.compression),
    isTransactional: batch.isTransactional ?? false,
    lastOffsetDelta: records.length - 1,
    baseTimestamp: first.timestamp,
    maxTimestamp: records.reduce((max, record) => Math.max(max, record.timestamp), first.timestamp),
    recordCount: records.length,
    ...(batch.producer ?? NO_PRODUCER),
  })
  return bytes
}

/** Bytes a record takes at most in an uncompressed batch, besides the batch's own `BATCH_OVERHEAD_BYTES`. */
export function recordSizeUpperBound(record: RecordToWrite): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const header of record.headers) {
    bytes += 2 * MAX_INT32_BYTES + UTF8_BYTES_PER_UNIT * header.key.length + (header.value?.length ?? 0)
  }
  return bytes
}

const MAX_INT32_BYTES = 5
const MAX_INT64_BYTES = 10
const UTF8_BYTES_PER_UNIT = 3
/** Length, attributes, timestampDelta, offsetDelta, key length, value length and headerCount. */
const RECORD_OVERHEAD_BYTES = 5 * MAX_INT32_BYTES + 1 + MAX_INT64_BYTES

/** The records behind room for the header. */
function encodeRecords(records: readonly RecordToWrite[], baseTimestamp: number): Uint8Array {
  const maxBytes = records.reduce((sum, record) => sum + recordSizeUpperBound(record), BATCH_OVERHEAD_BYTES)
  const bytes = new Uint8Array(maxBytes)
  const encoder = new TextEncoder()
  let position = BATCH_OVERHEAD_BYTES
  for (const [offsetDelta, record] of records.entries()) {
    const timestampDelta = record.timestamp - baseTimestamp
    if (!Number.isSafeInteger(record.timestamp) || !Number.isSafeInteger(timestampDelta)) {
      throw new KafkaError('INVALID_TIMESTAMP', `timestamp is not a safe integer record=${offsetDelta}`)
    }
    const keys = record.headers.map((header) => encoder.encode(header.key))
    position = writeVarint(bytes, position, bodySize(record, { timestampDelta, offsetDelta, keys }))
    bytes[position] = 0 // attributes
    position = writeVarint(bytes, position + 1, timestampDelta)
    position = writeVarint(bytes, position, offsetDelta)
    position = writeNullable(bytes, position, record.key)
    position = writeNullable(bytes, position, record.value)
    position = writeVarint(bytes, position, keys.length)
    for (const [index, key] of keys.entries()) {
      position = writeNullable(bytes, position, key)
      position = writeNullable(bytes, position, record.headers[index]?.value ?? null)
    }
  }
  return bytes.subarray(0, position)
}

/** Bytes of a record behind its length. */
function bodySize(
  record: RecordToWrite,
  known: { timestampDelta: number; offsetDelta: number; keys: readonly Uint8Array[] },
): number {
  let size = 1 + varintSize(known.timestampDelta) + varintSize(known.offsetDelta)
  size += nullableSize(record.key) + nullableSize(record.value) + varintSize(known.keys.length)
  for (const key of known.keys) size += nullableSize(key)
  for (const header of record.headers) size += nullableSize(header.value)
  return size
}

function nullableSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length
}

function writeNullable(bytes: Uint8Array, position: number, value: Uint8Array | null): number {
  if (value === null) return writeVarint(bytes, position, -1)
  const start = writeVarint(bytes, position, value.length)
  bytes.set(value, start)
  return start + value.length
}

/** The batch's bytes with its records compressed, and room for the header in front. */
function withRecords(batch: BatchToWrite, plain: Uint8Array): Uint8Array {
  if (batch.compression === 'none') return plain
  const records = batch.codecs.compress(batch.compression, plain.subarray(BATCH_OVERHEAD_BYTES))
  const bytes = new Uint8Array(BATCH_OVERHEAD_BYTES + records.length)
  bytes.set(records, BATCH_OVERHEAD_BYTES)
  return bytes
}
