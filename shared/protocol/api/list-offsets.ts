import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { index, isolationLevel, leaderEpoch, type TopicOf, topicsOf } from './common.ts'

/** Timestamps with a meaning of their own (Kafka's `ListOffsetsRequest`). */
export const LATEST_TIMESTAMP = -1
export const EARLIEST_TIMESTAMP = -2
export const MAX_TIMESTAMP = -3

/** Body of `POST /v1/list-offsets` (Kafka's ListOffsets, API key 2). */
export const listOffsetsRequest = z.strictObject({
  isolationLevel,
  topics: topicsOf(
    z.strictObject({ partitionIndex: index, timestamp: z.int().min(-3), currentLeaderEpoch: leaderEpoch }),
  ),
})

export type ListOffsetsRequest = z.infer<typeof listOffsetsRequest>

/** The offset found and its record's timestamp; −1 and −1 when nothing is that late. */
export type ListedOffset = { readonly partitionIndex: number } & (
  | {
      readonly errorCode: 0
      readonly offset: number
      readonly timestamp: number
      readonly leaderEpoch: number
    }
  | (ErrorRow & { readonly offset: -1; readonly timestamp: -1; readonly leaderEpoch: -1 })
)

export interface ListOffsetsResponse {
  readonly topics: readonly TopicOf<ListedOffset>[]
}
