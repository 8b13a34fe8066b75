import type {
  CreatedTopic,
  CreateTopicsRequest,
  CreateTopicsResponse,
  TopicToCreate,
} from '../protocol/api/topics.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { collisionKey } from '../protocol/names.ts'
import { isBeingDeleted } from '../store/items/topic-item.ts'
import { topicKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { planTopic } from './plan-topic.ts'
import { rowOf } from './rows.ts'
import { storeTopic, topicExists } from './store-topic.ts'
import { allTopics } from './topics.ts'

/** Creates topics (Kafka's CreateTopics); one that fails carries its error, the others are unaffected. */
export async function createTopics(deps: Deps, request: CreateTopicsRequest): Promise<CreateTopicsResponse> {
  const { topics, validateOnly } = request
  const byName = Map.groupBy(topics, (wanted) => wanted.name)
  const rows: CreatedTopic[] = []
  for (const wanted of topics) {
    const { name } = wanted
    const isTwice = (byName.get(name)?.length ?? 0) > 1
    const row = await rowOf(deps, async () => {
      if (isTwice) throw new KafkaError('INVALID_REQUEST', `topic stands in the request twice topic=${name}`)
      return createOne(deps, wanted, validateOnly)
    })
    rows.push({ name, ...row })
  }
  return { topics: rows }
}

async function createOne(deps: Deps, wanted: TopicToCreate, validateOnly: boolean) {
  const topic = planTopic(deps, wanted)
  await checkNameIsFree(deps, wanted.name)
  const { partitionCount: numPartitions, replicationFactor } = topic
  if (validateOnly) return { ...NO_ERROR, numPartitions, replicationFactor }
  await storeTopic(deps, topic)
  return { ...NO_ERROR, topicId: topic.topicId, numPartitions, replicationFactor }
}

/**
 * Names that differ only by `.` and `_` would be one in Kafka's metrics; only such names need a look at all the others.
 * A name whose topic is being deleted is as good as free: `storeTopic` finishes that first.
 */
async function checkNameIsFree(deps: Deps, name: string): Promise<void> {
  const item = await deps.documents.get(topicKey(name), 'strong')
  if (item !== undefined && !isBeingDeleted(item)) throw topicExists(name)
  if (!/[._]/.test(name)) return
  const key = collisionKey(name)
  const other = (await allTopics(deps)).find((topic) => collisionKey(topic.name) === key)
  if (other !== undefined) {
    throw new KafkaError(
      'INVALID_TOPIC_EXCEPTION',
      `topic name collides with another topic=${name} other=${other.name}`,
    )
  }
}
