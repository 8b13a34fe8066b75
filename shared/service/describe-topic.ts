import type { ConfigEntry } from '../protocol/api/configs.ts'
import type { PartitionMetadata } from '../protocol/api/metadata.ts'
import type { Deps } from './deps.ts'
import { topicConfigEntries } from './describe-configs.ts'
import { describePartitions } from './metadata.ts'
import { readNodes } from './nodes.ts'
import { readTopic } from './topics.ts'

/** A topic with all its configs and partitions. */
export interface TopicDescription {
  readonly name: string
  readonly configs: readonly ConfigEntry[]
  readonly partitions: readonly PartitionMetadata[]
}

/**
 * The topic as it is now.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION
 */
export async function describeTopic(deps: Deps, name: string): Promise<TopicDescription> {
  const [topic, nodes] = await Promise.all([readTopic(deps, name), readNodes(deps)])
  return {
    name,
    configs: topicConfigEntries(deps, topic),
    partitions: await describePartitions(deps, topic, { nodes, includeOffsets: false }),
  }
}
