import { nodeOf, writeTargets } from '../core/head.ts'
import { ULID_RANDOM_BYTES, ulidBytes } from '../core/ulid.ts'
import { layOutWalObject, type WalObject } from '../core/wal-object.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import type { PreparedBatch } from './prepare-batch.ts'

/** A WAL object and the replicas it was put to, by name: a bucket that is exchanged meanwhile is another replica. */
interface WalCopies {
  readonly objectId: Uint8Array
  readonly object: WalObject
  readonly reached: Map<string, Promise<boolean>>
}

/** A batch in a WAL object. */
export interface CopiedBatch {
  readonly batch: PreparedBatch
  readonly copies: WalCopies
  /** Byte position of the batch in the object. */
  readonly position: number
}

/** Lays batches out in one WAL object per set of replicas; entry i is of batch i. Nothing is put yet. */
export function placeInWal(deps: Deps, batches: readonly PreparedBatch[]): readonly CopiedBatch[] {
  // A set: partitions on the same nodes name them in another order each, so that leaders are spread.
  const groups = Map.groupBy(batches, (batch) => writeTargets(batch.head).toSorted().join())
  const placed = new Map<PreparedBatch, CopiedBatch>()
  for (const group of groups.values()) {
    const objectId = ulidBytes(deps.clock.nowMs(), deps.randomBytes(ULID_RANDOM_BYTES))
    const object = layOutWalObject(
      objectId,
      group.map(({ partition, bytes }) => ({
        topicId: partition.topic.topicId,
        partitionIndex: partition.partitionIndex,
        bytes,
      })),
    )
    const copies = { objectId, object, reached: new Map() }
    for (const [entry, batch] of group.entries()) {
      placed.set(batch, { batch, copies, position: object.positions[entry] ?? 0 })
    }
  }
  return batches.flatMap((batch) => placed.get(batch) ?? [])
}

/** Puts the object to those of `replicas` that it was not put to yet, and waits for all: whether each of them has it. */
export async function reachAll(deps: Deps, copies: WalCopies, replicas: readonly string[]): Promise<boolean> {
  const puts = replicas.map((replica) => {
    const known = copies.reached.get(replica)
    if (known !== undefined) return known
    const put = putToReplica(deps, copies.object, replica)
    copies.reached.set(replica, put)
    return put
  })
  return (await Promise.all(puts)).every((reached) => reached)
}

async function putToReplica(deps: Deps, object: WalObject, replica: string): Promise<boolean> {
  const nodeId = nodeOf(replica)
  const node = deps.nodes.get(nodeId)
  if (node === undefined) return false
  for (let tries = 0; tries < deps.limits.putTries; tries += 1) {
    const timeout = deps.clock.timeout(deps.limits.putTimeoutMs)
    try {
      await node.put(object.key, object.chunks, timeout.signal)
      return true
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      deps.log.warn('put failed', { node: nodeId, key: object.key, error: error.message })
    } finally {
      timeout.cancel()
    }
  }
  return false
}
