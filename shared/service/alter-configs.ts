import { alteredConfigs } from '../core/alter-configs.ts'
import { set } from '../core/update-plan.ts'
import {
  type AlterConfigsRequest,
  type AlterConfigsResponse,
  type AlteredResource,
  CLUSTER_RESOURCE,
  TOPIC_RESOURCE,
} from '../protocol/api/configs.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { checkTopicName } from '../protocol/names.ts'
import { topicKey } from '../store/keys.ts'
import { updateDocument } from '../store/update.ts'
import type { Deps } from './deps.ts'
import { refuseTwice } from './named-twice.ts'
import { asKafkaError, rowOf } from './rows.ts'
import { settleMinIsr } from './settle-min-isr.ts'
import { changeTopic, existingTopic, type Topic } from './topics.ts'

type Resource = AlterConfigsRequest['resources'][number]

/** The one config that stands in the heads, too. */
const MIN_INSYNC_REPLICAS = 'min.insync.replicas'

/**
 * Changes configs of topics, those that are named and no others (Kafka's IncrementalAlterConfigs). All changes of a
 * resource are made, or none. Other environments know of them when they next read the topic.
 *
 * @throws KafkaError INVALID_REQUEST when a resource stands in the request twice
 */
export async function alterConfigs(
  deps: Deps,
  { resources, validateOnly }: AlterConfigsRequest,
): Promise<AlterConfigsResponse> {
  refuseTwice(
    'resource',
    resources.map(({ resourceType, resourceName }) => `${resourceType}:${resourceName}`),
  )
  const responses: AlteredResource[] = []
  for (const resource of resources) {
    await deps.clock.giveWay()
    const { resourceType, resourceName } = resource
    const row = await rowOf(deps, () => alterResource(deps, resource, validateOnly))
    responses.push({ resourceType, resourceName, ...row })
  }
  return { responses }
}

async function alterResource(deps: Deps, resource: Resource, validateOnly: boolean) {
  const { resourceType, resourceName: name, configs } = resource
  checkIsTopic(resource)
  checkTopicName(name)
  const topic = await storeConfigs(deps, resource, validateOnly)
  const isInHeads = configs.some((config) => config.name === MIN_INSYNC_REPLICAS)
  if (isInHeads && !validateOnly) await settle(deps, topic)
  return { ...NO_ERROR, resourceType }
}

function checkIsTopic({ resourceType, resourceName }: Resource): void {
  if (resourceType === TOPIC_RESOURCE) return
  const fact =
    resourceType === CLUSTER_RESOURCE
      ? 'configs of the cluster (4) are set where it is started or deployed'
      : 'resource must be a topic (2)'
  throw new KafkaError('INVALID_REQUEST', `${fact} resourceType=${resourceType} resourceName=${resourceName}`)
}

/** The topic with its new configs. */
async function storeConfigs(
  deps: Deps,
  { resourceName: name, configs: changes }: Resource,
  validateOnly: boolean,
): Promise<Topic> {
  try {
    const item = await updateDocument(deps.documents, topicKey(name), (stored) => {
      const topic = existingTopic(name, stored)
      const configs = alteredConfigs(topic.configs, changes)
      return validateOnly ? undefined : { plan: changeTopic(topic, [set(['configs'], configs)]) }
    })
    return existingTopic(name, item)
  } finally {
    deps.caches.topics.delete(name)
  }
}

/** What goes wrong here must not be told as if nothing was stored. */
async function settle(deps: Deps, topic: Topic): Promise<void> {
  try {
    await settleMinIsr(deps, topic)
  } catch (thrown) {
    const { errorName, message } = asKafkaError(deps, thrown)
    if (errorName === 'REQUEST_TIMED_OUT') throw thrown
    throw new KafkaError('REQUEST_TIMED_OUT', `config is stored: ${message}`, { cause: thrown })
  }
}
