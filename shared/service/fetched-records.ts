import { readBatchHeader } from '../protocol/batch-header.ts'
import type { Codecs } from '../protocol/compression.ts'
import { decodeBatch, type LogRecord } from '../protocol/decode-batch.ts'
import { JSON_RECORD_OVERHEAD_BYTES } from '../protocol/http-limits.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { MAX_DECOMPRESSED_BYTES } from '../protocol/limits.ts'

/** What came of decoding the batches of one partition. */
export interface ReadRecords {
  readonly records: readonly LogRecord[]
  /** Where to go on: behind the last record, or behind a batch that cannot be read. */
  readonly nextOffset: number
  /** What the records count against the answer's `maxBytes`. */
  readonly bytes: number
  /** CORRUPT_MESSAGE when nothing but a batch that cannot be read stands at `fetchOffset`. */
  readonly corrupt?: KafkaError
}

/**
 * The records of fetched batches from `fetchOffset` on, markers left out. It stops before the record that would take
 * the answer, which holds `spentBytes` already, over `maxBytes` (but never before the answer's first), and before a
 * batch that cannot be read: that one is told when it comes first.
 */
export function readFetchedRecords(
  fetched: { readonly batches: readonly Uint8Array[]; readonly nextOffset: number },
  options: {
    readonly codecs: Codecs
    readonly fetchOffset: number
    readonly spentBytes: number
    readonly maxBytes: number
  },
): ReadRecords {
  const { fetchOffset } = options
  const records: LogRecord[] = []
  let bytes = 0
  let nextOffset = fetchOffset
  for (const batch of fetched.batches) {
    const header = readBatchHeader(batch, 0)
    const endOffset = header.baseOffset + header.lastOffsetDelta + 1
    if (endOffset <= fetchOffset) continue
    if (options.spentBytes + bytes > options.maxBytes) return { records, nextOffset, bytes }
    const decoded = header.isControl ? [] : decode(batch, options.codecs)
    if (decoded instanceof KafkaError) {
      if (records.length > 0) return { records, nextOffset, bytes }
      return { records, nextOffset: endOffset, bytes, corrupt: decoded }
    }
    for (const record of decoded) {
      if (record.offset < fetchOffset) continue
      const size = sizeOf(record)
      const spent = options.spentBytes + bytes
      if (spent > 0 && spent + size > options.maxBytes) return { records, nextOffset: record.offset, bytes }
      records.push(record)
      bytes += size
    }
    nextOffset = endOffset
  }
  return { records, nextOffset: Math.max(nextOffset, fetched.nextOffset), bytes }
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

function sizeOf(record: LogRecord): number {
  let size = JSON_RECORD_OVERHEAD_BYTES + (record.key?.byteLength ?? 0) + (record.value?.byteLength ?? 0)
  for (const header of record.headers) {
    size += JSON_RECORD_OVERHEAD_BYTES + header.key.length + (header.value?.byteLength ?? 0)
  }
  return size
}
