import { readBatchHeader } from '../protocol/batch-header.ts'
import type { Codecs } from '../protocol/compression.ts'
import { decodeBatch, type LogRecord } from '../protocol/decode-batch.ts'
import { JSON_CHARACTER_BYTES, JSON_RECORD_OVERHEAD_BYTES } from '../protocol/http-limits.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { MAX_DECOMPRESSED_BYTES } from '../protocol/limits.ts'
import type { Deps } from './deps.ts'
import { type MeteredCodecs, meteredCodecs } from './metered-codecs.ts'

/** What came of decoding the batches of one partition. */
export interface ReadRecords {
  readonly records: readonly LogRecord[]
  /** Where to go on: behind the last record, or behind a batch that cannot be read. */
  readonly nextOffset: number
  /** CORRUPT_MESSAGE when nothing but a batch that cannot be read stands at `fetchOffset`. */
  readonly corrupt?: KafkaError
}

/** What the answer to one request may still hold; all its partitions fill the same room. */
export interface AnswerRoom {
  readonly maxBytes: number
  /** What every record takes besides its bytes. */
  readonly recordOverheadBytes: number
  readonly codecs: MeteredCodecs
  spentBytes: number
  /** Once a record did not fit, no more is decoded: a batch behind it could only be decoded in vain. */
  isFull: boolean
}

/** Room for `maxBytes` of records in JSON; `topic` stands beside each record, where the answer repeats it. */
export function newAnswerRoom(
  codecs: Codecs,
  { maxBytes, topic }: { readonly maxBytes: number; readonly topic: string },
): AnswerRoom {
  return {
    maxBytes,
    recordOverheadBytes: JSON_RECORD_OVERHEAD_BYTES + topic.length,
    codecs: meteredCodecs(codecs),
    spentBytes: 0,
    isFull: false,
  }
}

/**
 * The records of fetched batches from `fetchOffset` on, markers left out. It stops before the record that the room is
 * too small for (but never before the answer's first), before a batch when the request has decompressed enough, and
 * before a batch that cannot be read: that one is told when it comes first.
 */
export async function readFetchedRecords(
  { clock }: Pick<Deps, 'clock'>,
  fetched: { readonly batches: readonly Uint8Array[]; readonly nextOffset: number },
  { fetchOffset, room }: { readonly fetchOffset: number; readonly room: AnswerRoom },
): Promise<ReadRecords> {
  const records: LogRecord[] = []
  let nextOffset = fetchOffset
  for (const batch of fetched.batches) {
    const header = readBatchHeader(batch, 0)
    const endOffset = header.baseOffset + header.lastOffsetDelta + 1
    if (endOffset <= fetchOffset) continue
    await clock.giveWay()
    if (room.isFull || room.codecs.decompressedBytes() >= MAX_DECOMPRESSED_BYTES) {
      return { records, nextOffset }
    }
    const decoded = header.isControl ? [] : decode(batch, room.codecs)
    if (decoded instanceof KafkaError) {
      if (records.length > 0) return { records, nextOffset }
      return { records, nextOffset: endOffset, corrupt: decoded }
    }
    for (const record of decoded) {
      if (record.offset < fetchOffset) continue
      if (!takes(room, record)) return { records, nextOffset: record.offset }
      records.push(record)
    }
    nextOffset = endOffset
  }
  return { records, nextOffset: Math.max(nextOffset, fetched.nextOffset) }
}

function decode(batch: Uint8Array, codecs: Codecs): readonly LogRecord[] | KafkaError {
  try {
    return decodeBatch(batch, codecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return error.errorName === 'CORRUPT_MESSAGE'
      ? error
      : new KafkaError('CORRUPT_MESSAGE', error.message, { cause: error })
  }
}

/** Whether the record fits; it is counted then. */
function takes(room: AnswerRoom, record: LogRecord): boolean {
  const bytes = room.recordOverheadBytes + sizeOf(record)
  room.isFull = room.spentBytes > 0 && room.spentBytes + bytes > room.maxBytes
  if (!room.isFull) room.spentBytes += bytes
  return !room.isFull
}

function sizeOf(record: LogRecord): number {
  let size = (record.key?.byteLength ?? 0) + (record.value?.byteLength ?? 0)
  for (const header of record.headers) {
    size += JSON_RECORD_OVERHEAD_BYTES + JSON_CHARACTER_BYTES * header.key.length
    size += header.value?.byteLength ?? 0
  }
  return size
}
