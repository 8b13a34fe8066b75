import { newHead, replicaName } from '../core/head.ts'
import { dueShardOf, placeReplicas } from '../core/placement.ts'
import type {
  CreatedTopic,
  CreateTopicsRequest,
  CreateTopicsResponse,
  TopicToCreate,
} from '../protocol/api/topics.ts'
import { toBase64url } from '../protocol/base64url.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_PARTITIONS } from '../protocol/limits.ts'
import { checkTopicName, collisionKey } from '../protocol/names.ts'
import { checkTopicConfigs } from '../protocol/topic-configs.ts'
import { encodeHead } from '../store/items/head-item.ts'
import { encodeTopic } from '../store/items/topic-item.ts'
import { headKey, topicKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { rowOf } from './rows.ts'
import { allTopics, effectiveConfig, type Topic } from './topics.ts'

/** Bytes of Kafka's `Uuid`. */
const TOPIC_ID_BYTES = 16

/** Creates topics (Kafka's CreateTopics); one that fails carries its error, the others are unaffected. */
export async function createTopics(deps: Deps, request: CreateTopicsRequest): Promise<CreateTopicsResponse> {
  const rows: CreatedTopic[] = []
  for (const wanted of request.topics) {
    const name = { name: wanted.name }
    rows.push({ ...name, ...(await rowOf(deps, () => createOne(deps, wanted, request))) })
  }
  return { topics: rows }
}

async function createOne(deps: Deps, wanted: TopicToCreate, request: CreateTopicsRequest) {
  if (request.topics.filter((other) => other.name === wanted.name).length > 1) {
    throw new KafkaError('INVALID_REQUEST', `topic stands in the request twice topic=${wanted.name}`)
  }
  const topic = planTopic(deps, wanted)
  await checkCollision(deps, wanted.name)
  const { partitionCount: numPartitions, replicationFactor } = topic
  if (request.validateOnly) return { ...NO_ERROR, numPartitions, replicationFactor }
  await storeTopic(deps, topic)
  return { ...NO_ERROR, topicId: topic.topicId, numPartitions, replicationFactor }
}

/**
 * The topic that was asked for, with the cluster's defaults for what was not.
 *
 * @throws KafkaError INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG
 */
function planTopic(deps: Deps, wanted: TopicToCreate): Topic {
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

/** Names that differ only by `.` and `_` would be one in Kafka's metrics; only such names need a look at all the others. */
async function checkCollision(deps: Deps, name: string): Promise<void> {
  if ((await deps.documents.get(topicKey(name), 'strong')) !== undefined) throw topicExists(name)
  if (!/[._]/.test(name)) return
  const key = collisionKey(name)
  const other = (await allTopics(deps)).find((topic) => collisionKey(topic.name) === key)
  if (other !== undefined) {
    throw new KafkaError(
      'INVALID_TOPIC_EXCEPTION',
      `topic name collides with another topic=${name} other=${other.name}`,
    )
  }
}

/** Heads first, then the document that makes the topic exist: whoever finds the topic finds its heads. */
async function storeTopic(deps: Deps, topic: Topic): Promise<void> {
  const partitions = Array.from({ length: topic.partitionCount }, (_, partitionIndex) => partitionIndex)
  await concurrently(partitions, deps.limits.parallelDocuments, (partitionIndex) =>
    deps.documents.put(
      headKey(topic.topicId, partitionIndex),
      encodeHead(headOf(deps, topic, partitionIndex)),
      'absent',
    ),
  )
  const verdict = await deps.documents.put(topicKey(topic.name), encodeTopic(topic), 'absent')
  if (verdict.applied) return
  await concurrently(partitions, deps.limits.parallelDocuments, (partitionIndex) =>
    deps.documents.delete(headKey(topic.topicId, partitionIndex), []),
  )
  throw topicExists(topic.name)
}

function headOf(deps: Deps, topic: Topic, partitionIndex: number) {
  const { startIndex, replicationFactor } = topic
  const nodes = placeReplicas({ startIndex, partitionIndex, replicationFactor, nodeCount: deps.nodes.size })
  const minInsync = Number(effectiveConfig(topic, deps.configs, 'min.insync.replicas').value)
  return newHead({
    replicas: nodes.map((nodeId) => replicaName(nodeId, 1)),
    minIsr: Math.min(minInsync, replicationFactor),
    walFloor: '',
    dueShard: dueShardOf(startIndex, partitionIndex),
  })
}

function topicExists(name: string): KafkaError {
  return new KafkaError('TOPIC_ALREADY_EXISTS', `topic exists topic=${name}`)
}
