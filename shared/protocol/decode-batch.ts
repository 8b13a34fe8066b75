import {
  BATCH_OVERHEAD_BYTES,
  type BatchHeader,
  checkBatchCrc,
  MAX_BATCH_HEADERS,
  MAX_BATCH_RECORDS,
  readBatchHeader,
} from './batch-header.ts'
import type { Codecs } from './compression.ts'
import { KafkaError } from './kafka-error.ts'
import { type ByteReader, readVarint, readVarlong } from './varint.ts'

/** A record as a consumer sees it; `timestamp` in ms since 1970. Keys and values may be views of the batch. */
export interface LogRecord {
  readonly offset: number
  readonly leaderEpoch: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: { readonly key: string; readonly value: Uint8Array | null }[]
}

/**
 * The records of the batch at the start of `bytes`, its CRC checked; their grammar stands in encode-batch.ts, and
 * open-batch.ts walks the same one when they are produced: what it takes must be read here. Offsets
 * may have gaps, as compaction leaves them. The records of a control batch are its markers: ask `isControl` first.
 *
 * @throws KafkaError CORRUPT_MESSAGE when the batch is damaged, its records contradict the header, or they are more
 * than `maxDecompressedBytes`
 * @throws KafkaError whatever `readBatchHeader` throws
 */
export function decodeBatch(
  bytes: Uint8Array,
  codecs: Codecs,
  options: { readonly maxDecompressedBytes: number },
): LogRecord[] {
  checkBatchCrc(bytes)
  const header = readBatchHeader(bytes, 0)
  const body = bytes.subarray(BATCH_OVERHEAD_BYTES, header.batchLength)
  try {
    return readRecords(codecs.decompress(header.compression, body, options.maxDecompressedBytes), header)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    throw new KafkaError('CORRUPT_MESSAGE', `${error.message} baseOffset=${header.baseOffset}`, {
      cause: error,
    })
  }
}

/**
 * Cuts concatenated batches apart, without copying or looking into them.
 *
 * @throws KafkaError CORRUPT_MESSAGE when the last one is cut off
 * @throws KafkaError whatever `readBatchHeader` throws
 */
export function splitBatches(bytes: Uint8Array): { header: BatchHeader; bytes: Uint8Array }[] {
  const batches: { header: BatchHeader; bytes: Uint8Array }[] = []
  for (let position = 0; position < bytes.length; ) {
    const header = readBatchHeader(bytes, position)
    const end = position + header.batchLength
    batches.push({ header, bytes: bytes.subarray(position, end) })
    position = end
  }
  return batches
}

/** A record without content: seven fields of one byte. */
const MIN_RECORD_BYTES = 7
const MIN_HEADER_BYTES = 2

function readRecords(body: Uint8Array, header: BatchHeader): LogRecord[] {
  const { recordCount } = header
  if (recordCount < 0 || recordCount > MAX_BATCH_RECORDS || recordCount * MIN_RECORD_BYTES > body.length) {
    throw corrupt(`record count is wrong recordCount=${recordCount}`)
  }
  const reader: ByteReader = { bytes: body, position: 0, end: body.length }
  const records: LogRecord[] = []
  let nextOffset = header.baseOffset
  let headerCount = 0
  for (let index = 0; index < recordCount; index += 1) {
    const record = readRecord(reader, header, MAX_BATCH_HEADERS - headerCount)
    if (record.offset < nextOffset || record.offset > header.baseOffset + header.lastOffsetDelta) {
      throw corrupt(`offset is out of order offset=${record.offset}`)
    }
    nextOffset = record.offset + 1
    headerCount += record.headers.length
    records.push(record)
  }
  if (reader.position !== reader.end) throw corrupt('bytes after the last record')
  return records
}

function readRecord(reader: ByteReader, header: BatchHeader, maxHeaders: number): LogRecord {
  const length = readVarint(reader)
  const end = reader.position + length
  if (length < 1 || end > reader.end) throw corrupt(`record length is wrong length=${length}`)
  reader.position += 1 // attributes, which have no meaning yet
  const createTime = header.baseTimestamp + readVarlong(reader)
  if (!Number.isSafeInteger(createTime)) throw corrupt('timestamp is not a safe integer')
  const record: LogRecord = {
    offset: header.baseOffset + readVarint(reader),
    leaderEpoch: header.leaderEpoch,
    timestamp: header.timestampType === 'LogAppendTime' ? header.maxTimestamp : createTime,
    key: readNullable(reader, 'key'),
    value: readNullable(reader, 'value'),
    headers: readHeaders(reader, Math.min(maxHeaders, (end - reader.position) / MIN_HEADER_BYTES)),
  }
  if (reader.position !== end) throw corrupt(`record length and content differ length=${length}`)
  return record
}

function readHeaders(reader: ByteReader, maxHeaders: number): LogRecord['headers'] {
  const headerCount = readVarint(reader)
  if (headerCount < 0 || headerCount > maxHeaders) {
    throw corrupt(`header count is wrong headerCount=${headerCount}`)
  }
  const headers: LogRecord['headers'] = []
  for (let index = 0; index < headerCount; index += 1) {
    const key = TEXT.decode(readBytes(reader, readVarint(reader), 'header key'))
    headers.push({ key, value: readNullable(reader, 'header value') })
  }
  return headers
}

/** A BOM is part of a key; bytes that are not UTF-8 are replaced, as in Kafka's clients. */
const TEXT = new TextDecoder('utf-8', { ignoreBOM: true })

function readNullable(reader: ByteReader, field: string): Uint8Array | null {
  const length = readVarint(reader)
  return length === -1 ? null : readBytes(reader, length, field)
}

function readBytes(reader: ByteReader, length: number, field: string): Uint8Array {
  const start = reader.position
  if (length < 0 || length > reader.end - start) throw corrupt(`${field} length is wrong length=${length}`)
  reader.position = start + length
  return reader.bytes.subarray(start, reader.position)
}

function corrupt(message: string): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', message)
}
