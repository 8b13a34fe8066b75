import * as z from 'zod'
import type { ControllerLease } from '../../core/controller-lease.ts'
import type { StorageNode } from '../../core/storage-node.ts'
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
  controllerEpoch: z.int().min(0),
  holdDownUntilMs: z.int().min(0),
  holdDownMs: z.int().min(0),
  wentDownAtMs: z.int().min(0),
  reports: z.record(z.string(), z.int()),
  lost: z.record(z.string(), z.int().min(0)),
  walkedTo: z.string().optional(),
})

/** The item of a storage node. */
export function encodeNode({ walkedTo, ...node }: StorageNode): Item {
  return walkedTo === undefined ? node : { ...node, walkedTo }
}

/** The storage node of an item read back. */
export function decodeNode(stored: Item): StorageNode {
  const { walkedTo, ...node } = nodeItem.parse(stored)
  return { ...node, walkedTo }
}

const leaseItem = z.object({
  holder: z.string(),
  controllerEpoch: z.int().min(0),
  expiresAtMs: z.int().min(0),
})

/** The item of the controller lease. */
export const encodeLease = (lease: ControllerLease): Item => ({ ...lease })
/** The controller lease of an item read back. */
export const decodeLease = (stored: Item): ControllerLease => leaseItem.parse(stored)
