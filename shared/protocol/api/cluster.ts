import * as z from 'zod'

/** Body of `POST /v1/describe-cluster` (Kafka's DescribeCluster, API key 60). */
export const describeClusterRequest = z.strictObject({})

/** A storage node, and whether appends go to it. */
export interface NodeDescription {
  readonly nodeId: number
  readonly zone: string
  /** How many buckets this node has had; a wiped or replaced one counts anew. */
  readonly incarnation: number
  readonly state: 'UP' | 'DOWN' | 'RECOVERING'
  readonly nodeEpoch: number
  readonly holdDownUntilMs: number
}

export interface DescribeClusterResponse {
  readonly clusterId: string
  readonly apiVersion: number
  readonly features: readonly string[]
  /** Who held the controller lease last, and until when at the latest; null before anything needed a controller. */
  readonly controller: {
    readonly holder: string
    readonly epoch: number
    readonly expiresAtMs: number
  } | null
  readonly nodes: readonly NodeDescription[]
}

/** Version of this HTTP API, and what it can do beyond the first release. */
export const API_VERSION = 1
export const FEATURES: readonly string[] = ['groups']
