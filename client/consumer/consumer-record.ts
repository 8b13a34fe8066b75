/** A partition by name. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A record as a consumer is given it; `timestamp` in ms since 1970. */
export interface ConsumerRecord extends TopicPartition {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
}

/** An offset to commit, or one that was: that of the next record to process (Kafka's `OffsetAndMetadata`). */
export interface PartitionOffset extends TopicPartition {
  readonly offset: bigint
  /** Leader epoch of the record before it, by which a truncation is noticed; absent or −1 when it is not known. */
  readonly leaderEpoch?: number
  readonly metadata?: string | null
}

/** As the service names a partition. No two have one name: a partition has no dash. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** By topic and partition, so that what is shown or compared has one order. */
export function sortedPartitions<T extends TopicPartition>(partitions: Iterable<T>): T[] {
  return [...partitions].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

/** Rows grouped as every request takes them: a topic with its partitions. */
export function byTopic<T extends TopicPartition, Row>(
  partitions: Iterable<T>,
  row: (partition: T) => Row,
): { name: string; partitions: Row[] }[] {
  const topics = new Map<string, { name: string; partitions: Row[] }>()
  for (const partition of partitions) {
    const topic = topics.get(partition.topic) ?? { name: partition.topic, partitions: [] }
    topic.partitions.push(row(partition))
    topics.set(partition.topic, topic)
  }
  return [...topics.values()]
}
