import { partitionName, sortedPartitions, type TopicPartition } from './consumer-record.ts'

/** Kafka's `RebalanceProtocol`: whether members give up everything before they join, or only what is taken from them. */
export type RebalanceProtocol = 'EAGER' | 'COOPERATIVE'

/** What a new assignment changes for its member. */
export interface RebalanceDiff {
  readonly added: readonly TopicPartition[]
  readonly revoked: readonly TopicPartition[]
  readonly kept: readonly TopicPartition[]
}

/** Compares what a member owns with what it is assigned. */
export function rebalanceDiff(
  owned: readonly TopicPartition[],
  assigned: readonly TopicPartition[],
): RebalanceDiff {
  const ownedNames = new Set(owned.map(partitionName))
  const assignedNames = new Set(assigned.map(partitionName))
  return {
    added: sortedPartitions(assigned.filter((partition) => !ownedNames.has(partitionName(partition)))),
    revoked: sortedPartitions(owned.filter((partition) => !assignedNames.has(partitionName(partition)))),
    kept: sortedPartitions(owned.filter((partition) => assignedNames.has(partitionName(partition)))),
  }
}

/** What a member that is still in its generation gives up before it joins again (Kafka's `onJoinPrepare`). */
export function revokedBeforeJoin(
  protocol: RebalanceProtocol,
  owned: readonly TopicPartition[],
  subscribed: ReadonlySet<string>,
): readonly TopicPartition[] {
  if (protocol === 'EAGER') return sortedPartitions(owned)
  return sortedPartitions(owned.filter(({ topic }) => !subscribed.has(topic)))
}
