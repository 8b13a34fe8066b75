import {
  BATCH_OVERHEAD_BYTES,
  type BatchHeader,
  checkBatchCrc,
  MAX_BATCH_HEADERS,
  MAX_BATCH_RECORDS,
  readBatchHeader,
} from './batch-header.ts'
import { KafkaError } from './kafka-error.ts'
import { type ByteReader, readVarint, readVarlong } from './varint.ts'

/**
 * Checks the one record batch of a produce, as Kafka's `LogValidator` does, and answers its header. Uncompressed
 * records are walked (their grammar stands in encode-batch.ts; decode-batch.ts reads the same one and must agree on what
 * is valid), compressed ones are left to their readers.
 *
 * The maxTimestamp answered is that of the records where they are walked, as in Kafka, which computes it anew as well:
 * a client may send another one (@platformatic/kafka writes timestamps more than 24 days apart wrongly, kafkajs an
 * explicit 0), and the time index must not believe it.
 *
 * @param options.maxBytes the topic's `max.message.bytes`
 * @throws KafkaError MESSAGE_TOO_LARGE when it has more than `maxBytes`
 * @throws KafkaError CORRUPT_MESSAGE when it is cut off, its length is nonsense or its CRC differs
 * @throws KafkaError INVALID_RECORD when there is none or more than one, or it contradicts itself
 * @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE when its compression code is above 4
 * @throws KafkaError INVALID_PRODUCER_ID_MAPPING when its producer id is neither −1 nor in [0, 2⁵³)
 * @throws KafkaError INVALID_TIMESTAMP when a timestamp is not a safe integer, or is of type LogAppendTime
 */
export function openBatch(bytes: Uint8Array, options: { readonly maxBytes: number }): BatchHeader {
  if (bytes.length > options.maxBytes) {
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `record batch is too large bytes=${bytes.length} max.message.bytes=${options.maxBytes}`,
    )
  }
  if (bytes.length === 0) throw invalid('no record batch')
  checkBatchCrc(bytes)
  const header = readBatchHeader(bytes, 0)
  if (header.batchLength !== bytes.length) {
    throw invalid(`more than one record batch batchLength=${header.batchLength} bytes=${bytes.length}`)
  }
  checkHeader(header)
  if (header.compression !== 'none') return header
  return { ...header, maxTimestamp: walkRecords(bytes, header) }
}

function checkHeader(header: BatchHeader): void {
  const { recordCount, lastOffsetDelta, producerId, producerEpoch, baseSequence } = header
  if (header.hasUnknownAttributes) {
    throw invalid(`attributes have unknown bits attributes=${header.attributes}`)
  }
  if (header.isControl) throw invalid('a producer may not write control batches')
  if (header.timestampType === 'LogAppendTime') {
    throw new KafkaError('INVALID_TIMESTAMP', 'a producer may not set timestampType=LogAppendTime')
  }
  if (header.baseOffset !== 0) throw invalid(`base offset is not 0 baseOffset=${header.baseOffset}`)
  if (recordCount < 1 || recordCount > MAX_BATCH_RECORDS) {
    throw invalid(`record count is out of range recordCount=${recordCount} max=${MAX_BATCH_RECORDS}`)
  }
  if (lastOffsetDelta !== recordCount - 1) {
    throw invalid(
      `record count and offsets differ recordCount=${recordCount} lastOffsetDelta=${lastOffsetDelta}`,
    )
  }
  if (producerId < -1) {
    throw new KafkaError('INVALID_PRODUCER_ID_MAPPING', `producer id is negative producerId=${producerId}`)
  }
  if (producerId >= 0 && (producerEpoch < 0 || baseSequence < 0)) {
    throw invalid(
      `producer id without epoch and sequence producerId=${producerId} producerEpoch=${producerEpoch} baseSequence=${baseSequence}`,
    )
  }
}

/** The latest timestamp of the records. Allocates nothing per record: this is most of the time of a produce. */
function walkRecords(bytes: Uint8Array, header: BatchHeader): number {
  const walk: Walk = { headerCount: 0, maxTimestamp: Number.MIN_SAFE_INTEGER }
  const reader: ByteReader = { bytes, position: BATCH_OVERHEAD_BYTES, end: header.batchLength }
  let offsetDelta = 0
  try {
    for (; offsetDelta < header.recordCount; offsetDelta += 1) {
      walkRecord(reader, header, offsetDelta, walk)
      if (walk.headerCount > MAX_BATCH_HEADERS) throw invalid(`too many headers max=${MAX_BATCH_HEADERS}`)
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    throw new KafkaError('INVALID_RECORD', `${error.message} record=${offsetDelta}`, { cause: error })
  }
  if (reader.position !== reader.end) {
    throw invalid(`bytes after the last record position=${reader.position} batchLength=${reader.end}`)
  }
  return walk.maxTimestamp
}

/** What was seen of the records walked over. */
interface Walk {
  headerCount: number
  maxTimestamp: number
}

/** Moves over the record that should have the offset `position` in its batch. */
function walkRecord(reader: ByteReader, header: BatchHeader, position: number, walk: Walk): void {
  const length = readVarint(reader)
  const end = reader.position + length
  if (length < 1 || end > reader.end) throw invalid(`record length is wrong length=${length}`)
  reader.position += 1 // attributes, which have no meaning yet
  const timestamp = header.baseTimestamp + readVarlong(reader)
  if (!Number.isSafeInteger(timestamp)) throw invalid('timestamp is not a safe integer')
  if (timestamp > walk.maxTimestamp) walk.maxTimestamp = timestamp
  const offsetDelta = readVarint(reader)
  if (offsetDelta !== position) throw invalid(`offset is out of order offsetDelta=${offsetDelta}`)
  skipNullable(reader, 'key')
  skipNullable(reader, 'value')
  const headerCount = readVarint(reader)
  if (headerCount < 0 || 2 * headerCount > end - reader.position) {
    throw invalid(`header count is wrong headerCount=${headerCount}`)
  }
  for (let index = 0; index < headerCount; index += 1) {
    skip(reader, readVarint(reader), 'header key')
    skipNullable(reader, 'header value')
  }
  if (reader.position !== end) throw invalid(`record length and content differ length=${length}`)
  walk.headerCount += headerCount
}

function skipNullable(reader: ByteReader, field: string): void {
  const length = readVarint(reader)
  if (length !== -1) skip(reader, length, field)
}

function skip(reader: ByteReader, length: number, field: string): void {
  if (length < 0 || length > reader.end - reader.position) {
    throw invalid(`${field} length is wrong length=${length}`)
  }
  reader.position += length
}

function invalid(message: string): KafkaError {
  return new KafkaError('INVALID_RECORD', message)
}
