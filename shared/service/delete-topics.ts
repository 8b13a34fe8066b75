import { fence } from '../core/head-commands.ts'
import { absent, equal } from '../core/update-plan.ts'
import type { DeletedTopic, DeleteTopicsRequest, DeleteTopicsResponse } from '../protocol/api/topics.ts'
import { assert, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import type { Key } from '../store/document-store.ts'
import { decodeHead, encodeHeadChecks, encodeHeadPlan } from '../store/items/head-item.ts'
import { type Deletion, decodeDeletion, encodeDeletion } from '../store/items/topic-item.ts'
import {
  ALL_DELETIONS,
  DELETIONS,
  deletionKey,
  EVERYTHING,
  headKey,
  partitionPk,
  topicKey,
} from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { rowOf } from './rows.ts'
import { readTopic, type Topic, topicById } from './topics.ts'

/** Deletes topics (Kafka's DeleteTopics) and answers when no append to them can succeed any more. */
export async function deleteTopics(deps: Deps, request: DeleteTopicsRequest): Promise<DeleteTopicsResponse> {
  const rows: DeletedTopic[] = []
  for (const wanted of request.topics) {
    rows.push({ ...wanted, ...(await rowOf(deps, () => deleteOne(deps, wanted))) })
  }
  return { topics: rows }
}

/** Goes on with the deletions that an earlier process left unfinished. */
export async function finishDeletions(deps: Deps): Promise<void> {
  for (;;) {
    const query = { ...ALL_DELETIONS, limit: deps.limits.listPage, direction: 'ascending' } as const
    const entries = await deps.documents.list(DELETIONS, query)
    for (const entry of entries) await finishDeletion(deps, entry.key, decodeDeletion(entry.item))
    if (entries.length < deps.limits.listPage) return
  }
}

async function deleteOne(deps: Deps, wanted: { name: string } | { topicId: string }) {
  const topic = 'name' in wanted ? await readTopic(deps, wanted.name) : await topicById(deps, wanted.topicId)
  const deletion = { topicId: topic.topicId, partitionCount: topic.partitionCount }
  const key = deletionKey(deps.clock.nowMs(), topic.topicId)
  const verdict = await deps.documents.transact([
    { action: 'delete', key: topicKey(topic.name), checks: [equal(['topicId'], topic.topicId)] },
    { action: 'put', key, item: encodeDeletion(deletion), expected: 'absent' },
  ])
  if (!verdict.applied) throw alreadyGone(topic)
  deps.caches.topics.delete(topic.name)
  await finishDeletion(deps, key, deletion)
  return { ...NO_ERROR, name: topic.name, topicId: topic.topicId }
}

/** Every step may have been done before, by a process that died or by one that still runs. */
async function finishDeletion(deps: Deps, key: Key, deletion: Deletion): Promise<void> {
  const partitions = Array.from({ length: deletion.partitionCount }, (_, partitionIndex) => partitionIndex)
  await concurrently(partitions, deps.limits.parallelDocuments, (partitionIndex) =>
    removePartition(deps, deletion.topicId, partitionIndex),
  )
  await deps.documents.delete(key, [])
}

async function removePartition(deps: Deps, topicId: string, partitionIndex: number): Promise<void> {
  const pk = partitionPk(topicId, partitionIndex)
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

function alreadyGone(topic: Topic): KafkaError {
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic was deleted topic=${topic.name}`)
}
