import type { ConfigEntry } from '../shared/protocol/api/configs.ts'
import type { PartitionMetadata, Truncation } from '../shared/protocol/api/metadata.ts'
import type { FoundTopic } from './find-topic.ts'
import { namedValues, table } from './table.ts'

/** Kafka's `ConfigSource.DYNAMIC_TOPIC_CONFIG`: set on the topic itself. */
const TOPIC_OVERRIDE = 1

/** Topics with their sizes, one per line. */
export function topicsText(topics: readonly FoundTopic[]): string {
  const rows = topics.map((topic) => [
    topic.name,
    `${topic.partitions.length}`,
    `${replicationFactor(topic.partitions)}`,
  ])
  return table(['TOPIC', 'PARTITIONS', 'REPLICAS'], rows)
}

/** A topic as kafka-topics describes it: a line for the topic, then one per partition. */
export function describedText(topic: FoundTopic, configs: readonly ConfigEntry[]): string {
  const overrides = configs.filter((config) => config.configSource === TOPIC_OVERRIDE)
  const heading = namedValues({
    Topic: topic.name,
    TopicId: topic.topicId,
    PartitionCount: topic.partitions.length,
    ReplicationFactor: replicationFactor(topic.partitions),
    Configs: overrides.map(({ name, value }) => `${name}=${value}`).join(','),
  })
  return `${heading}\n${partitionsText(topic)}`
}

/** A line per partition, as kafka-topics prints where only some are asked for. */
export function partitionsText({ name, partitions }: FoundTopic): string {
  return partitions.map((partition) => partitionLines(name, partition)).join('')
}

/** The partition, and a line for each truncation of its log. */
function partitionLines(topic: string, partition: PartitionMetadata): string {
  const truncations = (partition.truncations ?? []).map(
    (truncation) => `\t${truncationText(topic, partition.partitionIndex, truncation)}\n`,
  )
  return `\t${partitionText(topic, partition)}\n${truncations.join('')}`
}

/** What an election took from the log, in a line. */
export function truncationText(topic: string, partition: number, truncation: Truncation): string {
  const { leaderEpoch, fromOffset, toOffset, committedTo, reason, atMs } = truncation
  return namedValues({
    Topic: topic,
    Partition: partition,
    TruncatedFrom: fromOffset,
    TruncatedTo: toOffset,
    CommittedTo: committedTo,
    LeaderEpoch: leaderEpoch,
    Reason: reason,
    At: new Date(atMs).toISOString(),
  })
}

function partitionText(topic: string, partition: PartitionMetadata): string {
  return namedValues({
    Topic: topic,
    Partition: partition.partitionIndex,
    Leader: partition.leaderId === -1 ? 'none' : partition.leaderId,
    LeaderEpoch: partition.leaderEpoch,
    Replicas: partition.replicaNodes.join(','),
    Isr: partition.isrNodes.join(','),
    HighWatermark: partition.highWatermark ?? -1,
    LastStableOffset: partition.lastStableOffset ?? -1,
    LogStartOffset: partition.logStartOffset ?? -1,
    LogEndOffset: partition.logEndOffset ?? -1,
  })
}

function replicationFactor(partitions: readonly PartitionMetadata[]): number {
  return partitions[0]?.replicaNodes.length ?? 0
}
