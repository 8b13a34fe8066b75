import * as z from 'zod'
import { KafkaError } from './kafka-error.ts'
import { MAX_BATCH_BYTES, MAX_PARTITIONS } from './limits.ts'

const integer = (min: number, max: number) => {
  const wants = `an integer of ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,16}$/, wants)
    .transform(Number)
    .refine((value) => value >= min && value <= max, wants)
}
const flag = z
  .string()
  .regex(/^(true|false)$/, 'one of true, false')
  .transform((value) => value === 'true')

/** The message of each rule is what it wants. */
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
 * @throws KafkaError INVALID_CONFIG when a name is unknown, its value is not one it can have, or topics would by default
 *   have more replicas than there are nodes
 */
export function parseClusterConfigs(
  given: Readonly<Record<string, string>>,
  nodeCount: number,
): ClusterConfigs {
  const parsed = clusterConfigs.safeParse(given)
  if (!parsed.success) throw invalid(parsed.error, given)
  const replicationFactor = parsed.data['default.replication.factor'] ?? Math.min(3, nodeCount)
  if (replicationFactor > nodeCount) {
    const fact = 'cluster config must be at most the number of nodes'
    throw new KafkaError(
      'INVALID_CONFIG',
      `${fact} name=default.replication.factor value=${replicationFactor} nodes=${nodeCount}`,
    )
  }
  return { ...parsed.data, 'default.replication.factor': replicationFactor }
}

function invalid(error: z.ZodError, given: Readonly<Record<string, string>>): KafkaError {
  const [issue] = error.issues
  if (issue?.code === 'unrecognized_keys') {
    return new KafkaError('INVALID_CONFIG', `unknown cluster config name=${issue.keys[0]}`)
  }
  const name = issue?.path.join('.') ?? ''
  return new KafkaError(
    'INVALID_CONFIG',
    `cluster config must be ${issue?.message} name=${name} value=${given[name]}`,
  )
}
