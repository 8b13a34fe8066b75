import type { AssignedPartition } from './assigned-partition.ts'
import type { Assignments } from './assignments.ts'
import { sortedPartitions, type TopicPartition } from './consumer-record.ts'
import type { Dispatcher } from './dispatcher.ts'

/** Told of partitions that come and go (Kafka's `ConsumerRebalanceListener`); the consumer waits for each of them. */
export interface RebalanceListener {
  /** They are still this member's: what is processed has been committed, if that is automatic, and more can be. */
  readonly onPartitionsRevoked?: (partitions: readonly TopicPartition[]) => Promise<void> | void
  /** They are not read yet: a position set now is the one that counts. */
  readonly onPartitionsAssigned?: (partitions: readonly TopicPartition[]) => Promise<void> | void
  /** They are another member's by now, so nothing can be committed; `onPartitionsRevoked` is told where this is not given. */
  readonly onPartitionsLost?: (partitions: readonly TopicPartition[]) => Promise<void> | void
}

/** How partitions become this consumer's and stop being so. */
export interface Ownership {
  /** Begins to own partitions; they are read once the listener is done. */
  take(partitions: readonly TopicPartition[]): Promise<void>
  /** Gives partitions up once their handlers are done: commits, tells the listener. They are lost instead if that is so by then. */
  giveUp(partitions: readonly AssignedPartition[]): Promise<void>
  /** Nothing more is handed out of these, and handlers at work are told that it is in vain. */
  abandon(partitions: readonly AssignedPartition[]): void
}

/** Ownership that a member, or whoever assigns by hand, makes use of. */
export function newOwnership(given: {
  readonly assignments: Assignments
  readonly dispatcher: Dispatcher
  readonly listener: () => RebalanceListener
  /** Commits what is processed, if that is automatic. */
  readonly commit: (partitions: readonly AssignedPartition[]) => Promise<void>
  readonly isLost: () => boolean
  /** Told that partitions may be read. */
  readonly onTaken: (partitions: readonly AssignedPartition[]) => void
  readonly signal: AbortSignal
}): Ownership {
  const { assignments, dispatcher } = given
  return {
    take: async (partitions) => {
      const added = partitions.map((partition) => {
        const assigned = assignments.add(partition)
        assigned.isStarting = true
        return assigned
      })
      await given.listener().onPartitionsAssigned?.(named(added))
      for (const assigned of added) assigned.isStarting = false
      given.onTaken(added)
    },
    giveUp: async (partitions) => {
      for (const assigned of partitions) assigned.isStopping = true
      await dispatcher.idle(partitions)
      given.signal.throwIfAborted() // a consumer that closes gives up everything itself
      const { onPartitionsRevoked, onPartitionsLost = onPartitionsRevoked } = given.listener()
      if (!given.isLost()) await given.commit(partitions)
      const told = given.isLost() ? onPartitionsLost : onPartitionsRevoked
      if (partitions.length > 0) await told?.(named(partitions))
      for (const assigned of partitions) assignments.remove(assigned)
    },
    abandon: (partitions) => {
      for (const assigned of partitions) {
        assigned.isStopping = true
        assigned.ended.abort()
      }
    },
  }
}

function named(partitions: readonly AssignedPartition[]): TopicPartition[] {
  return sortedPartitions(partitions).map(({ topic, partition }) => ({ topic, partition }))
}
