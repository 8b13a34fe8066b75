import { fence } from '../core/election.ts'
import { dueShardOf } from '../core/placement.ts'
import { absent, copyPlus, equal, present, setIfAbsent, type UpdatePlan } from '../core/update-plan.ts'
import type { DeletedTopic, DeleteTopicsRequest, DeleteTopicsResponse } from '../protocol/api/topics.ts'
import { assert, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { checkTopicName } from '../protocol/names.ts'
import type { Key } from '../store/document-store.ts'
import { decodeHead, encodeHeadChecks, encodeHeadPlan } from '../store/items/head-item.ts'
import { decodeTopic } from '../store/items/topic-item.ts'
import { EVERYTHING, headKey, partitionPk, topicKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { refuseTopicsTwice } from './named-twice.ts'
import { asKafkaError, rowOf } from './rows.ts'
import { storedTopics, type Topic } from './topics.ts'

/**
 * Deletes topics (Kafka's DeleteTopics) and answers when no append to them can succeed any more. The name stays taken
 * until then, so that a topic made anew under it and the old one are never written at the same time.
 *
 * @throws KafkaError INVALID_REQUEST when a topic stands in the request twice
 */
export async function deleteTopics(deps: Deps, request: DeleteTopicsRequest): Promise<DeleteTopicsResponse> {
  refuseTopicsTwice(request.topics)
  const rows: DeletedTopic[] = []
  for (const wanted of request.topics) {
    rows.push({ ...wanted, ...(await rowOf(deps, () => deleteOne(deps, wanted))) })
  }
  return { topics: rows }
}

/** Goes on with the deletions that an earlier process left unfinished. */
export async function finishDeletions(deps: Deps): Promise<void> {
  for await (const { topic, beingDeleted } of storedTopics(deps, '')) {
    if (beingDeleted) await finishDeletion(deps, topic)
  }
}

/**
 * Removes the heads of a topic that is being deleted, then all else, and its name last. Every step may have been done
 * before, by a process that died or by one that still runs. The topic is as it was read when it was marked, or later.
 */
export async function finishDeletion(deps: Deps, topic: Topic): Promise<void> {
  const partitions = Array.from({ length: topic.partitionCount }, (_, partitionIndex) => partitionIndex)
  await concurrently(partitions, deps.limits.parallelDocuments, (partitionIndex) =>
    removePartition(deps, topic.topicId, partitionIndex),
  )
  await deps.documents.delete(topicKey(topic.name), [
    equal(['topicId'], topic.topicId),
    present(['deletedAtMs']),
  ])
}

async function deleteOne(deps: Deps, wanted: { name: string } | { topicId: string }) {
  const topic = await topicToDelete(deps, wanted)
  const { name, topicId } = topic
  const marked = await markDeleted(deps, topic)
  try {
    if (marked !== undefined) await finishDeletion(deps, marked)
  } catch (thrown) {
    const { message } = asKafkaError(deps, thrown)
    throw new KafkaError('REQUEST_TIMED_OUT', `topic is deleted in part topic=${name}: ${message}`, {
      cause: thrown,
    })
  }
  return { ...NO_ERROR, name, topicId }
}

/** The topic, also one whose deletion was begun: to ask again is to go on with it. */
async function topicToDelete(deps: Deps, wanted: { name: string } | { topicId: string }): Promise<Topic> {
  if ('name' in wanted) {
    checkTopicName(wanted.name)
    const item = await deps.documents.get(topicKey(wanted.name), 'strong')
    if (item === undefined) throw unknownTopic(wanted)
    return decodeTopic(wanted.name, item)
  }
  for await (const { topic } of storedTopics(deps, '')) if (topic.topicId === wanted.topicId) return topic
  throw unknownTopic(wanted)
}

/**
 * Begins the deletion of a topic; answers the topic as it then stays: until here it may get more partitions. Undefined
 * when its name does not stand for it any more, which is removed last: another one, or this very write, carried out
 * twice by the store, began a deletion that is over.
 */
async function markDeleted(deps: Deps, topic: Topic): Promise<Topic | undefined> {
  try {
    const verdict = await deps.documents.update(topicKey(topic.name), deletionMark(topic, deps.clock.nowMs()))
    return verdict.applied ? decodeTopic(topic.name, verdict.item) : undefined
  } finally {
    deps.caches.topics.delete(topic.name)
  }
}

/** From here on the topic is unknown to all but who finishes this; it is due at once, for whoever looks for due work. */
function deletionMark(topic: Topic, nowMs: number): UpdatePlan {
  return {
    checks: [equal(['topicId'], topic.topicId)],
    changes: [
      setIfAbsent(['deletedAtMs'], nowMs),
      setIfAbsent(['dueShard'], dueShardOf(topic.startIndex, 0)),
      setIfAbsent(['dueAtMs'], nowMs),
      copyPlus(['ver'], ['ver'], 1),
    ],
  }
}

async function removePartition(deps: Deps, topicId: string, partitionIndex: number): Promise<void> {
  const pk = partitionPk(topicId, partitionIndex)
  await deps.clock.giveWay()
  await removeHead(deps, headKey(topicId, partitionIndex))
  deps.caches.heads.delete(pk)
  for (;;) {
    const query = { ...EVERYTHING, limit: deps.limits.listPage, direction: 'ascending' } as const
    const entries = await deps.documents.list(pk, query)
    await concurrently(entries, deps.limits.parallelDocuments, (entry) =>
      deps.documents.delete(entry.key, []),
    )
    if (entries.length < deps.limits.listPage) return
  }
}

/** Fenced first and deleted at that epoch: no append slips in between, and a deleted head is never written again. */
async function removeHead(deps: Deps, key: Key): Promise<void> {
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    const item = await deps.documents.get(key, 'strong')
    if (item === undefined) return
    const head = decodeHead(item)
    if (head.leader !== undefined) {
      await deps.documents.update(key, encodeHeadPlan(fence(head, deps.clock.nowMs())))
      continue
    }
    const checks = encodeHeadChecks([equal(['leaderEpoch'], head.leaderEpoch), absent(['leader'])])
    if ((await deps.documents.delete(key, checks)).applied) return
  }
  assert(false, `head of a deleted topic does not stand still pk=${key.pk}`)
}

function unknownTopic(wanted: { name: string } | { topicId: string }): KafkaError {
  return 'name' in wanted
    ? new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `unknown topic topic=${wanted.name}`)
    : new KafkaError('UNKNOWN_TOPIC_ID', `unknown topic topicId=${wanted.topicId}`)
}
