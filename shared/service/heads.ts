import { type Head, lastStableOffset } from '../core/head.ts'
import type { UpdatePlan } from '../core/update-plan.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { decodeHead, encodeHeadPlan } from '../store/items/head-item.ts'
import type { Topic } from '../store/items/topic-item.ts'
import { headKey, partitionPk } from '../store/keys.ts'
import { rememberHead } from './caches.ts'
import type { Deps } from './deps.ts'

/** One partition of a topic that exists. */
export interface Partition {
  readonly topic: Topic
  readonly partitionIndex: number
}

/** `orders-3`, for messages. */
export const partitionName = ({ topic, partitionIndex }: Partition): string =>
  `${topic.name}-${partitionIndex}`

/** The partition key of everything a partition has. */
export const pkOf = ({ topic, partitionIndex }: Partition): string =>
  partitionPk(topic.topicId, partitionIndex)

/** What a head command came to: the head after it, or the one that refused it. */
export type HeadVerdict =
  | { readonly applied: true; readonly head: Head }
  | { readonly applied: false; readonly head: Head | undefined }

/** The head as it is now, or undefined when the topic is gone. */
export async function readHead(deps: Deps, partition: Partition): Promise<Head | undefined> {
  const item = await deps.documents.get(headKey(partition.topic.topicId, partition.partitionIndex), 'strong')
  if (item === undefined) return forgotten(deps, partition)
  return remembered(deps, partition, decodeHead(item))
}

/**
 * The head as it is now.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic was deleted meanwhile
 */
export async function requireHead(deps: Deps, partition: Partition): Promise<Head> {
  const head = await readHead(deps, partition)
  if (head === undefined) throw topicGone(partition)
  return head
}

/** A head that some earlier answer held, or the one as it is now. Only for plans whose checks fence its age. */
export async function knownHead(deps: Deps, partition: Partition): Promise<Head | undefined> {
  return deps.caches.heads.get(pkOf(partition)) ?? readHead(deps, partition)
}

/** Whether readers may see more, or something else, than by `head`; an eventual read, good only to end a wait. */
export async function hasMoved(deps: Deps, partition: Partition, head: Head): Promise<boolean> {
  const item = await deps.documents.get(
    headKey(partition.topic.topicId, partition.partitionIndex),
    'eventual',
  )
  if (item === undefined) return true
  const now = decodeHead(item)
  return (
    now.leaderEpoch > head.leaderEpoch ||
    now.logStartOffset > head.logStartOffset ||
    now.highWatermark > head.highWatermark ||
    lastStableOffset(now) > lastStableOffset(head)
  )
}

/** Carries out a head command's plan. */
export async function updateHead(deps: Deps, partition: Partition, plan: UpdatePlan): Promise<HeadVerdict> {
  const key = headKey(partition.topic.topicId, partition.partitionIndex)
  const verdict = await deps.documents.update(key, encodeHeadPlan(plan))
  if (verdict.applied) return { applied: true, head: remembered(deps, partition, decodeHead(verdict.item)) }
  if (verdict.item === undefined) return { applied: false, head: forgotten(deps, partition) }
  return { applied: false, head: remembered(deps, partition, decodeHead(verdict.item)) }
}

/** The error of a partition whose topic is no longer there. */
export function topicGone(partition: Partition): KafkaError {
  return new KafkaError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `topic was deleted partition=${partitionName(partition)}`,
  )
}

/** The topic of that name may be another one by now: what was remembered is of no use. */
function forgotten(deps: Deps, partition: Partition): undefined {
  deps.caches.heads.delete(pkOf(partition))
  deps.caches.topics.delete(partition.topic.name)
}

function remembered(deps: Deps, partition: Partition, head: Head): Head {
  rememberHead(deps.caches, pkOf(partition), head)
  return head
}
