import { type ControllerLease, LEASE_MS } from '../../shared/core/controller-lease.ts'
import { nodeOf, replicaName } from '../../shared/core/head.ts'
import type { StorageNode } from '../../shared/core/storage-node.ts'
import type { DocumentStore } from '../../shared/store/document-store.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeTopic, isBeingDeleted } from '../../shared/store/items/topic-item.ts'
import { headKey, partitionPk, TOPICS, topicsAfter } from '../../shared/store/keys.ts'

/** I3 of a storage node's document. */
export function brokenInNode(before: StorageNode, after: StorageNode): readonly string[] {
  const names = ['nodeEpoch', 'controllerEpoch', 'incarnation'] as const
  const broken = names
    .filter((name) => after[name] < before[name])
    .map((name) => `I3: ${name} of a node fell from ${before[name]} to ${after[name]}`)
  const hasChanged = after.state !== before.state || after.incarnationId !== before.incarnationId
  if (hasChanged && after.nodeEpoch === before.nodeEpoch) {
    broken.push(`a node changed within node epoch ${after.nodeEpoch}`)
  }
  return broken
}

/** I3 of the controller's lease, and one holder at a time by their own clocks. */
export function brokenInLease(before: ControllerLease, after: ControllerLease): readonly string[] {
  if (after.controllerEpoch < before.controllerEpoch) return ['I3: the controller epoch of the lease fell']
  if (after.controllerEpoch === before.controllerEpoch) {
    return after.holder === before.holder ? [] : ['two holders of one controller epoch']
  }
  return after.expiresAtMs - LEASE_MS < before.expiresAtMs ? ['the lease was taken before it was over'] : []
}

/** A node whose bucket is another one is UP: every partition that there was when it changed must know that. */
export async function headsNotTold(
  documents: DocumentStore,
  {
    nodeId,
    node,
    wasThere,
  }: {
    readonly nodeId: number
    readonly node: StorageNode
    /** By `pk` of a partition and `pk/sk` of a topic. */
    readonly wasThere: (name: string) => boolean
  },
): Promise<readonly string[]> {
  const broken: string[] = []
  const stored = await documents.list(TOPICS, { ...topicsAfter(''), limit: 1000, direction: 'ascending' })
  for (const { key, item } of stored) {
    const { topicId, partitionCount } = decodeTopic(key.sk, item)
    if (isBeingDeleted(item) || !wasThere(`${TOPICS}/${key.sk}`)) continue
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const pk = partitionPk(topicId, partition)
      const head = await documents.get(headKey(topicId, partition), 'strong')
      if (head === undefined || !wasThere(pk)) continue
      const known = decodeHead(head).replicas.find((replica) => nodeOf(replica) === nodeId)
      const name = replicaName(nodeId, node.incarnation)
      if (known !== undefined && known !== name) broken.push(`§5: ${name} is UP, and ${pk} has ${known}`)
    }
  }
  return broken
}
