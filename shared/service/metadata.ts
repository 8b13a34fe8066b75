import { type Head, lastStableOffset, nodeOf } from '../core/head.ts'
import { isOnLiveNode } from '../core/reconcile.ts'
import type { StorageNode } from '../core/storage-node.ts'
import { API_VERSION, FEATURES } from '../protocol/api/cluster.ts'
import type {
  MetadataRequest,
  MetadataResponse,
  PartitionMetadata,
  TopicMetadata,
  Truncation,
} from '../protocol/api/metadata.ts'
import { ERRORS } from '../protocol/error-table.ts'
import { type ErrorRow, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_METADATA_PARTITIONS } from '../protocol/limits.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { type Partition, requireHead } from './heads.ts'
import { refuseTopicsTwice } from './named-twice.ts'
import { readNodes } from './nodes.ts'
import { listLosses } from './record-loss.ts'
import { eachRow, rowOf } from './rows.ts'
import { listTopics, readTopic, type Topic, topicsById } from './topics.ts'

/**
 * Nodes and topics with their partitions (Kafka's Metadata); with topics null one page of all of them, by name.
 *
 * @throws KafkaError INVALID_REQUEST when a topic stands in the request twice, or the topics have too many partitions
 */
export async function metadata(deps: Deps, request: MetadataRequest): Promise<MetadataResponse> {
  const { topics, nextToken } =
    request.topics === null
      ? await pageOfTopics(deps, request)
      : { topics: await namedTopics(deps, request.topics), nextToken: null }
  const nodes = await readNodes(deps)
  return {
    clusterId: deps.clusterId,
    apiVersion: API_VERSION,
    features: FEATURES,
    brokers: [...nodes].map(([nodeId, { zone }]) => ({ nodeId, rack: zone })),
    topics: await concurrently(topics, deps.limits.parallelDocuments, (topic) =>
      describeTopic(deps, topic, { nodes, includeOffsets: request.includeOffsets }),
    ),
    nextToken,
  }
}

/** What partitions are described with: the storage nodes as they are now, and whether offsets are told. */
interface Description {
  readonly nodes: ReadonlyMap<number, StorageNode>
  readonly includeOffsets: boolean
}

/** The partitions of a topic as they are now. */
export async function describePartitions(
  deps: Deps,
  topic: Topic,
  description: Description,
): Promise<readonly PartitionMetadata[]> {
  const partitions = Array.from({ length: topic.partitionCount }, (_, partitionIndex) => partitionIndex)
  return concurrently(partitions, deps.limits.parallelDocuments, async (partitionIndex) => {
    await deps.clock.giveWay()
    const partition = { topic, partitionIndex }
    const head = await requireHead(deps, partition)
    const truncations = description.includeOffsets ? await truncationsOf(deps, partition, head) : []
    return {
      ...describePartition(head, partitionIndex, description),
      ...(truncations.length > 0 ? { truncations } : {}),
    }
  })
}

/** Nothing was truncated where no election ever was. */
async function truncationsOf(deps: Deps, partition: Partition, head: Head): Promise<readonly Truncation[]> {
  if (head.leaderEpoch === 0) return []
  const losses = await listLosses(deps, partition, head)
  return losses.map(({ leaderEpoch, fromOffset, toOffset, committedTo, reason, atMs }) => {
    return { leaderEpoch, fromOffset, toOffset, committedTo, reason, atMs }
  })
}

const NO_TOPICS: ReadonlyMap<string, Topic> = new Map()

type TopicReference = NonNullable<MetadataRequest['topics']>[number]
type MissingTopic = TopicReference & ErrorRow

/** As many topics as the limit and the partitions of one answer allow: at least one, since none has that many. */
async function pageOfTopics(deps: Deps, { limit, nextToken }: MetadataRequest) {
  const topics = await listTopics(deps, { after: nextToken ?? '', limit })
  let partitions = 0
  const page = topics.filter((topic) => {
    partitions += topic.partitionCount
    return partitions <= MAX_METADATA_PARTITIONS
  })
  const isLast = page.length === topics.length && topics.length < limit
  return { topics: page, nextToken: isLast ? null : (page.at(-1)?.name ?? null) }
}

/**
 * The topics that a request names. A client that names topics expects all of them in one answer and would not look for
 * a token, so where they are too much for one the request is refused, which says so; left out, they would seem gone.
 */
async function namedTopics(
  deps: Deps,
  wanted: readonly TopicReference[],
): Promise<readonly (Topic | MissingTopic)[]> {
  refuseTopicsTwice(wanted)
  const hasIds = wanted.some((topic) => 'topicId' in topic)
  const byId = hasIds ? await topicsById(deps) : NO_TOPICS
  const topics = await eachRow(deps, wanted, async (reference) => {
    const topic = await rowOf(deps, () => findTopic(deps, byId, reference))
    return 'errorName' in topic ? { ...reference, ...topic } : topic
  })
  const partitions = topics.reduce((sum, topic) => sum + ('errorName' in topic ? 0 : topic.partitionCount), 0)
  if (partitions > MAX_METADATA_PARTITIONS) {
    throw new KafkaError(
      'INVALID_REQUEST',
      `topics have too many partitions for one answer partitions=${partitions} max=${MAX_METADATA_PARTITIONS}`,
    )
  }
  return topics
}

async function findTopic(
  deps: Deps,
  byId: ReadonlyMap<string, Topic>,
  reference: TopicReference,
): Promise<Topic> {
  if ('name' in reference) return readTopic(deps, reference.name)
  const topic = byId.get(reference.topicId)
  if (topic !== undefined) return topic
  throw new KafkaError('UNKNOWN_TOPIC_ID', `unknown topic topicId=${reference.topicId}`)
}

async function describeTopic(
  deps: Deps,
  topic: Topic | MissingTopic,
  description: Description,
): Promise<TopicMetadata> {
  if ('errorName' in topic) return { ...topic, partitions: [] }
  const { name, topicId } = topic
  const row = await rowOf(deps, async () => {
    const partitions = await describePartitions(deps, topic, description)
    return { ...NO_ERROR, isInternal: false, partitions }
  })
  return 'errorName' in row ? { name, ...row, partitions: [] } : { name, topicId, ...row }
}

function describePartition(
  head: Head,
  partitionIndex: number,
  { nodes, includeOffsets }: Description,
): PartitionMetadata {
  const offsets = {
    highWatermark: head.highWatermark,
    lastStableOffset: lastStableOffset(head),
    logStartOffset: head.logStartOffset,
    logEndOffset: head.logEndOffset,
  }
  return {
    errorCode: head.leader === undefined ? ERRORS.LEADER_NOT_AVAILABLE.code : 0,
    partitionIndex,
    leaderId: head.leader === undefined ? -1 : nodeOf(head.leader),
    leaderEpoch: head.leaderEpoch,
    replicaNodes: head.replicas.map(nodeOf),
    isrNodes: head.isr.map(nodeOf),
    offlineReplicas: head.replicas.filter((replica) => !isOnLiveNode(replica, nodes)).map(nodeOf),
    ...(includeOffsets ? offsets : {}),
  }
}
