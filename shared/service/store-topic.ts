import { newHead, replicaName } from '../core/head.ts'
import { dueShardOf, placeReplicas } from '../core/placement.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { encodeHead } from '../store/items/head-item.ts'
import { decodeTopic, encodeTopic, isBeingDeleted } from '../store/items/topic-item.ts'
import { headKey, topicKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import { finishDeletion } from './delete-topics.ts'
import type { Deps } from './deps.ts'
import { rowOf } from './rows.ts'
import { effectiveConfig, type Topic } from './topics.ts'

/**
 * Makes a topic: heads first, then the document that makes it exist, so that whoever finds the topic finds its heads.
 * The deletion of a topic that had the name before is finished first: nothing may be appended to it any more.
 *
 * @throws KafkaError TOPIC_ALREADY_EXISTS when another one has the name; its own heads are removed again
 */
export async function storeTopic(deps: Deps, topic: Topic): Promise<void> {
  const putName = async () =>
    (await deps.documents.put(topicKey(topic.name), encodeTopic(topic), 'absent')).item
  await orRemoveHeads(deps, topic, () => putHeads(deps, topic))
  let stored = await putName()
  // A put that the store carries out twice is refused by its own document: what is stored says more than the verdict.
  if (stored !== undefined && stored.topicId !== topic.topicId && isBeingDeleted(stored)) {
    const before = decodeTopic(topic.name, stored)
    await orRemoveHeads(deps, topic, () => finishDeletion(deps, before))
    stored = await putName()
  }
  if (stored?.topicId === topic.topicId) return
  await removeHeads(deps, topic)
  throw topicExists(topic.name)
}

/** The error of a name that is taken. */
export function topicExists(name: string): KafkaError {
  return new KafkaError('TOPIC_ALREADY_EXISTS', `topic exists topic=${name}`)
}

async function putHeads(deps: Deps, topic: Topic): Promise<void> {
  await concurrently(partitionsOf(topic), deps.limits.parallelDocuments, async (partitionIndex) => {
    await deps.clock.giveWay()
    const head = encodeHead(headOf(deps, topic, partitionIndex))
    await deps.documents.put(headKey(topic.topicId, partitionIndex), head, 'absent')
  })
}

async function orRemoveHeads(deps: Deps, topic: Topic, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    await removeHeads(deps, topic)
    throw error
  }
}

/** Nobody can know these heads. One that cannot be removed does no harm, and must not hide why it was to go. */
async function removeHeads(deps: Deps, topic: Topic): Promise<void> {
  await concurrently(partitionsOf(topic), deps.limits.parallelDocuments, (partitionIndex) =>
    rowOf(deps, () => deps.documents.delete(headKey(topic.topicId, partitionIndex), [])),
  )
}

function partitionsOf(topic: Topic): readonly number[] {
  return Array.from({ length: topic.partitionCount }, (_, partitionIndex) => partitionIndex)
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
