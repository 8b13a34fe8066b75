import * as z from 'zod'
import type { Item } from '../../core/update-plan.ts'

const clusterItem = z.object({ clusterId: z.string() })

/** What the whole cluster is: the first start makes it. */
export type Cluster = z.infer<typeof clusterItem>

export const encodeCluster = (cluster: Cluster): Item => cluster
export const decodeCluster = (stored: Item): Cluster => clusterItem.parse(stored)

const nodeItem = z.object({
  zone: z.string(),
  state: z.enum(['UP', 'DOWN', 'RECOVERING']),
  incarnation: z.int().min(1),
  incarnationId: z.string(),
  nodeEpoch: z.int().min(0),
  holdDownUntilMs: z.int().min(0),
  reports: z.record(z.string(), z.int()),
})

/** A storage node: its zone, whether appends go to it, and which bucket it has (`incarnationId`, counted by `incarnation`). */
export type StorageNode = z.infer<typeof nodeItem>

export const encodeNode = (node: StorageNode): Item => node
export const decodeNode = (stored: Item): StorageNode => nodeItem.parse(stored)
