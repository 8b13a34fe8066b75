import { type Head, lastStableOffset, nodeOf } from '../core/head.ts'
import { API_VERSION, FEATURES } from '../protocol/api/cluster.ts'
import type {
  MetadataRequest,
  MetadataResponse,
  PartitionMetadata,
  TopicMetadata,
} from '../protocol/api/metadata.ts'
import { ERRORS } from '../protocol/error-table.ts'
import { NO_ERROR } from '../protocol/kafka-error.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { describeNodes } from './describe-cluster.ts'
import { requireHead } from './heads.ts'
import { rowOf } from './rows.ts'
import { listTopics, readTopic, type Topic, topicById } from './topics.ts'

/** Nodes and topics with their partitions (Kafka's Metadata); with topics null one page of all of them, by name. */
export async function metadata(deps: Deps, request: MetadataRequest): Promise<MetadataResponse> {
  const nodes = await describeNodes(deps)
  const page =
    request.topics === null ? await pageOfTopics(deps, request) : { wanted: request.topics, nextToken: null }
  return {
    clusterId: deps.clusterId,
    apiVersion: API_VERSION,
    features: FEATURES,
    brokers: nodes.map((node) => ({ nodeId: node.nodeId, rack: node.zone })),
    topics: await concurrently(page.wanted, deps.limits.parallelDocuments, (wanted) =>
      describeTopic(deps, wanted, request.includeOffsets),
    ),
    nextToken: page.nextToken,
  }
}

/** The partitions of a topic as they are now. */
export async function describePartitions(
  deps: Deps,
  topic: Topic,
  includeOffsets: boolean,
): Promise<readonly PartitionMetadata[]> {
  const partitions = Array.from({ length: topic.partitionCount }, (_, partitionIndex) => partitionIndex)
  return concurrently(partitions, deps.limits.parallelDocuments, async (partitionIndex) =>
    describePartition(await requireHead(deps, { topic, partitionIndex }), partitionIndex, includeOffsets),
  )
}

async function pageOfTopics(deps: Deps, { limit, nextToken }: MetadataRequest) {
  const topics = await listTopics(deps, { after: nextToken ?? '', limit })
  return {
    wanted: topics.map(({ name }) => ({ name })),
    nextToken: topics.length < limit ? null : (topics.at(-1)?.name ?? null),
  }
}

async function describeTopic(
  deps: Deps,
  wanted: { name: string } | { topicId: string },
  includeOffsets: boolean,
): Promise<TopicMetadata> {
  const row = await rowOf(deps, async () => {
    const topic =
      'name' in wanted ? await readTopic(deps, wanted.name) : await topicById(deps, wanted.topicId)
    const partitions = await describePartitions(deps, topic, includeOffsets)
    return { ...NO_ERROR, name: topic.name, topicId: topic.topicId, isInternal: false, partitions }
  })
  return 'errorName' in row ? { ...wanted, ...row, partitions: [] } : row
}

function describePartition(head: Head, partitionIndex: number, includeOffsets: boolean): PartitionMetadata {
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
    offlineReplicas: [],
    ...(includeOffsets ? offsets : {}),
  }
}
