import type { TopicOf } from '../shared/protocol/api/common.ts'
import type {
  FetchedFrame,
  FetchedRecords,
  FetchRequest,
  FetchResponse,
  JsonFetchedRecord,
} from '../shared/protocol/api/fetch.ts'
import type { LogRecord } from '../shared/protocol/decode-batch.ts'
import { encodeFrame } from '../shared/protocol/frame.ts'
import { errorRow } from '../shared/protocol/kafka-error.ts'
import { MAX_FETCH_BYTES } from '../shared/protocol/limits.ts'
import type { Deps } from '../shared/service/deps.ts'
import type { FetchedBatches } from '../shared/service/fetch.ts'
import { type AnswerRoom, newAnswerRoom, readFetchedRecords } from '../shared/service/fetched-records.ts'

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
export async function fetchJson(
  deps: Pick<Deps, 'clock' | 'codecs'>,
  request: FetchRequest,
  fetched: FetchResponse<FetchedBatches>,
): Promise<FetchResponse> {
  const room = newAnswerRoom(deps.codecs, { maxBytes: MAX_FETCH_BYTES, topic: '' })
  const topics: TopicOf<FetchedRecords>[] = []
  for (const [topicAt, topic] of fetched.topics.entries()) {
    const partitions: FetchedRecords[] = []
    for (const [partitionAt, row] of topic.partitions.entries()) {
      const fetchOffset = request.topics[topicAt]?.partitions[partitionAt]?.fetchOffset ?? row.nextOffset
      partitions.push(await jsonRow(deps, row, { fetchOffset, room }))
    }
    topics.push({ ...topic, partitions })
  }
  return { topics }
}

/** One partition after the other: which of them have records must not hang on chance. */
async function jsonRow(
  deps: Pick<Deps, 'clock'>,
  { batches, ...row }: FetchedBatches,
  options: { readonly fetchOffset: number; readonly room: AnswerRoom },
): Promise<FetchedRecords> {
  if (row.errorCode !== 0 || batches.length === 0) return { ...row, records: [] }
  const { nextOffset: fetchedTo } = row
  const read = await readFetchedRecords(deps, { batches, nextOffset: fetchedTo }, options)
  const { nextOffset } = read
  if (read.corrupt !== undefined) return { ...row, ...errorRow(read.corrupt), nextOffset, records: [] }
  return { ...row, nextOffset, records: read.records.map(jsonRecord) }
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
