import type { Head } from '../core/head.ts'
import { type Change, equal, type Item, set, type UpdatePlan } from '../core/update-plan.ts'
import type { ClusterConfigs } from '../protocol/cluster-configs.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { checkTopicName } from '../protocol/names.ts'
import { defaultTopicConfig, type TopicConfigName } from '../protocol/topic-configs.ts'
import { decodeTopic, isBeingDeleted, type Topic } from '../store/items/topic-item.ts'
import { TOPICS, topicKey, topicsAfter } from '../store/keys.ts'
import { rememberTopic } from './caches.ts'
import type { Deps } from './deps.ts'
import { type Partition, readHead, requireHead } from './heads.ts'

export type { Topic } from '../store/items/topic-item.ts'

/** REST number of a partition, not a topic, that is not there. */
const PARTITION_NOT_FOUND = 40402

/**
 * The topic of that name; what was read within the last seconds serves.
 *
 * @throws KafkaError INVALID_TOPIC_EXCEPTION when no topic can have the name
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when there is no such topic
 */
export async function findTopic(deps: Deps, name: string): Promise<Topic> {
  const cached = deps.caches.topics.get(name)
  const nowMs = deps.clock.nowMs()
  if (cached !== undefined && nowMs - cached.readAtMs < deps.limits.topicCacheMs) return cached.topic
  return readTopic(deps, name)
}

/** The topic of that name as it is now; throws as `findTopic` does. */
export async function readTopic(deps: Deps, name: string): Promise<Topic> {
  checkTopicName(name)
  const nowMs = deps.clock.nowMs()
  const item = await deps.documents.get(topicKey(name), 'strong')
  if (item === undefined || isBeingDeleted(item)) deps.caches.topics.delete(name)
  const topic = existingTopic(name, item)
  rememberTopic(deps.caches, topic, nowMs)
  return topic
}

/**
 * The topic of what stands under its name, and the version of that.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when nothing does, or a topic that is being deleted
 */
export function existingTopic(name: string, item: Item | undefined): ReturnType<typeof decodeTopic> {
  if (item !== undefined && !isBeingDeleted(item)) return decodeTopic(name, item)
  throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `unknown topic topic=${name}`)
}

/** Changes of a topic's document, if it still is what was read. A topic made anew under the name may have the same version. */
export function changeTopic(
  { topicId, version }: ReturnType<typeof decodeTopic>,
  changes: readonly Change[],
): UpdatePlan {
  return {
    checks: [equal(['topicId'], topicId), equal(['ver'], version)],
    changes: [...changes, set(['ver'], version + 1)],
  }
}

/**
 * The topic that a request names, of which it may say the id: a client of a deleted and re-created topic is told.
 *
 * @throws KafkaError UNKNOWN_TOPIC_ID when it sends an id and there is no topic of that name
 * @throws KafkaError INCONSISTENT_TOPIC_ID when it sends another topic's id
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION as `findTopic`
 */
export async function requestedTopic(
  deps: Deps,
  request: { name: string; topicId?: string | undefined },
): Promise<Topic> {
  const { name, topicId } = request
  if (topicId === undefined) return findTopic(deps, name)
  const orUnknownId = (error: unknown) => {
    if (!(error instanceof KafkaError) || error.errorName !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
    throw new KafkaError('UNKNOWN_TOPIC_ID', `unknown topic topic=${name} topicId=${topicId}`, {
      cause: error,
    })
  }
  const topic = await findTopic(deps, name).catch(orUnknownId)
  if (topic.topicId === topicId) return topic
  // What is remembered may be the topic before the one that the caller knows.
  const now = await readTopic(deps, name).catch(orUnknownId)
  if (now.topicId === topicId) return now
  throw new KafkaError(
    'INCONSISTENT_TOPIC_ID',
    `topic has another id topic=${name} topicId=${now.topicId} sent=${topicId}`,
  )
}

/**
 * A partition of a topic.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic has no such partition
 */
export function requirePartition(topic: Topic, partitionIndex: number): Partition {
  if (partitionIndex >= topic.partitionCount) {
    throw new KafkaError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `unknown partition topic=${topic.name} partition=${partitionIndex} partitionCount=${topic.partitionCount}`,
      { restCode: PARTITION_NOT_FOUND },
    )
  }
  return { topic, partitionIndex }
}

/**
 * The partition that a request names, and its head as it is now. A topic that was deleted since it was remembered is
 * looked up once more: it may have been made anew.
 *
 * @throws KafkaError as `requestedTopic` and `requirePartition` do
 */
export async function requestedPartition(
  deps: Deps,
  request: { name: string; topicId?: string | undefined; partitionIndex: number },
): Promise<{ partition: Partition; head: Head }> {
  const topic = rememberedTopic(deps, request) ?? (await requestedTopic(deps, request))
  const remembered = requirePartition(topic, request.partitionIndex)
  const head = await readHead(deps, remembered)
  if (head !== undefined) return { partition: remembered, head }
  const partition = requirePartition(await requestedTopic(deps, request), request.partitionIndex)
  return { partition, head: await requireHead(deps, partition) }
}

/**
 * The topic that is remembered, however long ago it was read, where the request names it by its id and a partition that it has:
 * what a head is found by never changes, and the head says whether the topic is still there.
 */
function rememberedTopic(
  deps: Deps,
  { name, topicId, partitionIndex }: { name: string; topicId?: string | undefined; partitionIndex: number },
): Topic | undefined {
  const topic = deps.caches.topics.get(name)?.topic
  return topicId !== undefined && topic?.topicId === topicId && partitionIndex < topic.partitionCount
    ? topic
    : undefined
}

/** A topic that exists, or one that is `beingDeleted`, which only its name's next use is to know. */
export interface StoredTopic {
  readonly topic: Topic
  readonly beingDeleted: boolean
}

/** Everything that stands under a name, by name, after `after` ('' for the first). */
export async function* storedTopics(deps: Deps, after: string): AsyncGenerator<StoredTopic> {
  const { listPage: limit } = deps.limits
  for (let last = after; ; ) {
    await deps.clock.giveWay()
    const query = { ...topicsAfter(last), limit, direction: 'ascending' } as const
    const entries = await deps.documents.list(TOPICS, query)
    for (const { key, item } of entries) {
      yield { topic: decodeTopic(key.sk, item), beingDeleted: isBeingDeleted(item) }
    }
    if (entries.length < limit) return
    last = entries.at(-1)?.key.sk ?? last
  }
}

/** At most `limit` topics after the name `after` ('' for the first), by name. */
export async function listTopics(
  deps: Deps,
  { after, limit }: { after: string; limit: number },
): Promise<readonly Topic[]> {
  const topics: Topic[] = []
  for await (const { topic, beingDeleted } of storedTopics(deps, after)) {
    if (!beingDeleted) topics.push(topic)
    if (topics.length >= limit) break
  }
  return topics
}

/** Every topic, by name. */
export function allTopics(deps: Deps): Promise<readonly Topic[]> {
  return listTopics(deps, { after: '', limit: Number.POSITIVE_INFINITY })
}

/** Every topic, by its id. */
export async function topicsById(deps: Deps): Promise<ReadonlyMap<string, Topic>> {
  return new Map((await allTopics(deps)).map((topic) => [topic.topicId, topic]))
}

/** What a topic config comes to: the topic's own, else the cluster's, else Kafka's default. */
export function effectiveConfig(
  topic: Pick<Topic, 'configs'>,
  configs: ClusterConfigs,
  name: TopicConfigName,
): { readonly value: string; readonly source: 'topic' | 'cluster' } {
  const own = topic.configs[name]
  if (own !== undefined) return { value: own, source: 'topic' }
  return { value: clusterDefault(configs, name), source: 'cluster' }
}

function clusterDefault(configs: ClusterConfigs, name: TopicConfigName): string {
  if (name === 'min.insync.replicas') return String(configs['min.insync.replicas'])
  if (name === 'max.message.bytes') return String(configs['message.max.bytes'])
  return defaultTopicConfig(name)
}
