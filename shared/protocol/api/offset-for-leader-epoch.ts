import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { index, leaderEpoch, type TopicOf, topicsOf } from './common.ts'

/** Body of `POST /v1/offset-for-leader-epoch` (Kafka's OffsetForLeaderEpoch, API key 23). */
export const offsetForLeaderEpochRequest = z.strictObject({
  topics: topicsOf(
    z.strictObject({
      partitionIndex: index,
      currentLeaderEpoch: leaderEpoch,
      leaderEpoch: leaderEpoch.unwrap(),
    }),
  ),
})

export type OffsetForLeaderEpochRequest = z.infer<typeof offsetForLeaderEpochRequest>

/** The largest epoch up to the one asked for and its exclusive end; −1 and −1 for an epoch that is still to come. */
export type EpochEndOffset = { readonly partitionIndex: number } & (
  | { readonly errorCode: 0; readonly leaderEpoch: number; readonly endOffset: number }
  | (ErrorRow & { readonly leaderEpoch: -1; readonly endOffset: -1 })
)

export interface OffsetForLeaderEpochResponse {
  readonly topics: readonly TopicOf<EpochEndOffset>[]
}
