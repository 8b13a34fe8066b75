import { fencedRemovalPlan } from '../core/group/offsets.ts'
import { equal } from '../core/update-plan.ts'
import type {
  CommittedPartition,
  OffsetDeleteRequest,
  OffsetDeleteResponse,
} from '../protocol/api/group-offsets.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import type { Key } from '../store/document-store.ts'
import { groupMetaKey, offsetsKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { currentTopic, fenceOf, requireGroupId } from './group-offsets.ts'
import { subscribedTopics } from './group-offsets-subscribed.ts'
import { settleGroup } from './group-settle.ts'
import { loadGroup } from './group-store.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { answerTopics } from './partition-rows.ts'
import { rowOf } from './rows.ts'

type RequestTopic = OffsetDeleteRequest['topics'][number]

/**
 * Deletes committed offsets of topics that no member of the group is subscribed to (Kafka's OffsetDelete, API key 47,
 * KIP-496). What is wrong with the group stands with every partition: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, or NON_EMPTY_GROUP when its members are no
 * consumers, so that nobody knows what they are subscribed to.
 *
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 */
export async function offsetDelete(deps: Deps, request: OffsetDeleteRequest): Promise<OffsetDeleteResponse> {
  refusePartitionsTwice(request.topics)
  const answers: CommittedPartition[] = []
  // One after the other: their transactions would meet at META.
  for (const topic of request.topics) {
    const outcome = await rowOf(deps, () => deleteOfTopic(deps, request.groupId, topic))
    for (const { partitionIndex } of topic.partitions) answers.push({ partitionIndex, ...outcome })
  }
  return { topics: answerTopics(request.topics, answers) }
}

async function deleteOfTopic(deps: Deps, groupId: string, requested: RequestTopic): Promise<typeof NO_ERROR> {
  requireGroupId(groupId)
  const { topicId } = await currentTopic(deps, requested)
  const documents = new Map<string, Removal>()
  for (const { partitionIndex } of requested.partitions) {
    const key = offsetsKey(groupId, topicId, partitionIndex)
    documents.set(key.sk, { key, partitions: [...(documents.get(key.sk)?.partitions ?? []), partitionIndex] })
  }
  for (const removal of documents.values()) {
    await deps.clock.giveWay()
    await remove(deps, { groupId, topicName: requested.name }, removal)
  }
  return NO_ERROR
}

/** What is to be removed from one document. */
interface Removal {
  readonly key: Key
  readonly partitions: readonly number[]
}

/** Nobody subscribes between the look at the members and the removal: whoever joins changes META. */
async function remove(
  deps: Deps,
  of: { readonly groupId: string; readonly topicName: string },
  { key, partitions }: Removal,
): Promise<void> {
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    const stored = await settleGroup(deps, of.groupId, await loadGroup(deps, of.groupId, 'strong'))
    if (stored === undefined || stored.group.state === 'Dead') {
      throw new KafkaError('GROUP_ID_NOT_FOUND', `unknown group groupId=${of.groupId}`)
    }
    const subscribed = await subscribedTopics(deps, of.groupId, stored.group)
    if (subscribed === 'all' || subscribed.has(of.topicName)) {
      throw new KafkaError(
        'GROUP_SUBSCRIBED_TO_TOPIC',
        `members of the group are subscribed to the topic groupId=${of.groupId} topic=${of.topicName}`,
      )
    }
    if ((await deps.documents.get(key, 'strong')) === undefined) return
    const verdict = await deps.documents.transact([
      { action: 'check', key: groupMetaKey(of.groupId), checks: [equal(['ver'], stored.version)] },
      { action: 'update', key, plan: fencedRemovalPlan(partitions, fenceOf(stored)) },
    ])
    if (verdict.applied) return
  }
  throw new KafkaError('KAFKA_STORAGE_ERROR', `group changed at every try groupId=${of.groupId}`)
}
