import { KafkaError } from './kafka-error.ts'
import { MAX_BATCH_BYTES } from './limits.ts'

interface ConfigRule {
  readonly defaultValue: string
  readonly check: (value: string) => boolean
  /** What `check` wants, for the error message. */
  readonly wants: string
}

const MAX_LONG = '9223372036854775807'

function integer(defaultValue: string, min: number, max?: number): ConfigRule {
  const check = (value: string) =>
    /^-?\d{1,19}$/.test(value) &&
    BigInt(value) >= BigInt(min) &&
    BigInt(value) <= (max === undefined ? BigInt(MAX_LONG) : BigInt(max))
  return { defaultValue, check, wants: `an integer of ${min} to ${max ?? MAX_LONG}` }
}

function oneOf(defaultValue: string, ...values: readonly string[]): ConfigRule {
  return { defaultValue, check: (value) => values.includes(value), wants: `one of ${values.join(', ')}` }
}

const flag = (defaultValue: 'true' | 'false'): ConfigRule => oneOf(defaultValue, 'true', 'false')

const anyText = (defaultValue: string): ConfigRule => ({ defaultValue, check: () => true, wants: 'a text' })

function ratio(defaultValue: string): ConfigRule {
  const check = (value: string) => /^\d*\.?\d+$/.test(value) && Number(value) <= 1
  return { defaultValue, check, wants: 'a number of 0 to 1' }
}

const cleanupPolicy: ConfigRule = {
  defaultValue: 'delete',
  check: (value) => value.split(',').every((policy) => ['delete', 'compact'].includes(policy.trim())),
  wants: 'delete, compact or both',
}

const MAX_INT = 2 ** 31 - 1

/**
 * Kafka's topic configs and defaults (`org.apache.kafka.common.config.TopicConfig`, Kafka 4).
 * min.insync.replicas alone has another default, because a lone replica on one zone is no promise.
 */
const TOPIC_CONFIGS = {
  'cleanup.policy': cleanupPolicy,
  'compression.gzip.level': integer('-1', -1, 9),
  'compression.lz4.level': integer('9', 1, 17),
  'compression.type': oneOf('producer', 'producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
  'compression.zstd.level': integer('3', -131072, 22),
  'delete.retention.ms': integer('86400000', 0),
  'file.delete.delay.ms': integer('60000', 0),
  'flush.messages': integer(MAX_LONG, 1),
  'flush.ms': integer(MAX_LONG, 0),
  'follower.replication.throttled.replicas': anyText(''),
  'index.interval.bytes': integer('4096', 0, MAX_INT),
  'leader.replication.throttled.replicas': anyText(''),
  'local.retention.bytes': integer('-2', -2),
  'local.retention.ms': integer('-2', -2),
  'max.compaction.lag.ms': integer(MAX_LONG, 1),
  'max.message.bytes': integer('1048588', 0, MAX_BATCH_BYTES),
  'message.timestamp.after.max.ms': integer('3600000', 0),
  'message.timestamp.before.max.ms': integer(MAX_LONG, 0),
  'message.timestamp.type': oneOf('CreateTime', 'CreateTime', 'LogAppendTime'),
  'min.cleanable.dirty.ratio': ratio('0.5'),
  'min.compaction.lag.ms': integer('0', 0),
  'min.insync.replicas': integer('2', 1, MAX_INT),
  preallocate: flag('false'),
  'remote.log.copy.disable': flag('false'),
  'remote.log.delete.on.disable': flag('false'),
  'remote.storage.enable': flag('false'),
  'retention.bytes': integer('-1', -1),
  'retention.ms': integer('604800000', -1),
  'segment.bytes': integer('1073741824', 1_048_576, MAX_INT),
  'segment.index.bytes': integer('10485760', 4, MAX_INT),
  'segment.jitter.ms': integer('0', 0),
  'segment.ms': integer('604800000', 1),
  'unclean.leader.election.enable': flag('false'),
} as const satisfies Record<string, ConfigRule>

/** The name of a topic config, as in Kafka. */
export type TopicConfigName = keyof typeof TOPIC_CONFIGS

/** What a topic's creator set, by config name; everything else has its default. */
export type TopicConfigs = Readonly<Partial<Record<TopicConfigName, string>>>

/** Every topic config name, sorted. */
export const TOPIC_CONFIG_NAMES = Object.keys(TOPIC_CONFIGS).sort() as readonly TopicConfigName[]

/** Kafka's default of a topic config (ours for min.insync.replicas). */
export function defaultTopicConfig(name: TopicConfigName): string {
  return TOPIC_CONFIGS[name].defaultValue
}

/**
 * The overrides in `configs`, checked.
 *
 * @throws KafkaError INVALID_CONFIG when a name is unknown, given twice or has a value it cannot have
 */
export function checkTopicConfigs(configs: readonly { name: string; value: string | null }[]): TopicConfigs {
  const checked: Partial<Record<TopicConfigName, string>> = {}
  for (const { name, value } of configs) {
    if (!isTopicConfigName(name)) throw new KafkaError('INVALID_CONFIG', `unknown topic config name=${name}`)
    if (name in checked) throw new KafkaError('INVALID_CONFIG', `topic config given twice name=${name}`)
    const rule = TOPIC_CONFIGS[name]
    if (value === null || !rule.check(value)) {
      throw new KafkaError('INVALID_CONFIG', `topic config must be ${rule.wants} name=${name} value=${value}`)
    }
    checked[name] = value
  }
  return checked
}

/** Whether Kafka knows a topic config of that name. */
export function isTopicConfigName(name: string): name is TopicConfigName {
  return Object.hasOwn(TOPIC_CONFIGS, name)
}
