import * as z from 'zod'
import { KafkaError } from './kafka-error.ts'
import { MAX_BATCH_BYTES, MAX_PARTITIONS } from './limits.ts'

const text = (pattern: RegExp) => z.string().regex(pattern)
const integer = (min: number, max: number) =>
  text(/^\d{1,16}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be an integer of ${min} to ${max}`)
const flag = text(/^(true|false)$/).transform((value) => value === 'true')

const clusterConfigs = z.strictObject({
  'auto.create.topics.enable': flag.default(true),
  'num.partitions': integer(1, MAX_PARTITIONS).default(1),
  'default.replication.factor': integer(1, 1000).optional(),
  'min.insync.replicas': integer(1, 1000).default(2),
  'group.initial.rebalance.delay.ms': integer(0, 3_600_000).default(3000),
  'group.min.session.timeout.ms': integer(1, 3_600_000).default(6000),
  'group.max.session.timeout.ms': integer(1, 86_400_000).default(1_800_000),
  'offsets.retention.minutes': integer(1, 10_000_000).default(10_080),
  'message.max.bytes': integer(0, MAX_BATCH_BYTES).default(1_048_588),
})

/** What the operator set for the whole cluster, with Kafka's broker config names and defaults. */
export type ClusterConfigs = z.infer<typeof clusterConfigs> & { 'default.replication.factor': number }

/**
 * The cluster's configs from texts by name.
 *
 * @throws KafkaError INVALID_CONFIG when a name is unknown or its value is not one it can have
 */
export function parseClusterConfigs(
  given: Readonly<Record<string, string>>,
  nodeCount: number,
): ClusterConfigs {
  const parsed = clusterConfigs.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const name = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.')
    throw new KafkaError(
      'INVALID_CONFIG',
      `cluster config name=${name} value=${given[name ?? '']}: ${issue?.message}`,
    )
  }
  return {
    ...parsed.data,
    'default.replication.factor': parsed.data['default.replication.factor'] ?? Math.min(3, nodeCount),
  }
}
