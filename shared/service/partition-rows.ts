import type { TopicOf } from '../protocol/api/common.ts'

/** A topic of a request, with what is asked of each of its partitions. */
interface RequestTopic<P> {
  readonly name: string
  readonly topicId?: string | undefined
  readonly partitions: readonly P[]
}

/** What a request asks of one partition, with the topic that it stands under. */
export type PartitionRow<P> = P & { readonly name: string; readonly topicId?: string | undefined }

/** All that a request asks, partition by partition. */
export function partitionRows<P>(topics: readonly RequestTopic<P>[]): readonly PartitionRow<P>[] {
  return topics.flatMap(({ name, topicId, partitions }) =>
    partitions.map((partition) => ({ ...partition, name, topicId })),
  )
}

/** The answers to `partitionRows`, one each, under their topics. */
export function answerTopics<P, R>(
  topics: readonly RequestTopic<P>[],
  answers: readonly R[],
): readonly TopicOf<R>[] {
  let next = 0
  return topics.map(({ name, topicId, partitions }) => {
    const own = answers.slice(next, next + partitions.length)
    next += partitions.length
    return { name, ...(topicId === undefined ? {} : { topicId }), partitions: own }
  })
}
