import type { TopicMetadata } from '../../shared/protocol/api/metadata.ts'
import { rowError, type StratologError } from '../errors.ts'
import type { Transport } from '../transport.ts'

/** A topic that is there, as far as a consumer looks at it. */
export interface KnownTopic {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  /** By partition index. */
  readonly leaderEpochs: readonly number[]
}

/** How many names one request asks for. */
const NAMES_PER_REQUEST = 1000

/**
 * Metadata of the topics of these names, or of all when `names` is undefined; those that are not there are left out,
 * `onMissing` is told why.
 *
 * @throws StratologError when the whole request failed
 */
export async function findTopics(
  transport: Transport,
  names: readonly string[] | undefined,
  signal: AbortSignal,
  onMissing: (name: string, error: StratologError) => void = () => {},
): Promise<Map<string, KnownTopic>> {
  const found = new Map<string, KnownTopic>()
  const add = (topics: readonly TopicMetadata[]) => {
    for (const topic of topics) {
      const error = rowError(topic)
      if (isThere(topic)) found.set(topic.name, knownTopic(topic))
      else if (error !== undefined && topic.name !== undefined) onMissing(topic.name, error)
    }
  }
  if (names !== undefined) {
    for (let at = 0; at < names.length; at += NAMES_PER_REQUEST) {
      const topics = names.slice(at, at + NAMES_PER_REQUEST).map((name) => ({ name }))
      add((await transport.call('metadata', { topics }, { signal })).topics)
    }
    return found
  }
  let nextToken: string | null = null
  do {
    const page: { readonly topics: readonly TopicMetadata[]; readonly nextToken: string | null } =
      await transport.call('metadata', { topics: null, nextToken }, { signal })
    add(page.topics)
    nextToken = page.nextToken
  } while (nextToken !== null)
  return found
}

type FoundTopic = Extract<TopicMetadata, { errorCode: 0 }>

function isThere(topic: TopicMetadata): topic is FoundTopic {
  return topic.errorCode === 0
}

function knownTopic({ name, topicId, isInternal, partitions }: FoundTopic): KnownTopic {
  const leaderEpochs = [...partitions]
    .sort((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ leaderEpoch }) => leaderEpoch)
  return { name, topicId, isInternal, leaderEpochs }
}
