import { type AnsweredRow, rowError, type Transport } from '../client/index.ts'
import { CLUSTER_RESOURCE } from '../shared/protocol/api/configs.ts'
import { type FoundTopic, findTopic, hasPartition, unknownPartition } from './find-topic.ts'

/** What is to be produced to. */
export interface TopicToOpen {
  readonly name: string
  /** What metadata said of it; undefined when there is no such topic yet. */
  readonly known: FoundTopic | undefined
  /** The only partition that will be written, if the user named one. */
  readonly partition: number | undefined
}

/**
 * The topic to produce to. One that does not exist is created first, if the cluster creates topics on produce, because
 * a key's partition depends on how many there are.
 *
 * @throws StratologError UNKNOWN_TOPIC_OR_PARTITION when there is no such topic or partition and none is created
 */
export async function openTopic(
  transport: Transport,
  wanted: TopicToOpen,
  signal: AbortSignal,
): Promise<FoundTopic> {
  const { name, partition } = wanted
  // as the service: a topic is created by its partition 0 only
  const mayCreate = wanted.known === undefined && (partition ?? 0) === 0
  const topic = mayCreate ? await createTopic(transport, name, signal) : wanted.known
  if (topic === undefined || !hasPartition(topic, partition)) throw unknownPartition(name, partition)
  return topic
}

async function createTopic(
  transport: Transport,
  name: string,
  signal: AbortSignal,
): Promise<FoundTopic | undefined> {
  const resource = { resourceType: CLUSTER_RESOURCE, resourceName: '' }
  const described = await transport.call('describe-configs', { resources: [resource] }, { signal })
  const [cluster] = described.results
  throwRow(cluster)
  const configs = cluster !== undefined && 'configs' in cluster ? cluster.configs : []
  const isAllowed = configs.find((config) => config.name === 'auto.create.topics.enable')?.value === 'true'
  if (!isAllowed) return undefined
  const created = await transport.call('create-topics', { topics: [{ name }] }, { signal })
  const error = created.topics[0] && rowError(created.topics[0])
  if (error !== undefined && error.errorName !== 'TOPIC_ALREADY_EXISTS') throw error
  return findTopic(transport, name, signal)
}

function throwRow(row: AnsweredRow | undefined): void {
  const error = row && rowError(row)
  if (error !== undefined) throw error
}
