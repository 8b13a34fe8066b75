import type { Item } from '../core/update-plan.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { decodeTopic, encodeTopic, isBeingDeleted } from '../store/items/topic-item.ts'
import { topicKey } from '../store/keys.ts'
import { finishDeletion } from './delete-topics.ts'
import type { Deps } from './deps.ts'
import {
  bucketsOf,
  type NewHeads,
  partitionsFrom,
  putHeads,
  reconcileNewHeads,
  removeHeads,
} from './new-heads.ts'
import { readNodes } from './nodes.ts'
import type { Topic } from './topics.ts'

/**
 * Makes a topic: heads first, then the document that makes it exist, so that whoever finds the topic finds its heads.
 * The deletion of a topic that had the name before is finished first: nothing may be appended to it any more.
 *
 * @throws KafkaError TOPIC_ALREADY_EXISTS when another one has the name; its own heads are removed again
 * @throws KafkaError KAFKA_STORAGE_ERROR when a storage node got another bucket meanwhile; the same
 */
export async function storeTopic(deps: Deps, topic: Topic): Promise<void> {
  const heads: NewHeads = { topic, partitions: partitionsFrom(topic, 0), nodes: await readNodes(deps) }
  const putName = () => putTopic(deps, heads)
  await orRemoveHeads(deps, heads, () => putHeads(deps, heads))
  let stored = await putName()
  if (stored !== undefined && stored.topicId !== topic.topicId && isBeingDeleted(stored)) {
    const before = decodeTopic(topic.name, stored)
    await orRemoveHeads(deps, heads, () => finishDeletion(deps, before))
    stored = await putName()
  }
  if (stored?.topicId === topic.topicId) return reconcileNewHeads(deps, heads, [])
  await removeHeads(deps, heads)
  if (stored !== undefined) throw topicExists(topic.name)
  throw new KafkaError('KAFKA_STORAGE_ERROR', `a storage node changed meanwhile topic=${topic.name}`)
}

/** Puts the topic's document; answers the one that is there then. */
async function putTopic(deps: Deps, { topic, nodes }: NewHeads): Promise<Item | undefined> {
  const key = topicKey(topic.name)
  const item = encodeTopic(topic)
  const put = { action: 'put', key, item, expected: 'absent' } as const
  const { applied } = await deps.documents.transact([put, ...bucketsOf(nodes)])
  // One that the store carries out twice is refused by its own document: what is stored says more than the verdict.
  return applied ? item : deps.documents.get(key, 'strong')
}

/** The error of a name that is taken. */
export function topicExists(name: string): KafkaError {
  return new KafkaError('TOPIC_ALREADY_EXISTS', `topic exists topic=${name}`)
}

async function orRemoveHeads(deps: Deps, heads: NewHeads, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    await removeHeads(deps, heads)
    throw error
  }
}
