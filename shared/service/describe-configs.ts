import {
  CLUSTER_RESOURCE,
  type ConfigEntry,
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
  type DescribedConfigs,
  TOPIC_RESOURCE,
} from '../protocol/api/configs.ts'
import { parseClusterConfigs } from '../protocol/cluster-configs.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { defaultTopicConfig, TOPIC_CONFIG_NAMES } from '../protocol/topic-configs.ts'
import type { Deps } from './deps.ts'
import { refuseTwice } from './named-twice.ts'
import { eachRow, rowOf } from './rows.ts'
import { effectiveConfig, readTopic, type Topic } from './topics.ts'

type Resource = DescribeConfigsRequest['resources'][number]

/**
 * The configs of topics and of the cluster, each with where its value comes from (Kafka's DescribeConfigs).
 *
 * @throws KafkaError INVALID_REQUEST when a resource stands in the request twice
 */
export async function describeConfigs(
  deps: Deps,
  request: DescribeConfigsRequest,
): Promise<DescribeConfigsResponse> {
  const { resources } = request
  refuseTwice(
    'resource',
    resources.map(({ resourceType, resourceName }) => `${resourceType}:${resourceName}`),
  )
  const results = await eachRow(deps, resources, async (resource): Promise<DescribedConfigs> => {
    const { resourceType, resourceName } = resource
    const row = await rowOf(deps, () => describeResource(deps, resource))
    return { resourceType, resourceName, configs: [], ...row }
  })
  return { results }
}

/** Every config of a topic, by name. */
export function topicConfigEntries(deps: Deps, topic: Topic): readonly ConfigEntry[] {
  return TOPIC_CONFIG_NAMES.map((name) => {
    const { value, source } = effectiveConfig(topic, deps.configs, name)
    const inherited = value === defaultTopicConfig(name) ? 5 : 4
    return {
      name,
      value,
      configSource: source === 'topic' ? 1 : inherited,
      readOnly: false,
      isSensitive: false,
    }
  })
}

async function describeResource(deps: Deps, resource: Resource) {
  const entries = await entriesOf(deps, resource)
  const { configurationKeys: wanted } = resource
  return {
    ...NO_ERROR,
    configs: wanted === null ? entries : entries.filter((entry) => wanted.includes(entry.name)),
  }
}

async function entriesOf(
  deps: Deps,
  { resourceType, resourceName }: Resource,
): Promise<readonly ConfigEntry[]> {
  if (resourceType === TOPIC_RESOURCE) return topicConfigEntries(deps, await readTopic(deps, resourceName))
  if (resourceType === CLUSTER_RESOURCE && resourceName === '') return clusterConfigEntries(deps)
  throw new KafkaError(
    'INVALID_REQUEST',
    `resource must be a topic (2) or the cluster (4, with an empty name) resourceType=${resourceType} resourceName=${resourceName}`,
  )
}

function clusterConfigEntries(deps: Deps): readonly ConfigEntry[] {
  const defaults = parseClusterConfigs({}, deps.nodes.size)
  return Object.entries(deps.configs).map(([name, value]) => ({
    name,
    value: String(value),
    configSource: value === defaults[name as keyof typeof defaults] ? 5 : 4,
    readOnly: true,
    isSensitive: false,
  }))
}
