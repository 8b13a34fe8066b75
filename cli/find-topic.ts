import { rowError, StratologError, type Transport } from '../client/index.ts'
import type { TopicMetadata } from '../shared/protocol/api/metadata.ts'

/** A topic that is there. */
export type FoundTopic = Extract<TopicMetadata, { errorCode: 0 }>

/**
 * Metadata of one topic, or undefined when there is none of that name.
 *
 * @throws StratologError whatever else the service refuses it with
 */
export async function findTopic(
  transport: Transport,
  name: string,
  signal: AbortSignal,
): Promise<FoundTopic | undefined> {
  const { topics } = await transport.call('metadata', { topics: [{ name }] }, { signal })
  const [topic] = topics
  if (topic === undefined) return undefined
  if (topic.errorCode === 0) return topic as FoundTopic
  const error = rowError(topic)
  if (error === undefined || error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
  throw error
}

/**
 * Metadata of a topic that must have the partition, if one is named.
 *
 * @throws StratologError UNKNOWN_TOPIC_OR_PARTITION, not retriable, when it is not there
 */
export async function readTopic(
  transport: Transport,
  wanted: { readonly name: string; readonly partition: number | undefined },
  signal: AbortSignal,
): Promise<FoundTopic> {
  const topic = await findTopic(transport, wanted.name, signal)
  if (topic === undefined || !hasPartition(topic, wanted.partition)) {
    throw unknownPartition(wanted.name, wanted.partition)
  }
  return topic
}

/** Whether a topic has the partition; every topic has the one that nobody named. */
export function hasPartition(topic: FoundTopic, partition: number | undefined): boolean {
  return partition === undefined || partition < topic.partitions.length
}

/** As the service would say it, but for good: nobody waits for a topic that may never come. */
export function unknownPartition(topic: string, partition: number | undefined): StratologError {
  const named = partition === undefined ? '' : ` partition=${partition}`
  return new StratologError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `unknown topic or partition topic=${topic}${named}`,
    {
      retriable: false,
      effect: 'none',
      httpStatus: 200,
    },
  )
}
