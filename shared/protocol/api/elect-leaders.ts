import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { index, type TopicOf, topicsOf } from './common.ts'

/** Kafka's `ElectionType`. */
export const PREFERRED_ELECTION = 0
export const UNCLEAN_ELECTION = 1

/** Body of `POST /v1/elect-leaders` (Kafka's ElectLeaders, API key 43). Without topics it is for all partitions. */
export const electLeadersRequest = z.strictObject({
  electionType: z.union([z.literal(PREFERRED_ELECTION), z.literal(UNCLEAN_ELECTION)]),
  topics: topicsOf(z.strictObject({ partitionIndex: index }))
    .nullable()
    .default(null),
})

export type ElectLeadersRequest = z.infer<typeof electLeadersRequest>

/** The leader that a partition has now, and since which epoch. */
export type ElectedPartition = { readonly partitionIndex: number } & (
  | { readonly errorCode: 0; readonly leaderId: number; readonly leaderEpoch: number }
  | ErrorRow
)

/** Where all partitions were asked for, those that needed no election are left out, as in Kafka. */
export interface ElectLeadersResponse {
  readonly topics: readonly TopicOf<ElectedPartition>[]
}
