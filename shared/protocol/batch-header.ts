import { type CompressionType, compressionOf } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { KafkaError } from './kafka-error.ts'

// record batch v2 (KIP-98), all numbers big-endian:
//    0 baseOffset: i64           8 length: i32, bytes from 12 on   12 partitionLeaderEpoch: i32   16 magic: i8 = 2
//   17 crc: u32, CRC-32C of everything from 21 on                  21 attributes: i16             23 lastOffsetDelta: i32
//   27 baseTimestamp: i64       35 maxTimestamp: i64               43 producerId: i64             51 producerEpoch: i16
//   53 baseSequence: i32        57 recordCount: i32                61 records, compressed as a whole
// attributes: bits 0–2 compression | 3 timestampType (1 = LogAppendTime) | 4 transactional | 5 control | 6–15 not ours
const LENGTH_END = 12
const CRC_START = 21
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20
const NOT_OURS = 0xffc0

/** Bytes of a record batch in front of its records. */
export const BATCH_OVERHEAD_BYTES = 61

/** More records than any client puts into a batch of max.message.bytes, and few enough to walk in milliseconds. */
export const MAX_BATCH_RECORDS = 100_000

/** Headers of all records of a batch together: two zero bytes are one, and become an object of a hundred. */
export const MAX_BATCH_HEADERS = 500_000

/** What a record batch says about itself; `batchLength` counts the whole batch, its first 12 bytes included. */
export interface BatchHeader {
  readonly baseOffset: number
  readonly batchLength: number
  readonly leaderEpoch: number
  readonly magic: number
  readonly crc: number
  readonly attributes: number
  readonly compression: CompressionType
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly isTransactional: boolean
  readonly isControl: boolean
  /** Whether one of the bits 6–15 is set, which no producer does: 6 is a log cleaner's deleteHorizon. */
  readonly hasUnknownAttributes: boolean
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/**
 * Reads the header of the batch at `position`; neither its CRC nor its counts are checked.
 *
 * @throws KafkaError CORRUPT_MESSAGE when the batch is cut off or its length is nonsense
 * @throws KafkaError INVALID_RECORD when its magic is not 2 or its offsets are not safe integers
 * @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE, INVALID_PRODUCER_ID_MAPPING or INVALID_TIMESTAMP for such a field
 */
export function readBatchHeader(bytes: Uint8Array, position: number): BatchHeader {
  const batchLength = readBatchLength(bytes, position)
  const view = viewOf(bytes, position)
  const attributes = view.getInt16(21)
  const baseOffset = safeInt64(view, 0, 'baseOffset', 'INVALID_RECORD')
  const lastOffsetDelta = view.getInt32(23)
  if (!Number.isSafeInteger(baseOffset + lastOffsetDelta)) {
    throw new KafkaError('INVALID_RECORD', `last offset is not a safe integer baseOffset=${baseOffset}`)
  }
  return {
    baseOffset,
    batchLength,
    leaderEpoch: view.getInt32(12),
    magic: view.getInt8(16),
    crc: view.getUint32(17),
    attributes,
    compression: compressionOf(attributes),
    timestampType: attributes & LOG_APPEND_TIME ? 'LogAppendTime' : 'CreateTime',
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    hasUnknownAttributes: (attributes & NOT_OURS) !== 0,
    lastOffsetDelta,
    baseTimestamp: safeInt64(view, 27, 'baseTimestamp', 'INVALID_TIMESTAMP'),
    maxTimestamp: safeInt64(view, 35, 'maxTimestamp', 'INVALID_TIMESTAMP'),
    producerId: safeInt64(view, 43, 'producerId', 'INVALID_PRODUCER_ID_MAPPING'),
    producerEpoch: view.getInt16(51),
    baseSequence: view.getInt32(53),
    recordCount: view.getInt32(57),
  }
}

/**
 * Checks the CRC-32C of the batch at the start of `bytes`, which may go on behind it.
 *
 * @throws KafkaError CORRUPT_MESSAGE when the batch is cut off, its length is nonsense, or the CRC differs
 * @throws KafkaError INVALID_RECORD when its magic is not 2
 */
export function checkBatchCrc(bytes: Uint8Array): void {
  const batchLength = readBatchLength(bytes, 0)
  const stored = viewOf(bytes, 0).getUint32(17)
  const computed = crc32c(bytes, CRC_START, batchLength)
  if (stored !== computed) {
    throw new KafkaError('CORRUPT_MESSAGE', `record batch crc differs crc=${stored} computed=${computed}`)
  }
}

/** What `writeBatchHeader` is told; everything else follows from the bytes. */
export interface BatchHeaderToWrite
  extends Pick<BatchHeader, 'lastOffsetDelta' | 'baseTimestamp' | 'maxTimestamp' | 'recordCount'>,
    Pick<BatchHeader, 'producerId' | 'producerEpoch' | 'baseSequence'> {
  readonly compressionCode: number
  readonly isTransactional: boolean
}

/** Writes the first 61 bytes of `bytes`, one whole batch: baseOffset 0, leaderEpoch −1, CRC of what is there. */
export function writeBatchHeader(bytes: Uint8Array, header: BatchHeaderToWrite): void {
  const view = viewOf(bytes, 0)
  view.setBigInt64(0, 0n)
  view.setInt32(8, bytes.length - LENGTH_END)
  view.setInt32(12, -1)
  view.setInt8(16, 2)
  view.setInt16(21, header.compressionCode | (header.isTransactional ? TRANSACTIONAL : 0))
  view.setInt32(23, header.lastOffsetDelta)
  view.setBigInt64(27, BigInt(header.baseTimestamp))
  view.setBigInt64(35, BigInt(header.maxTimestamp))
  view.setBigInt64(43, BigInt(header.producerId))
  view.setInt16(51, header.producerEpoch)
  view.setInt32(53, header.baseSequence)
  view.setInt32(57, header.recordCount)
  view.setUint32(17, crc32c(bytes, CRC_START))
}

/**
 * Gives a batch its place in a partition, in place: the caller owns `bytes`, which are also the answer. Both fields
 * are outside the CRC.
 */
export function placeBatch(
  bytes: Uint8Array,
  place: { readonly baseOffset: number; readonly leaderEpoch: number },
): Uint8Array {
  const view = viewOf(bytes, 0)
  view.setBigInt64(0, BigInt(place.baseOffset))
  view.setInt32(12, place.leaderEpoch)
  return bytes
}

/** The batch with the maxTimestamp of `header`: `bytes` themselves, or a copy where they say another. */
export function withMaxTimestamp(
  bytes: Uint8Array,
  { maxTimestamp }: Pick<BatchHeader, 'maxTimestamp'>,
): Uint8Array {
  if (viewOf(bytes, 0).getBigInt64(35) === BigInt(maxTimestamp)) return bytes
  const copy = Uint8Array.from(bytes)
  const view = viewOf(copy, 0)
  view.setBigInt64(35, BigInt(maxTimestamp))
  view.setUint32(17, crc32c(copy, CRC_START))
  return copy
}

/** Turns `bytes`, one whole batch, in place into one of a topic with `message.timestamp.type=LogAppendTime`. */
export function stampLogAppendTime(bytes: Uint8Array, nowMs: number): Uint8Array {
  const view = viewOf(bytes, 0)
  view.setInt16(21, view.getInt16(21) | LOG_APPEND_TIME)
  view.setBigInt64(35, BigInt(nowMs))
  view.setUint32(17, crc32c(bytes, CRC_START))
  return bytes
}

/** Bytes of the batch at `position`, all of which are there. */
function readBatchLength(bytes: Uint8Array, position: number): number {
  const available = bytes.length - position
  if (available < BATCH_OVERHEAD_BYTES) {
    throw new KafkaError('CORRUPT_MESSAGE', `record batch is cut off position=${position} bytes=${available}`)
  }
  const view = viewOf(bytes, position)
  const batchLength = LENGTH_END + view.getInt32(8)
  if (batchLength < BATCH_OVERHEAD_BYTES || batchLength > available) {
    throw new KafkaError(
      'CORRUPT_MESSAGE',
      `record batch length is wrong position=${position} batchLength=${batchLength} bytes=${available}`,
    )
  }
  const magic = view.getInt8(16)
  if (magic !== 2) throw new KafkaError('INVALID_RECORD', `record batch is not of magic 2 magic=${magic}`)
  return batchLength
}

function safeInt64(
  view: DataView,
  at: number,
  field: string,
  errorName: 'INVALID_RECORD' | 'INVALID_TIMESTAMP' | 'INVALID_PRODUCER_ID_MAPPING',
): number {
  const value = Number(view.getBigInt64(at))
  if (!Number.isSafeInteger(value)) throw new KafkaError(errorName, `${field} is not a safe integer`)
  return value
}

function viewOf(bytes: Uint8Array, position: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + position, bytes.length - position)
}
