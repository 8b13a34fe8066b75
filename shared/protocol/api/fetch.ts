import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { MAX_FETCH_BYTES } from '../limits.ts'
import { index, isolationLevel, leaderEpoch, offset, type TopicOf, topicsOf } from './common.ts'

/** Body of `POST /v1/fetch` (Kafka's Fetch, API key 1). */
export const fetchRequest = z.strictObject({
  maxWaitMs: z.int().min(0).default(500),
  minBytes: z.int().min(0).default(1),
  maxBytes: z.int().min(0).default(MAX_FETCH_BYTES),
  isolationLevel,
  rackId: z.string().optional(),
  topics: topicsOf(
    z.strictObject({
      partitionIndex: index,
      fetchOffset: offset,
      partitionMaxBytes: z.int().min(0).default(1_048_576),
      currentLeaderEpoch: leaderEpoch,
      lastFetchedEpoch: leaderEpoch,
    }),
  ),
})

export type FetchRequest = z.infer<typeof fetchRequest>

/** A record of a JSON answer: bytes are base64, null is null. */
export interface JsonFetchedRecord {
  readonly offset: number
  readonly leaderEpoch: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
}

/** Where the log parted from the one that the caller read: the largest epoch of both, and its exclusive end (KIP-595). */
export interface DivergingEpoch {
  readonly epoch: number
  readonly endOffset: number
}

/** What every fetched partition says, whatever it carries. Offsets are −1 where they are not known. */
export interface FetchedOffsets {
  readonly partitionIndex: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[]
  /** Stands where records up to fetchOffset were truncated since they were read: then there are no records. */
  readonly divergingEpoch?: DivergingEpoch
}

type Outcome = { readonly errorCode: 0 } | ErrorRow

/** A partition of a JSON answer: decoded records from fetchOffset on; `nextOffset` is where to go on. */
export type FetchedRecords = FetchedOffsets &
  Outcome & { readonly nextOffset: number; readonly records: readonly JsonFetchedRecord[] }

/** A partition in a fetch frame's header: whole batches of `byteLength` bytes, of which the first may begin below fetchOffset. */
export type FetchedFrame = FetchedOffsets & Outcome & { readonly byteLength: number }

export interface FetchResponse<P = FetchedRecords> {
  readonly topics: readonly TopicOf<P>[]
}
