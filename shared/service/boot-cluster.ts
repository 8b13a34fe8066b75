import { newStorageNode } from '../core/storage-node.ts'
import { ULID_RANDOM_BYTES, ulidBytes, ulidText } from '../core/ulid.ts'
import { toBase64url } from '../protocol/base64url.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { LIMITS } from '../protocol/limits.ts'
import { decodeCluster, decodeNode, encodeCluster, encodeNode } from '../store/items/cluster-item.ts'
import { ALL_NODES, CLUSTER_META, INCARNATION_OBJECT, nodeKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'

type BootDeps = Pick<Deps, 'documents' | 'nodes' | 'clock' | 'randomBytes'>

/** Names the zone of a storage node that is registered for the first time. */
type ZoneOf = (nodeId: number) => string

/** Bytes of Kafka's `Uuid`. */
const UUID_BYTES = 16

/**
 * Finds the cluster of an earlier start, or makes a new one's documents, and checks that each storage node still has
 * the bucket it was registered with. A cluster that is there costs two reads, one after the other.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when a node's bucket was emptied or exchanged
 */
export async function bootCluster(
  deps: BootDeps,
  zoneOf: ZoneOf = localZone,
): Promise<{ clusterId: string }> {
  const stored = await readCluster(deps)
  await checkNodes(deps, stored.incarnations)
  if (stored.clusterId !== undefined && stored.missing.length === 0) return { clusterId: stored.clusterId }
  const fresh = encodeCluster({ clusterId: toBase64url(deps.randomBytes(UUID_BYTES)) })
  const verdict = await deps.documents.put(CLUSTER_META, fresh, 'absent')
  for (const nodeId of stored.missing) await registerNode(deps, nodeId, zoneOf(nodeId))
  return decodeCluster(verdict.item ?? fresh)
}

/**
 * Finds the cluster without writing anything: for a function whose role may only read.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when it was not made yet, or as `bootCluster` does
 */
export async function findCluster(deps: BootDeps): Promise<{ clusterId: string }> {
  const { clusterId, missing, incarnations } = await readCluster(deps)
  if (clusterId === undefined || missing.length > 0) {
    throw new KafkaError(
      'KAFKA_STORAGE_ERROR',
      'cluster is not made yet: the first produce or metadata makes it',
    )
  }
  await checkNodes(deps, incarnations)
  return { clusterId }
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
  const fresh = ulidText(ulidBytes(deps.clock.nowMs(), deps.randomBytes(ULID_RANDOM_BYTES)))
  await deps.nodes.get(nodeId)?.putIfAbsent(INCARNATION_OBJECT, [new TextEncoder().encode(fresh)])
  await deps.documents.put(
    nodeKey(nodeId),
    encodeNode(newStorageNode({ zone, incarnationId: (await readIncarnation(deps, nodeId)) ?? fresh })),
    'absent',
  )
}

async function checkNodes(deps: BootDeps, incarnations: ReadonlyMap<number, string>): Promise<void> {
  await Promise.all([...incarnations].map(([nodeId, id]) => checkIncarnation(deps, nodeId, id)))
}

async function checkIncarnation(deps: BootDeps, nodeId: number, incarnationId: string): Promise<void> {
  const found = await readIncarnation(deps, nodeId).catch(unreachable)
  if (found !== incarnationId && found !== UNREACHABLE) {
    throw new KafkaError(
      'KAFKA_STORAGE_ERROR',
      `storage node has lost its data node=${nodeId} incarnation=${incarnationId} found=${found ?? 'none'}`,
    )
  }
}

const UNREACHABLE = Symbol('unreachable')

/** A node that does not answer says nothing about its bucket, and must not keep the others from serving. */
function unreachable(error: unknown): typeof UNREACHABLE {
  if (error instanceof KafkaError && error.errorName === 'KAFKA_STORAGE_ERROR') return UNREACHABLE
  throw error
}

async function readIncarnation(deps: BootDeps, nodeId: number): Promise<string | undefined> {
  const timeout = deps.clock.timeout(LIMITS.putTimeoutMs)
  try {
    const bytes = await deps.nodes.get(nodeId)?.get(INCARNATION_OBJECT, undefined, timeout.signal)
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
  } finally {
    timeout.cancel()
  }
}
