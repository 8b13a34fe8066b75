import type { TopicToCreate } from '../protocol/api/topics.ts'
import { toBase64url } from '../protocol/base64url.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { MAX_PARTITIONS } from '../protocol/limits.ts'
import { checkTopicName } from '../protocol/names.ts'
import { checkTopicConfigs } from '../protocol/topic-configs.ts'
import type { Deps } from './deps.ts'
import type { Topic } from './topics.ts'

/** Bytes of Kafka's `Uuid`. */
const TOPIC_ID_BYTES = 16

/**
 * The topic that was asked for, with the cluster's defaults for what was not.
 *
 * @throws KafkaError INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG
 */
export function planTopic(deps: Deps, wanted: TopicToCreate): Topic {
  checkTopicName(wanted.name)
  if (wanted.assignments.length > 0) {
    throw new KafkaError(
      'INVALID_REPLICA_ASSIGNMENT',
      `replicas are placed by the service topic=${wanted.name}`,
    )
  }
  const nodeCount = deps.nodes.size
  const partitionCount = wanted.numPartitions === -1 ? deps.configs['num.partitions'] : wanted.numPartitions
  const replicationFactor =
    wanted.replicationFactor === -1 ? deps.configs['default.replication.factor'] : wanted.replicationFactor
  if (partitionCount < 1 || partitionCount > MAX_PARTITIONS) {
    throw new KafkaError(
      'INVALID_PARTITIONS',
      `numPartitions must be 1 to ${MAX_PARTITIONS} topic=${wanted.name} numPartitions=${partitionCount}`,
    )
  }
  if (replicationFactor < 1 || replicationFactor > nodeCount) {
    throw new KafkaError(
      'INVALID_REPLICATION_FACTOR',
      `replicationFactor must be 1 to the number of nodes topic=${wanted.name} replicationFactor=${replicationFactor} nodes=${nodeCount}`,
    )
  }
  const random = deps.randomBytes(TOPIC_ID_BYTES)
  return {
    name: wanted.name,
    topicId: toBase64url(random),
    partitionCount,
    replicationFactor,
    startIndex: (random[0] ?? 0) % nodeCount,
    configs: checkTopicConfigs(wanted.configs),
  }
}
