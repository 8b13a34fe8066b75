import type { CommittedOffset, GroupOffsets } from '../core/group/group.ts'
import type { FetchedOffset, OffsetFetchRequest, OffsetFetchResponse } from '../protocol/api/group-offsets.ts'
import { type ErrorRow, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { decodeGroupOffsets } from '../store/items/group-offsets-item.ts'
import { offsetsKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { currentTopic, listGroupOffsets, requireGroupId, type StoredOffsets } from './group-offsets.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { eachRow, rowOf } from './rows.ts'

type RequestTopic = NonNullable<OffsetFetchRequest['topics']>[number]
type AnsweredTopic = OffsetFetchResponse['topics'][number]

const NOTHING_COMMITTED = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '' } as const

/**
 * The committed offsets of a group (Kafka's OffsetFetch, API key 9): of the partitions named, or all there are. Of a group
 * that nobody knows nothing is committed. Offsets of a deleted topic are not those of one that has its name now.
 *
 * @throws KafkaError INVALID_GROUP_ID when the group's name is empty and no topic is named that could say so
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 */
export async function offsetFetch(deps: Deps, request: OffsetFetchRequest): Promise<OffsetFetchResponse> {
  const { groupId, topics } = request
  if (topics === null) return { topics: await fetchAll(deps, groupId) }
  refusePartitionsTwice(topics)
  return { topics: await eachRow(deps, topics, (topic) => fetchTopic(deps, groupId, topic)) }
}

async function fetchTopic(deps: Deps, groupId: string, requested: RequestTopic): Promise<AnsweredTopic> {
  const { name, topicId, partitions } = requested
  const indexes = partitions.map(({ partitionIndex }) => partitionIndex)
  const found = await rowOf(deps, () => committedOf(deps, groupId, requested, indexes))
  return {
    name,
    ...(topicId === undefined ? {} : { topicId }),
    partitions: indexes.map((partitionIndex) =>
      'errorName' in found
        ? { partitionIndex, ...NOTHING_COMMITTED, ...(found as ErrorRow) }
        : fetchedOffset(partitionIndex, found.committed.get(partitionIndex)),
    ),
  }
}

/** What is committed of a topic, which is looked up at the same time as the offsets of what is remembered under its name. */
async function committedOf(
  deps: Deps,
  groupId: string,
  requested: RequestTopic,
  indexes: readonly number[],
): Promise<{ readonly committed: ReadonlyMap<number, CommittedOffset> }> {
  requireGroupId(groupId)
  const remembered = requested.topicId ?? deps.caches.topics.get(requested.name)?.topic.topicId
  const [topic, ofRemembered] = await Promise.all([
    currentTopic(deps, requested).catch((error: unknown) => unknownTopic(requested, error)),
    remembered === undefined ? undefined : readCommitted(deps, groupId, remembered, indexes),
  ])
  if (topic === undefined) return { committed: new Map() }
  if (ofRemembered !== undefined && topic.topicId === remembered) return { committed: ofRemembered }
  return { committed: await readCommitted(deps, groupId, topic.topicId, indexes) }
}

/** Of a topic that nobody knows nothing is committed, unless the client says that it knows it. */
function unknownTopic({ topicId }: RequestTopic, error: unknown): undefined {
  const isUnknown =
    error instanceof KafkaError &&
    (error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION' || error.errorName === 'INVALID_TOPIC_EXCEPTION')
  if (!isUnknown || topicId !== undefined) throw error
}

async function readCommitted(
  deps: Deps,
  groupId: string,
  topicId: string,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, CommittedOffset>> {
  const keys = new Map(
    indexes.map((index) => offsetsKey(groupId, topicId, index)).map((key) => [key.sk, key] as const),
  )
  const items = await concurrently([...keys.values()], deps.limits.parallelDocuments, (key) =>
    deps.documents.get(key, 'strong'),
  )
  return new Map(
    items.flatMap((item) => (item === undefined ? [] : committedIn(decodeGroupOffsets(item).document))),
  )
}

const committedIn = ({ offsets }: GroupOffsets): readonly (readonly [number, CommittedOffset])[] =>
  Object.entries(offsets).map(([partition, committed]) => [Number(partition), committed])

function fetchedOffset(partitionIndex: number, committed: CommittedOffset | undefined): FetchedOffset {
  if (committed === undefined) return { partitionIndex, ...NO_ERROR, ...NOTHING_COMMITTED }
  const { offset, leaderEpoch, metadata } = committed
  return {
    partitionIndex,
    ...NO_ERROR,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    metadata,
  }
}

/** Everything that is committed, by topic. Documents of topics that are no more are dropped on the way. */
async function fetchAll(deps: Deps, groupId: string): Promise<readonly AnsweredTopic[]> {
  requireGroupId(groupId)
  const documents: StoredOffsets[] = []
  for await (const page of listGroupOffsets(deps, groupId)) documents.push(...page)
  const byName = new Map<string, StoredOffsets[]>()
  for (const stored of documents) {
    const { topicName } = stored.document
    byName.set(topicName, [...(byName.get(topicName) ?? []), stored])
  }
  const names = [...byName.keys()].sort()
  const topics = await concurrently(names, deps.limits.parallelDocuments, async (name) => {
    await deps.clock.giveWay()
    // Read after the documents were: one that is there without its topic is of a deleted one.
    const topicId = await currentTopicId(deps, name)
    const stored = byName.get(name) ?? []
    await dropDocuments(
      deps,
      stored.filter((one) => one.topicId !== topicId),
    )
    const committed = stored.flatMap((one) => (one.topicId === topicId ? committedIn(one.document) : []))
    const partitions = committed
      .sort(([a], [b]) => a - b)
      .map(([partitionIndex, offset]) => fetchedOffset(partitionIndex, offset))
    return partitions.length === 0 || topicId === undefined ? [] : [{ name, topicId, partitions }]
  })
  return topics.flat()
}

async function currentTopicId(deps: Deps, name: string): Promise<string | undefined> {
  const topic = await currentTopic(deps, { name }).catch((error: unknown) =>
    unknownTopic({ name, partitions: [] }, error),
  )
  return topic?.topicId
}

/** No topic gets the id of a deleted one: nobody needs these documents. What cannot be dropped now is next time. */
async function dropDocuments(deps: Deps, documents: readonly StoredOffsets[]): Promise<void> {
  await concurrently(documents, deps.limits.parallelDocuments, ({ key }) =>
    rowOf(deps, () => deps.documents.delete(key, [])),
  )
}
