import { type AssignedPartition, assignedPartition } from './assigned-partition.ts'
import { misuse } from './consumer-error.ts'
import { partitionName, type TopicPartition } from './consumer-record.ts'

/** The partitions of a consumer. */
export interface Assignments {
  all(): AssignedPartition[]
  find(partition: TopicPartition): AssignedPartition | undefined
  /** @throws StratologError INVALID_REQUEST when it is not this consumer's */
  get(partition: TopicPartition): AssignedPartition
  /** Whether it is still this consumer's, in this very assignment. */
  has(assigned: AssignedPartition): boolean
  add(partition: TopicPartition): AssignedPartition
  remove(assigned: AssignedPartition): void
}

/** None yet. */
export function newAssignments(): Assignments {
  const partitions = new Map<string, AssignedPartition>()
  const find = (partition: TopicPartition) => partitions.get(partitionName(partition))
  return {
    all: () => [...partitions.values()],
    find,
    get: (partition) => {
      const found = find(partition)
      if (found === undefined) throw misuse(`partition is not assigned partition=${partitionName(partition)}`)
      return found
    },
    has: (assigned) => find(assigned) === assigned,
    add: (partition) => {
      const added = assignedPartition(partition)
      partitions.set(partitionName(partition), added)
      return added
    },
    remove: (assigned) => {
      if (find(assigned) === assigned) partitions.delete(partitionName(assigned))
    },
  }
}
