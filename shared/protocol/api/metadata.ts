import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS, MAX_REQUEST_TOPICS } from '../limits.ts'
import { rowsOf, topicId } from './common.ts'

/** A topic by name or by id. */
export const topicReference = z.union([z.strictObject({ name: z.string() }), z.strictObject({ topicId })])

/** Body of `POST /v1/metadata` (Kafka's Metadata, API key 3). It never creates a topic. */
export const metadataRequest = z.strictObject({
  topics: rowsOf(topicReference, MAX_REQUEST_TOPICS).nullable().default(null),
  includeOffsets: z.boolean().default(false),
  limit: z.int().min(1).max(MAX_PAGE_ROWS).default(DEFAULT_PAGE_ROWS),
  nextToken: z.string().nullable().default(null),
})

export type MetadataRequest = z.infer<typeof metadataRequest>

/** A partition; its offsets are there when `includeOffsets` asked for them. */
export interface PartitionMetadata {
  readonly errorCode: number
  readonly partitionIndex: number
  /** Node of the leader, −1 when there is none. */
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
  /** Nodes of replicas that nobody can read or append to now: the node is not UP, or has another bucket. */
  readonly offlineReplicas: readonly number[]
  readonly highWatermark?: number
  readonly lastStableOffset?: number
  readonly logStartOffset?: number
  readonly logEndOffset?: number
  /** What elections took from the log, where offsets were asked for and there is any. */
  readonly truncations?: readonly Truncation[]
}

/** [fromOffset, toOffset) was truncated by the election of `leaderEpoch`; readers could count on what is below `committedTo`. */
export interface Truncation {
  readonly leaderEpoch: number
  readonly fromOffset: number
  readonly toOffset: number
  readonly committedTo: number
  readonly reason: string
  readonly atMs: number
}

export type TopicMetadata =
  | {
      readonly errorCode: 0
      readonly name: string
      readonly topicId: string
      readonly isInternal: boolean
      readonly partitions: readonly PartitionMetadata[]
    }
  | (ErrorRow & { readonly name?: string; readonly topicId?: string; readonly partitions: readonly [] })

export interface MetadataResponse {
  readonly clusterId: string
  readonly apiVersion: number
  readonly features: readonly string[]
  readonly brokers: readonly { readonly nodeId: number; readonly rack: string }[]
  readonly topics: readonly TopicMetadata[]
  /** Where the next page of topics begins, or null on the last one. */
  readonly nextToken: string | null
}
