import type { Transport } from '../client/index.ts'
import { type ConfigEntry, TOPIC_RESOURCE } from '../shared/protocol/api/configs.ts'
import type { MetadataResponse, PartitionMetadata, TopicMetadata } from '../shared/protocol/api/metadata.ts'
import { printAnswer } from './answer.ts'
import { AT_ONCE, type Context } from './context.ts'
import type { FoundTopic } from './find-topic.ts'
import { describedText, partitionsText } from './topic-text.ts'

/** Which partitions are shown: all of them, or those in one of these states. */
export interface DescribeOptions {
  readonly underReplicated?: true
  readonly unavailable?: true
}

/** Ten million topics: more would be a service that never ends its list. */
const MAX_PAGES = 10_000
/** All configs of so many topics are an answer of a few megabytes. */
const RESOURCES_PER_REQUEST = 1000

/** Shows topics with their configs and partitions, all of them unless some are named. */
export async function describeTopics(
  names: readonly string[],
  options: DescribeOptions,
  context: Context,
): Promise<void> {
  const transport = context.connect(AT_ONCE)
  const { signal } = context
  const answer =
    names.length === 0
      ? await allTopics(transport, true, signal)
      : await transport.call(
          'metadata',
          { topics: names.map((name) => ({ name })), includeOffsets: true },
          { signal },
        )
  const rows = names.length === 0 ? [] : answer.topics
  const isAsked = partitionFilter(options)
  if (isAsked === undefined) return describeWhole(transport, { answer, rows }, context)
  const topics = answer.topics.flatMap((topic): readonly TopicMetadata[] => {
    if (!isFound(topic)) return [topic]
    const partitions = topic.partitions.filter(isAsked)
    return partitions.length === 0 ? [] : [{ ...topic, partitions }]
  })
  const text = () => topics.filter(isFound).map(partitionsText).join('')
  await printAnswer(context, { answer: { ...answer, topics }, rows, text })
}

/** Every page of the topics as one answer. */
export async function allTopics(
  transport: Transport,
  includeOffsets: boolean,
  signal: AbortSignal,
): Promise<MetadataResponse> {
  const read = (nextToken: string | null) =>
    transport.call('metadata', { topics: null, includeOffsets, nextToken }, { signal })
  let answer = await read(null)
  for (let pages = 1; answer.nextToken !== null && pages < MAX_PAGES; pages += 1) {
    const page = await read(answer.nextToken)
    answer = { ...page, topics: [...answer.topics, ...page.topics] }
  }
  return answer
}

/** Whether a row of the answer is of a topic that is there. */
export function isFound(topic: TopicMetadata): topic is FoundTopic {
  return topic.errorCode === 0
}

async function describeWhole(
  transport: Transport,
  { answer, rows }: { answer: MetadataResponse; rows: MetadataResponse['topics'] },
  context: Context,
): Promise<void> {
  const configs = await configsOf(transport, answer.topics.filter(isFound), context.signal)
  const topics = answer.topics.map((topic) =>
    isFound(topic) ? { ...topic, configs: configs.get(topic.name) ?? [] } : topic,
  )
  await printAnswer(context, {
    answer: { ...answer, topics },
    rows,
    text: () =>
      answer.topics
        .filter(isFound)
        .map((topic) => describedText(topic, configs.get(topic.name) ?? []))
        .join(''),
  })
}

/** As kafka-topics --under-replicated-partitions and --unavailable-partitions; undefined when all are wanted. */
export function partitionFilter({ underReplicated, unavailable }: DescribeOptions) {
  if (underReplicated === undefined && unavailable === undefined) return undefined
  return ({ isrNodes, replicaNodes, leaderId }: PartitionMetadata): boolean =>
    (underReplicated === true && isrNodes.length < replicaNodes.length) ||
    (unavailable === true && leaderId === -1)
}

/** The configs of each topic by its name; none for one that was deleted meanwhile. */
async function configsOf(
  transport: Transport,
  topics: readonly FoundTopic[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly ConfigEntry[]>> {
  const resources = topics.map(({ name }) => ({ resourceType: TOPIC_RESOURCE, resourceName: name }))
  const configs = new Map<string, readonly ConfigEntry[]>()
  for (let from = 0; from < resources.length; from += RESOURCES_PER_REQUEST) {
    const some = resources.slice(from, from + RESOURCES_PER_REQUEST)
    const { results } = await transport.call('describe-configs', { resources: some }, { signal })
    for (const result of results) configs.set(result.resourceName, result.configs)
  }
  return configs
}
