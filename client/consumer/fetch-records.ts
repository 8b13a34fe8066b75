import type { FetchedOffsets, JsonFetchedRecord } from '../../shared/protocol/api/fetch.ts'
import type { LogRecord } from '../../shared/protocol/decode-batch.ts'
import type { Apis } from '../apis.ts'
import type { AnsweredRow } from '../errors.ts'
import type { CallOptions, Transport } from '../transport.ts'
import type { FetchedChunk } from './assigned-partition.ts'
import { fromBase64 } from './base64.ts'

/** A fetched partition with the records that a consumer is given of it. */
export type FetchedPartition = FetchedOffsets & AnsweredRow & { readonly chunk: FetchedChunk }

/**
 * Fetches records as the service decodes them, which needs no codecs.
 *
 * @throws StratologError when the whole request failed
 */
export async function fetchRecords(
  transport: Transport,
  request: Apis['fetch']['request'],
  options: CallOptions,
): Promise<{ readonly name: string; readonly partitions: readonly FetchedPartition[] }[]> {
  const answer = await transport.call('fetch', request, options)
  return answer.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((row) => ({ ...row, chunk: chunkOf(row.records, row.nextOffset) })),
  }))
}

function chunkOf(rows: readonly JsonFetchedRecord[], nextOffset: number): FetchedChunk {
  const records = rows.map(decoded)
  const last = records.at(-1)
  // What lies between the last record and the end was not shown: nothing tells its leader epoch.
  const leaderEpoch = last !== undefined && last.offset + 1 === nextOffset ? last.leaderEpoch : -1
  const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
  return { records, end: { offset: nextOffset, leaderEpoch }, bytes }
}

function decoded(record: JsonFetchedRecord): LogRecord {
  return {
    ...record,
    key: bytesOf(record.key),
    value: bytesOf(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: bytesOf(value) })),
  }
}

function bytesOf(base64: string | null): Uint8Array | null {
  return base64 === null ? null : fromBase64(base64)
}
