import type {
  FetchedFrame,
  FetchedRecords,
  FetchRequest,
  FetchResponse,
  JsonFetchedRecord,
} from '../shared/protocol/api/fetch.ts'
import type { Codecs } from '../shared/protocol/compression.ts'
import type { LogRecord } from '../shared/protocol/decode-batch.ts'
import { encodeFrame } from '../shared/protocol/frame.ts'
import { errorRow } from '../shared/protocol/kafka-error.ts'
import { MAX_FETCH_BYTES } from '../shared/protocol/limits.ts'
import type { FetchedBatches } from '../shared/service/fetch.ts'
import { readFetchedRecords } from '../shared/service/fetched-records.ts'

/** A fetch's answer as a frame: the header says how many bytes of batches each partition has. */
export function fetchFrame(fetched: FetchResponse<FetchedBatches>): Uint8Array[] {
  const header: FetchResponse<FetchedFrame> = {
    topics: fetched.topics.map((topic) => ({ ...topic, partitions: topic.partitions.map(frameRow) })),
  }
  const batches = fetched.topics.flatMap((topic) => topic.partitions.flatMap(({ batches }) => batches))
  return encodeFrame(header, batches)
}

function frameRow({ batches, nextOffset: _, ...row }: FetchedBatches): FetchedFrame {
  return { ...row, byteLength: batches.reduce((sum, batch) => sum + batch.byteLength, 0) }
}

/** A fetch's answer as decoded records from each fetchOffset on, of at most MAX_FETCH_BYTES but for a first record that is larger. */
export function fetchJson(
  codecs: Codecs,
  request: FetchRequest,
  fetched: FetchResponse<FetchedBatches>,
): FetchResponse {
  let spentBytes = 0
  return {
    topics: fetched.topics.map((topic, topicAt) => ({
      ...topic,
      partitions: topic.partitions.map(({ batches, ...row }, partitionAt): FetchedRecords => {
        const fetchOffset = request.topics[topicAt]?.partitions[partitionAt]?.fetchOffset ?? row.nextOffset
        if (row.errorCode !== 0 || batches.length === 0) return { ...row, records: [] }
        const read = readFetchedRecords(
          { batches, nextOffset: row.nextOffset },
          { codecs, fetchOffset, spentBytes, maxBytes: MAX_FETCH_BYTES },
        )
        spentBytes += read.bytes
        const { nextOffset } = read
        if (read.corrupt !== undefined) {
          return { ...row, ...errorRow(read.corrupt), nextOffset, records: [] }
        }
        return { ...row, nextOffset, records: read.records.map(jsonRecord) }
      }),
    })),
  }
}

function jsonRecord(record: LogRecord): JsonFetchedRecord {
  return {
    offset: record.offset,
    leaderEpoch: record.leaderEpoch,
    timestamp: record.timestamp,
    key: base64(record.key),
    value: base64(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: base64(value) })),
  }
}

function base64(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
