import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { MAX_REQUEST_TOPICS } from '../limits.ts'
import { rowsOf } from './common.ts'
import { topicReference } from './metadata.ts'

/** Body of `POST /v1/create-topics` (Kafka's CreateTopics, API key 19); −1 stands for the cluster's default. */
export const createTopicsRequest = z.strictObject({
  topics: rowsOf(
    z.strictObject({
      name: z.string(),
      numPartitions: z.int().default(-1),
      replicationFactor: z.int().default(-1),
      assignments: z.array(z.unknown()).default([]),
      configs: rowsOf(
        z.strictObject({ name: z.string(), value: z.string().nullable() }),
        MAX_REQUEST_TOPICS,
      ).default([]),
    }),
    MAX_REQUEST_TOPICS,
  ),
  validateOnly: z.boolean().default(false),
})

export type CreateTopicsRequest = z.infer<typeof createTopicsRequest>
export type TopicToCreate = CreateTopicsRequest['topics'][number]

export type CreatedTopic = { readonly name: string } & (
  | {
      readonly errorCode: 0
      /** Absent with `validateOnly`. */
      readonly topicId?: string
      readonly numPartitions: number
      readonly replicationFactor: number
    }
  | ErrorRow
)

export interface CreateTopicsResponse {
  readonly topics: readonly CreatedTopic[]
}

/** Body of `POST /v1/delete-topics` (Kafka's DeleteTopics, API key 20). */
export const deleteTopicsRequest = z.strictObject({ topics: rowsOf(topicReference, MAX_REQUEST_TOPICS) })

export type DeleteTopicsRequest = z.infer<typeof deleteTopicsRequest>

export type DeletedTopic = { readonly name?: string; readonly topicId?: string } & (
  | { readonly errorCode: 0 }
  | ErrorRow
)

export interface DeleteTopicsResponse {
  readonly topics: readonly DeletedTopic[]
}

/** Body of `POST /v1/create-partitions` (Kafka's CreatePartitions, API key 37); `count` is how many a topic has then. */
export const createPartitionsRequest = z.strictObject({
  topics: rowsOf(
    z.strictObject({
      name: z.string(),
      count: z.int(),
      assignments: z.array(z.unknown()).nullable().default(null),
    }),
    MAX_REQUEST_TOPICS,
  ),
  validateOnly: z.boolean().default(false),
})

export type CreatePartitionsRequest = z.infer<typeof createPartitionsRequest>

export type CreatedPartitions = { readonly name: string } & (
  | { readonly errorCode: 0; readonly topicId: string }
  | ErrorRow
)

export interface CreatePartitionsResponse {
  readonly topics: readonly CreatedPartitions[]
}
