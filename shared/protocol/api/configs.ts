import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { MAX_REQUEST_TOPICS } from '../limits.ts'
import { rowsOf } from './common.ts'

/** Kafka's `ConfigResource.Type`, of which a broker's is the whole cluster's here. */
export const TOPIC_RESOURCE = 2
export const CLUSTER_RESOURCE = 4

/** Body of `POST /v1/describe-configs` (Kafka's DescribeConfigs, API key 32). */
export const describeConfigsRequest = z.strictObject({
  resources: rowsOf(
    z.strictObject({
      resourceType: z.int(),
      resourceName: z.string(),
      configurationKeys: rowsOf(z.string(), MAX_REQUEST_TOPICS).nullable().default(null),
    }),
    MAX_REQUEST_TOPICS,
  ),
})

export type DescribeConfigsRequest = z.infer<typeof describeConfigsRequest>

/** Kafka's `DescribeConfigsResponse.ConfigSource`: 1 topic, 4 static cluster, 5 default. */
export type ConfigSource = 1 | 4 | 5

export interface ConfigEntry {
  readonly name: string
  readonly value: string
  readonly configSource: ConfigSource
  readonly readOnly: boolean
  readonly isSensitive: boolean
}

export type DescribedConfigs = {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly ConfigEntry[]
} & ({ readonly errorCode: 0 } | ErrorRow)

export interface DescribeConfigsResponse {
  readonly results: readonly DescribedConfigs[]
}

/** Body of `POST /v1/alter-configs` (Kafka's IncrementalAlterConfigs, API key 44); a delete needs no value. */
export const alterConfigsRequest = z.strictObject({
  resources: rowsOf(
    z.strictObject({
      resourceType: z.int(),
      resourceName: z.string(),
      configs: rowsOf(
        z.strictObject({
          name: z.string(),
          configOperation: z.int(),
          value: z.string().nullable().default(null),
        }),
        MAX_REQUEST_TOPICS,
      ),
    }),
    MAX_REQUEST_TOPICS,
  ),
  validateOnly: z.boolean().default(false),
})

export type AlterConfigsRequest = z.infer<typeof alterConfigsRequest>

export type AlteredResource = { readonly resourceType: number; readonly resourceName: string } & (
  | { readonly errorCode: 0 }
  | ErrorRow
)

export interface AlterConfigsResponse {
  readonly responses: readonly AlteredResource[]
}
