import { type Head, type LocatedBatch, lastStableOffset, readVersion } from '../core/head.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, requireHead } from './heads.ts'
import { locateBatches } from './locate-batches.ts'

/** Where a reader's view of a log ends: at the high watermark, or at the last stable offset for read_committed (1). */
export function visibleEnd(head: Head, isolationLevel: 0 | 1): number {
  return isolationLevel === 1 ? lastStableOffset(head) : head.highWatermark
}

/**
 * Fences a caller that knows another leader (KIP-320); −1 is not fenced.
 *
 * @throws KafkaError LEADER_NOT_AVAILABLE when there is no leader
 * @throws KafkaError FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH when the caller's epoch is older or newer
 */
export function checkLeaderEpoch(head: Head, partition: Partition, currentLeaderEpoch: number): void {
  const name = partitionName(partition)
  if (head.leader === undefined) {
    throw new KafkaError('LEADER_NOT_AVAILABLE', `partition has no leader partition=${name}`)
  }
  if (currentLeaderEpoch === -1 || currentLeaderEpoch === head.leaderEpoch) return
  throw new KafkaError(
    currentLeaderEpoch < head.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH',
    `caller knows another leader partition=${name} currentLeaderEpoch=${currentLeaderEpoch} leaderEpoch=${head.leaderEpoch}`,
  )
}

/** A head and what a reader looked up by it. */
export interface Lookup<T> {
  readonly head: Head
  readonly value: T
}

/**
 * Reads by `start`, a head as it is now. When `read` finds an offset without an entry, or an object that is gone, the head
 * is read again: if it moved, so does the reader; if not, the log is damaged, which is logged and never skipped over.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when the log is damaged or no replica can be reached
 */
export async function readByHead<T>(
  deps: Deps,
  partition: Partition,
  start: Head,
  read: (head: Head) => Promise<T>,
): Promise<Lookup<T>> {
  let head = start
  for (let restarts = 0; ; restarts += 1) {
    try {
      return { head, value: await read(head) }
    } catch (error) {
      if (!(error instanceof KafkaError) || error.errorName !== 'KAFKA_STORAGE_ERROR') throw error
      const now = await requireHead(deps, partition)
      if (readVersion(now) === readVersion(head) || restarts >= deps.limits.maxReadRestarts) {
        deps.log.error('log is damaged or its nodes are unreachable', {
          partition: partitionName(partition),
          error: error.message,
        })
        throw error
      }
      head = now
    }
  }
}

/**
 * The batches from offset `from` on that fit into `maxBytes`, at least one if there is one below `end`.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when the index has no entry for an offset that it must have
 */
export async function requireBatches(
  deps: Deps,
  partition: Partition,
  head: Head,
  wanted: { from: number; end: number; maxBytes: number },
): Promise<readonly LocatedBatch[]> {
  const batches = await locateBatches(deps, partition, head, wanted)
  if (batches !== undefined) return batches
  throw new KafkaError(
    'KAFKA_STORAGE_ERROR',
    `offset has no entry partition=${partitionName(partition)} offset=${wanted.from}`,
  )
}
