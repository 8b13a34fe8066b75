import { ULID_RANDOM_BYTES, ulidBytes, ulidText } from '../core/ulid.ts'
import { toBase64url } from '../protocol/base64url.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { decodeCluster, decodeNode, encodeCluster, encodeNode } from '../store/items/cluster-item.ts'
import { CLUSTER_META, INCARNATION_OBJECT, nodeKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'

type BootDeps = Pick<Deps, 'documents' | 'nodes' | 'clock' | 'randomBytes'>

/** Bytes of Kafka's `Uuid`. */
const UUID_BYTES = 16

/**
 * Makes a new cluster's documents, or finds those of an earlier start, and checks that each storage node still has
 * the bucket it was registered with.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when a node's bucket was emptied or exchanged
 */
export async function bootCluster(deps: BootDeps): Promise<{ clusterId: string }> {
  const fresh = encodeCluster({ clusterId: toBase64url(deps.randomBytes(UUID_BYTES)) })
  const stored = await deps.documents.put(CLUSTER_META, fresh, 'absent')
  for (const nodeId of deps.nodes.keys()) await registerNode(deps, nodeId)
  return decodeCluster(stored.item ?? fresh)
}

async function registerNode(deps: BootDeps, nodeId: number): Promise<void> {
  const registered = await deps.documents.get(nodeKey(nodeId), 'strong')
  if (registered !== undefined) return checkIncarnation(deps, nodeId, decodeNode(registered).incarnationId)
  const fresh = ulidText(ulidBytes(deps.clock.nowMs(), deps.randomBytes(ULID_RANDOM_BYTES)))
  const node = deps.nodes.get(nodeId)
  await node?.putIfAbsent(INCARNATION_OBJECT, [new TextEncoder().encode(fresh)])
  await deps.documents.put(
    nodeKey(nodeId),
    encodeNode({
      zone: `local-${String.fromCharCode(97 + (nodeId % 26))}`,
      state: 'UP',
      incarnation: 1,
      incarnationId: (await readIncarnation(deps, nodeId)) ?? fresh,
      nodeEpoch: 0,
      holdDownUntilMs: 0,
      reports: {},
    }),
    'absent',
  )
}

async function checkIncarnation(deps: BootDeps, nodeId: number, incarnationId: string): Promise<void> {
  const found = await readIncarnation(deps, nodeId)
  if (found !== incarnationId) {
    throw new KafkaError(
      'KAFKA_STORAGE_ERROR',
      `storage node has lost its data node=${nodeId} incarnation=${incarnationId} found=${found ?? 'none'}`,
    )
  }
}

async function readIncarnation(deps: BootDeps, nodeId: number): Promise<string | undefined> {
  const bytes = await deps.nodes.get(nodeId)?.get(INCARNATION_OBJECT, undefined, new AbortController().signal)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}
