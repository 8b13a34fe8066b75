import { StratologError } from '../errors.ts'
import type { Transport } from '../transport.ts'
import { type AssignedPartition, moveTo, type ResetReason } from './assigned-partition.ts'
import type { Assignments } from './assignments.ts'
import { noOffset } from './consumer-error.ts'
import type { EventListeners } from './consumer-events.ts'
import type { ResolvedOptions } from './consumer-options.ts'
import { isolationLevel } from './fetcher.ts'
import { offsetTracker } from './offset-tracker.ts'
import { boundaryOffsets, committedOffsets, type Found } from './starting-offsets.ts'

/** Finds where to begin with partitions that have no position. */
export interface PositionLookup {
  /**
   * Looks all of them up; true when one cannot be said now and metadata may tell why.
   *
   * @throws StratologError when a whole request failed
   */
  open(): Promise<boolean>
}

/** What was committed, else what `startFrom` says. */
export function positionLookup(given: {
  readonly transport: Transport
  readonly options: ResolvedOptions
  readonly assignments: Assignments
  readonly events: EventListeners
  readonly onPartitionFailed: (assigned: AssignedPartition, error: StratologError) => void
  readonly signal: AbortSignal
}): PositionLookup {
  const { transport, options, assignments, signal } = given
  const { groupId, startFrom } = options
  const isolation = isolationLevel(options.isolation)

  /** Answers whether some are to be asked again. */
  const settle = async (
    partitions: readonly AssignedPartition[],
    find: (partitions: readonly AssignedPartition[]) => Promise<Found[]>,
    take: (assigned: AssignedPartition, found: Exclude<Found, StratologError>) => void,
  ): Promise<boolean> => {
    if (partitions.length === 0) return false
    const stamps = partitions.map(({ stamp }) => stamp)
    const answers = await find(partitions)
    let isStale = false
    for (const [at, assigned] of partitions.entries()) {
      const found = answers[at]
      if (!assignments.has(assigned) || assigned.stamp !== stamps[at]) continue
      if (!(found instanceof StratologError)) take(assigned, found)
      else if (found.retriable) isStale = true
      else given.onPartitionFailed(assigned, found)
    }
    return isStale
  }

  const isWaiting = ({ position, failure, isStopping, isStarting }: AssignedPartition) =>
    position === undefined && failure === undefined && !isStopping && !isStarting
  const waiting = (by: 'committed' | 'startFrom') =>
    assignments
      .all()
      .filter(
        (assigned) => isWaiting(assigned) && assigned.topicId !== undefined && assigned.lookup.by === by,
      )

  const openCommitted = () =>
    settle(
      waiting('committed'),
      async (partitions) =>
        groupId === undefined
          ? partitions.map(() => undefined)
          : committedOffsets(transport, groupId, partitions, signal),
      (assigned, found) => {
        assigned.committed = found?.offset
        if (found !== undefined) assigned.position = found
        else if (startFrom === 'none') given.onPartitionFailed(assigned, noOffset(assigned, 'NO_OFFSET'))
        else assigned.lookup = { by: 'startFrom', reason: 'NO_OFFSET', fromOffset: undefined }
      },
    )

  const openBoundaries = () => {
    const from = startFrom === 'latest' ? 'latest' : 'earliest'
    return settle(
      waiting('startFrom'),
      (asked) => boundaryOffsets(transport, { from, isolationLevel: isolation }, asked, signal),
      (assigned, found) => {
        const { lookup } = assigned
        if (found === undefined || lookup.by !== 'startFrom') return
        moveTo(assigned, found)
        // A restart must not begin at another end than this: what is written in between would be passed over unread.
        if (from === 'latest') assigned.tracker = offsetTracker(found)
        tell(assigned, lookup, found.offset)
      },
    )
  }

  const tell = (
    { topic, partition }: AssignedPartition,
    lookup: { readonly reason: ResetReason; readonly fromOffset: number | undefined },
    toOffset: number,
  ) => {
    if (lookup.reason === 'NO_OFFSET') return
    given.events.emit('reset', {
      topic,
      partition,
      reason: lookup.reason,
      fromOffset: lookup.fromOffset === undefined ? undefined : BigInt(lookup.fromOffset),
      toOffset: BigInt(toOffset),
    })
  }

  return {
    open: async () => {
      const isCommittedStale = await openCommitted()
      const isBoundaryStale = await openBoundaries()
      const isUnknown = assignments.all().some(({ topicId, failure }) => topicId === undefined && !failure)
      return isCommittedStale || isBoundaryStale || isUnknown
    },
  }
}
