import type { DocumentStore } from '../store/document-store.ts'
import { decodeNodeFaults, encodeNodeFaults, type StoredFaults } from '../store/items/node-faults-item.ts'
import { DEV_FAULTS } from '../store/keys.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { updateDocument } from '../store/update.ts'
import { type FaultableNodes, faultableNodes, type NodeFault } from './faultable-nodes.ts'

/** Storage nodes whose faults outlive the process. */
export interface NodeFaults extends Omit<FaultableNodes, 'set'> {
  /**
   * Begins a fault in place of the one before, or ends it: undefined. It holds, and is stored, once this resolves.
   *
   * @throws KafkaError KAFKA_STORAGE_ERROR when it cannot be stored: the fault is as it was
   * @throws KafkaError REQUEST_TIMED_OUT likewise, but the next process may find the new fault
   */
  set(nodeId: number, fault: NodeFault | undefined): Promise<void>
}

interface Stores {
  readonly documents: DocumentStore
  readonly nodes: ReadonlyMap<number, ObjectStore>
}

/**
 * The storage nodes, with the faults that an earlier process left them with. Nothing may use the bare ones from now on.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when the stored faults cannot be read
 */
export async function openNodeFaults({ documents, nodes }: Stores): Promise<NodeFaults> {
  const faultable = faultableNodes(nodes)
  const stored = await documents.get(DEV_FAULTS, 'strong')
  const { faults } = stored === undefined ? NONE : decodeNodeFaults(stored)
  for (const nodeId of nodes.keys()) faultable.set(nodeId, faults[nodeId])
  let last = Promise.resolve()
  return {
    nodes: faultable.nodes,
    get: faultable.get,
    set: (nodeId, fault) => {
      // One after the other, so that what was stored last is what holds.
      const next = last.then(async () => {
        await storeFault(documents, nodeId, fault)
        faultable.set(nodeId, fault)
      })
      last = next.catch(() => undefined)
      return next
    },
  }
}

const NONE: { readonly faults: StoredFaults; readonly version: 'absent' } = { faults: {}, version: 'absent' }

async function storeFault(
  documents: DocumentStore,
  nodeId: number,
  fault: NodeFault | undefined,
): Promise<void> {
  await updateDocument(documents, DEV_FAULTS, (item) => {
    const { faults, version } = item === undefined ? NONE : decodeNodeFaults(item)
    const { [nodeId]: _before, ...others } = faults
    const next = fault === undefined ? others : { ...others, [nodeId]: fault }
    return { item: encodeNodeFaults(next), expected: version }
  })
}
