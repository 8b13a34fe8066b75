import { KafkaError } from '../protocol/kafka-error.ts'
import { decodeTopic, encodeTopic, isBeingDeleted } from '../store/items/topic-item.ts'
import { topicKey } from '../store/keys.ts'
import { finishDeletion } from './delete-topics.ts'
import type { Deps } from './deps.ts'
import { type NewHeads, partitionsFrom, putHeads, reconcileNewHeads, removeHeads } from './new-heads.ts'
import { readNodes } from './nodes.ts'
import type { Topic } from './topics.ts'

/**
 * Makes a topic: heads first, then the document that makes it exist, so that whoever finds the topic finds its heads.
 * The deletion of a topic that had the name before is finished first: nothing may be appended to it any more.
 *
 * @throws KafkaError TOPIC_ALREADY_EXISTS when another one has the name; its own heads are removed again
 */
export async function storeTopic(deps: Deps, topic: Topic): Promise<void> {
  const putName = async () =>
    (await deps.documents.put(topicKey(topic.name), encodeTopic(topic), 'absent')).item
  const heads: NewHeads = { topic, partitions: partitionsFrom(topic, 0), nodes: await readNodes(deps) }
  await orRemoveHeads(deps, heads, () => putHeads(deps, heads))
  let stored = await putName()
  // A put that the store carries out twice is refused by its own document: what is stored says more than the verdict.
  if (stored !== undefined && stored.topicId !== topic.topicId && isBeingDeleted(stored)) {
    const before = decodeTopic(topic.name, stored)
    await orRemoveHeads(deps, heads, () => finishDeletion(deps, before))
    stored = await putName()
  }
  if (stored?.topicId === topic.topicId) return reconcileNewHeads(deps, heads, [])
  await removeHeads(deps, heads)
  throw topicExists(topic.name)
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
