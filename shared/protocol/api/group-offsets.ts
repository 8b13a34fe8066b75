import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { index, leaderEpoch, offset, type TopicOf, topicsOf } from './common.ts'
import { generationId, groupId, groupInstanceId, memberId } from './groups.ts'

/** Body of `POST /v1/offset-commit` (Kafka's OffsetCommit, API key 8); generation −1 and no member id for a client that is no member. */
export const offsetCommitRequest = z.strictObject({
  groupId,
  generationId: generationId.default(-1),
  memberId: memberId.default(''),
  groupInstanceId,
  topics: topicsOf(
    z.strictObject({
      partitionIndex: index,
      /** The offset of the next record to process. */
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: z
        .string()
        .refine((text) => text.isWellFormed(), { message: 'must be well-formed' })
        .nullable()
        .default(null),
    }),
  ),
})

export type OffsetCommitRequest = z.infer<typeof offsetCommitRequest>
export type PartitionToCommit = OffsetCommitRequest['topics'][number]['partitions'][number]

export type CommittedPartition = { readonly partitionIndex: number } & ({ readonly errorCode: 0 } | ErrorRow)

export interface OffsetCommitResponse {
  readonly topics: readonly TopicOf<CommittedPartition>[]
}

/** Body of `POST /v1/offset-fetch` (Kafka's OffsetFetch, API key 9); all that is committed where `topics` is null. */
export const offsetFetchRequest = z.strictObject({
  groupId,
  topics: topicsOf(z.strictObject({ partitionIndex: index }))
    .nullable()
    .default(null),
  /** Whether offsets of a transaction that is not decided yet are to be waited for (KIP-447). */
  requireStable: z.boolean().default(false),
})

export type OffsetFetchRequest = z.infer<typeof offsetFetchRequest>

/** −1, −1 and '' where nothing is committed. */
export type FetchedOffset = {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string
} & ({ readonly errorCode: 0 } | ErrorRow)

export interface OffsetFetchResponse {
  readonly topics: readonly TopicOf<FetchedOffset>[]
}

/** Body of `POST /v1/offset-delete` (Kafka's OffsetDelete, API key 47). */
export const offsetDeleteRequest = z.strictObject({
  groupId,
  topics: topicsOf(z.strictObject({ partitionIndex: index })),
})

export type OffsetDeleteRequest = z.infer<typeof offsetDeleteRequest>

export interface OffsetDeleteResponse {
  readonly topics: readonly TopicOf<CommittedPartition>[]
}
