import type { StorageNode } from '../../shared/core/storage-node.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { nodeKey } from '../../shared/store/keys.ts'
import type { TestDeps } from './test-deps.ts'

/** Changes the document of a storage node, as a controller does, by what `plan` makes of the node. */
export async function changeNode(
  deps: TestDeps,
  nodeId: number,
  plan: (node: StorageNode) => UpdatePlan,
): Promise<void> {
  const item = await deps.documents.store.get(nodeKey(nodeId), 'strong')
  if (item === undefined) throw new Error(`there is no such node: ${nodeId}`)
  const verdict = await deps.documents.store.update(nodeKey(nodeId), plan(decodeNode(item)))
  if (!verdict.applied) throw new Error(`node was not changed: ${nodeId}`)
}
