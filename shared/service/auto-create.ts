import { KafkaError } from '../protocol/kafka-error.ts'
import { createTopics } from './create-topics.ts'
import type { Deps } from './deps.ts'
import { findTopic, readTopic, type Topic } from './topics.ts'

/**
 * The topic that a produce names. An unknown one is created with the cluster's defaults where
 * auto.create.topics.enable allows it, as Kafka does with Metadata.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when there is none and none may be made; INVALID_TOPIC_EXCEPTION
 */
export async function findOrCreateTopic(deps: Deps, name: string): Promise<Topic> {
  try {
    return await findTopic(deps, name)
  } catch (error) {
    const unknown = error instanceof KafkaError && error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION'
    if (!unknown || !deps.configs['auto.create.topics.enable']) throw error
  }
  const wanted = { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] }
  const { topics } = await createTopics(deps, { topics: [wanted], validateOnly: false })
  const [row] = topics
  if (row !== undefined && 'errorName' in row && row.errorName !== 'TOPIC_ALREADY_EXISTS') {
    throw new KafkaError(row.errorName, row.errorMessage)
  }
  return readTopic(deps, name)
}
