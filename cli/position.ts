import type { PartitionMetadata } from '../shared/protocol/api/metadata.ts'

/** A partition that is to be read, of which it is not known yet where to begin. */
export interface WaitingPartition {
  readonly partition: number
  /** The leader epoch that metadata knows: the service refuses an older one, so that no stale leader is read. */
  currentLeaderEpoch: number
  /** Since when every request for this partition has failed; undefined when the last one did not. */
  failingSinceMs: number | undefined
}

/** How far a partition has been read, and what to ask for next; updated as it is read. */
export interface Position extends WaitingPartition {
  /** The offset to fetch. */
  nextOffset: number
  /** Where reading stops (exclusive); undefined to go on for ever. */
  readonly endOffset: number | undefined
  /** Leader epoch of the last batch read, −1 before the first: the service tells if the log went another way. */
  lastFetchedEpoch: number
}

/** Whether everything up to the end has been read. */
export function isAtEnd(position: Position): boolean {
  return position.endOffset !== undefined && position.nextOffset >= position.endOffset
}

/** A partition of a topic, of which nothing was asked yet. */
export function waitingPartition(partition: PartitionMetadata): WaitingPartition {
  const { partitionIndex, leaderEpoch } = partition
  return { partition: partitionIndex, currentLeaderEpoch: leaderEpoch, failingSinceMs: undefined }
}
