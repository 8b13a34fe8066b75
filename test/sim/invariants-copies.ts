import { type Head, type LocatedBatch, nodeOf } from '../../shared/core/head.ts'
import { logEndOf } from '../../shared/core/replica.ts'
import { walKey } from '../../shared/core/wal-object.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { ALL_NODES, CLUSTER_META, INCARNATION_OBJECT } from '../../shared/store/keys.ts'
import type { Cluster } from './cluster.ts'

export type Stores = Pick<Cluster, 'documents' | 'nodes'>

/** A head and the batches that its lineage vouches for, in order. */
interface Log {
  readonly head: Head
  readonly batches: readonly LocatedBatch[]
}

/** I15 of what replicas hold since this write and did not before it: each has the object of each such batch. */
export async function brokenCopies(
  cluster: Stores,
  before: Head | undefined,
  { head, batches }: Log,
): Promise<readonly string[]> {
  const newer = head.replicas.flatMap((replica) => {
    const from = before?.replicas.includes(replica) === true ? logEndOf(before, replica) : 0
    const held = batches.filter(({ endOffset }) => endOffset > from && endOffset <= logEndOf(head, replica))
    return held.map((batch) => ({ replica, batch }))
  })
  if (newer.length === 0) return []
  const incarnations = await currentIncarnations(cluster)
  const lacking = newer.map(async ({ replica, batch }) => {
    if (incarnations.get(nodeOf(replica)) !== replica || (await holds(cluster, replica, batch))) return []
    return [`I15: ${replica} is said to have offset ${batch.baseOffset}, and lacks it`]
  })
  return (await Promise.all(lacking)).flat()
}

/** Whether the object of a batch is on a replica's node. */
export async function holds(
  { nodes }: Stores,
  replica: string,
  { reference }: LocatedBatch,
): Promise<boolean> {
  const { signal } = new AbortController()
  const bytes = await nodes.get(nodeOf(replica))?.get(walKey(reference.objectId), undefined, signal)
  return bytes !== undefined
}

/** The replica names that the nodes' buckets really have: one that was emptied and not found out yet has none. */
export async function currentIncarnations({
  documents,
  nodes,
}: Stores): Promise<ReadonlyMap<number, string>> {
  const { signal } = new AbortController()
  const found = new Map<number, string>()
  const stored = await documents.list(CLUSTER_META.pk, { ...ALL_NODES, limit: 100, direction: 'ascending' })
  for (const [nodeId, { item }] of stored.entries()) {
    const node = decodeNode(item)
    const bytes = await nodes.get(nodeId)?.get(INCARNATION_OBJECT, undefined, signal)
    if (bytes !== undefined && new TextDecoder().decode(bytes) === node.incarnationId) {
      found.set(nodeId, `${nodeId}.${node.incarnation}`)
    }
  }
  return found
}
