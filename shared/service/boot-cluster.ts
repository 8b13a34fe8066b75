import { newStorageNode } from '../core/storage-node.ts'
import { toBase64url } from '../protocol/base64url.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { LIMITS } from '../protocol/limits.ts'
import { decodeCluster, decodeNode, encodeCluster, encodeNode } from '../store/items/cluster-item.ts'
import { ALL_NODES, CLUSTER_META, nodeKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { nameBucket, readIncarnation } from './incarnation.ts'

type BootDeps = Pick<Deps, 'documents' | 'nodes' | 'clock' | 'randomBytes'>

/** Names the zone of a storage node that is registered for the first time. */
type ZoneOf = (nodeId: number) => string

/** Bytes of Kafka's `Uuid`. */
const UUID_BYTES = 16

/** A cluster as a start finds it. */
export interface BootedCluster {
  readonly clusterId: string
  /** Storage nodes whose bucket is not the one they were registered with: they lost what they had. */
  readonly changedNodes: readonly number[]
}

/**
 * Finds the cluster of an earlier start, or makes a new one's documents, and compares each storage node's bucket with
 * the one it was registered with. A cluster that is there costs two reads, one after the other. A node that does not
 * answer says nothing about its bucket, and keeps nobody from serving once it is registered.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when a node that is to be registered does not answer
 */
export async function bootCluster(deps: BootDeps, zoneOf: ZoneOf = localZone): Promise<BootedCluster> {
  const stored = await readCluster(deps)
  const changedNodes = await findChanged(deps, stored.incarnations)
  if (stored.clusterId !== undefined && stored.missing.length === 0) {
    return { clusterId: stored.clusterId, changedNodes }
  }
  const fresh = encodeCluster({ clusterId: toBase64url(deps.randomBytes(UUID_BYTES)) })
  const verdict = await deps.documents.put(CLUSTER_META, fresh, 'absent')
  for (const nodeId of stored.missing) await registerNode(deps, nodeId, zoneOf(nodeId))
  return { ...decodeCluster(verdict.item ?? fresh), changedNodes }
}

/**
 * Finds the cluster without writing anything: for a function whose role may only read. A storage node that is not
 * registered yet has nothing to read.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when it was not made yet
 */
export async function findCluster(deps: BootDeps): Promise<BootedCluster> {
  const { clusterId, incarnations } = await readCluster(deps)
  if (clusterId === undefined) {
    throw new KafkaError(
      'KAFKA_STORAGE_ERROR',
      'cluster is not made yet: the first produce or metadata makes it',
    )
  }
  return { clusterId, changedNodes: await findChanged(deps, incarnations) }
}

const localZone: ZoneOf = (nodeId) => `local-${String.fromCharCode(97 + (nodeId % 26))}`

async function readCluster(deps: BootDeps) {
  const query = { ...ALL_NODES, limit: deps.nodes.size, direction: 'ascending' } as const
  const [meta, entries] = await Promise.all([
    deps.documents.get(CLUSTER_META, 'strong'),
    deps.documents.list(CLUSTER_META.pk, query),
  ])
  const byKey = new Map(entries.map(({ key, item }) => [key.sk, item]))
  const incarnations = new Map<number, string>()
  const missing: number[] = []
  for (const nodeId of deps.nodes.keys()) {
    const item = byKey.get(nodeKey(nodeId).sk)
    if (item === undefined) missing.push(nodeId)
    else incarnations.set(nodeId, decodeNode(item).incarnationId)
  }
  return { clusterId: meta === undefined ? undefined : decodeCluster(meta).clusterId, missing, incarnations }
}

async function registerNode(deps: BootDeps, nodeId: number, zone: string): Promise<void> {
  const incarnationId = await nameBucket(deps, nodeId).catch((cause: unknown) => {
    if (!isStorageError(cause)) throw cause
    const fact = 'storage node does not answer, and is to be registered'
    throw new KafkaError('KAFKA_STORAGE_ERROR', `${fact} node=${nodeId}`, { cause })
  })
  await deps.documents.put(nodeKey(nodeId), encodeNode(newStorageNode({ zone, incarnationId })), 'absent')
}

async function findChanged(
  deps: BootDeps,
  incarnations: ReadonlyMap<number, string>,
): Promise<readonly number[]> {
  const compared = await Promise.all(
    [...incarnations].map(async ([nodeId, id]) => ({ nodeId, isChanged: await isChanged(deps, nodeId, id) })),
  )
  return compared.filter((node) => node.isChanged).map(({ nodeId }) => nodeId)
}

async function isChanged(deps: BootDeps, nodeId: number, incarnationId: string): Promise<boolean> {
  try {
    return (await readIncarnation(deps, nodeId, LIMITS.putTimeoutMs)) !== incarnationId
  } catch (error) {
    if (isStorageError(error)) return false
    throw error
  }
}

function isStorageError(error: unknown): boolean {
  return error instanceof KafkaError && error.errorName === 'KAFKA_STORAGE_ERROR'
}
