import { bytesOf } from '../core/fetch-plan.ts'
import type { Head, LocatedBatch } from '../core/head.ts'
import { endOffsetFor } from '../core/lineage.ts'
import type { DivergingEpoch, FetchRequest } from '../protocol/api/fetch.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { MAX_FETCH_BYTES } from '../protocol/limits.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName } from './heads.ts'
import type { PartitionRow } from './partition-rows.ts'
import { readBatches } from './read-batches.ts'
import { checkLeaderEpoch, type Lookup, readByHead, requireBatches, visibleEnd } from './read-partition.ts'
import { requestedPartition } from './topics.ts'

/** A partition that a fetch names. */
export type PartitionToFetch = PartitionRow<FetchRequest['topics'][number]['partitions'][number]>

/** What a head has for a fetch. `divergingEpoch`: the caller's log is another one, so it is given nothing. */
interface Planned {
  readonly divergingEpoch: DivergingEpoch | undefined
  readonly batches: readonly LocatedBatch[]
}

/** What one partition could be given by a head as it is now. */
export interface FetchPlan extends Planned {
  readonly partition: Partition
  readonly head: Head
}

/** What was read of one partition, and the bytes of its batches. */
export interface ReadPlan extends Planned {
  readonly bytes: readonly Uint8Array[]
}

/**
 * Plans by the partition's head as it is now.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH,
 *   OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR
 */
export async function planPartition(
  deps: Deps,
  request: FetchRequest,
  row: PartitionToFetch,
): Promise<FetchPlan> {
  const { partition, head: start } = await requestedPartition(deps, row)
  const maxBytes = Math.min(row.partitionMaxBytes, request.maxBytes, MAX_FETCH_BYTES)
  const { head, value } = await readByHead(deps, partition, start, (head) =>
    planBy(deps, request, row, { partition, head, maxBytes }),
  )
  return { partition, head, ...value }
}

/**
 * Reads `taken`, those of the plan's batches that are to be answered; by a newer head all over again, should the planned
 * one no longer hold. Storage nodes that are `near` are asked first.
 *
 * @throws KafkaError as `planPartition` does
 */
export function readPlan(
  deps: Deps,
  request: FetchRequest,
  row: PartitionToFetch,
  read: { plan: FetchPlan; taken: readonly LocatedBatch[]; near: ReadonlySet<number> },
): Promise<Lookup<ReadPlan>> {
  const { plan, taken, near } = read
  const { partition } = plan
  return readByHead(deps, partition, plan.head, async (head) => {
    const planned =
      head === plan.head
        ? { ...plan, batches: taken }
        : await planBy(deps, request, row, { partition, head, maxBytes: bytesOf(taken) })
    return { ...planned, bytes: await readBatches(deps, partition, head, planned.batches, near) }
  })
}

/** In the order of Kafka's `Partition.readRecords`: leader epoch, divergence, offset, batches. */
async function planBy(
  deps: Deps,
  request: FetchRequest,
  row: PartitionToFetch,
  by: { partition: Partition; head: Head; maxBytes: number },
): Promise<Planned> {
  const { partition, head, maxBytes } = by
  checkLeaderEpoch(head, partition, row.currentLeaderEpoch)
  const divergingEpoch = findDivergence(head, partition, row)
  if (divergingEpoch !== undefined) return { divergingEpoch, batches: [] }
  if (row.fetchOffset < head.logStartOffset || row.fetchOffset > head.logEndOffset) {
    throw outOfRange(head, partition, row)
  }
  const wanted = { from: row.fetchOffset, end: visibleEnd(head, request.isolationLevel), maxBytes }
  return { divergingEpoch, batches: await requireBatches(deps, partition, head, wanted) }
}

/**
 * Where the log parted from the one that the caller read (KIP-595): the epoch that it read last ended before its offset,
 * or left nothing. Below the log start nothing diverges, since what was there is gone either way.
 */
function findDivergence(head: Head, partition: Partition, row: PartitionToFetch): DivergingEpoch | undefined {
  const { lastFetchedEpoch, fetchOffset } = row
  if (lastFetchedEpoch < 0 || fetchOffset < head.logStartOffset) return undefined
  const { leaderEpoch, endOffset } = endOffsetFor(head, lastFetchedEpoch)
  if (endOffset < 0) throw outOfRange(head, partition, row)
  return leaderEpoch < lastFetchedEpoch || endOffset < fetchOffset
    ? { epoch: leaderEpoch, endOffset }
    : undefined
}

function outOfRange(head: Head, partition: Partition, row: PartitionToFetch): KafkaError {
  const { fetchOffset, lastFetchedEpoch } = row
  return new KafkaError(
    'OFFSET_OUT_OF_RANGE',
    `offset is outside the log partition=${partitionName(partition)} offset=${fetchOffset} lastFetchedEpoch=${lastFetchedEpoch} logStartOffset=${head.logStartOffset} logEndOffset=${head.logEndOffset} leaderEpoch=${head.leaderEpoch}`,
  )
}
