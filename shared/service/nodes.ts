import type { StorageNode } from '../core/storage-node.ts'
import { decodeNode } from '../store/items/cluster-item.ts'
import { ALL_NODES, CLUSTER_META, nodeKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'

/** The storage nodes by id as they are now, in ascending order. */
export async function readNodes(
  deps: Pick<Deps, 'documents' | 'nodes'>,
): Promise<ReadonlyMap<number, StorageNode>> {
  const query = { ...ALL_NODES, limit: deps.nodes.size, direction: 'ascending' } as const
  const entries = await deps.documents.list(CLUSTER_META.pk, query)
  const byKey = new Map(entries.map(({ key, item }) => [key.sk, item]))
  const nodes = new Map<number, StorageNode>()
  for (const nodeId of [...deps.nodes.keys()].sort((a, b) => a - b)) {
    const item = byKey.get(nodeKey(nodeId).sk)
    if (item !== undefined) nodes.set(nodeId, decodeNode(item))
  }
  return nodes
}
