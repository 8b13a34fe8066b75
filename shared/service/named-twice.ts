import { KafkaError } from '../protocol/kafka-error.ts'

/**
 * Refuses a request that names a partition twice, in one topic or by naming the topic twice. Of two answers for one
 * partition neither could be told from the other, and small requests would ask for work without end.
 *
 * @throws KafkaError INVALID_REQUEST
 */
export function refusePartitionsTwice(
  topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number }[]
  }[],
): void {
  refuseTwice(
    'partition',
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`),
    ),
  )
}

/**
 * Refuses a request that names a topic twice, by its name or by its id.
 *
 * @throws KafkaError INVALID_REQUEST
 */
export function refuseTopicsTwice(
  topics: readonly ({ readonly name: string } | { readonly topicId: string })[],
): void {
  refuseTwice(
    'topic',
    topics.map((topic) => ('name' in topic ? topic.name : `id:${topic.topicId}`)),
  )
}

/**
 * Refuses a request in which one of `names` stands twice; `kind` says what they are names of.
 *
 * @throws KafkaError INVALID_REQUEST
 */
export function refuseTwice(kind: string, names: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) {
      throw new KafkaError('INVALID_REQUEST', `${kind} stands in the request twice ${kind}=${name}`)
    }
    seen.add(name)
  }
}
