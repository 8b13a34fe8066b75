import { KafkaError } from '../protocol/kafka-error.ts'
import { checkTopicConfigs, isTopicConfigName, type TopicConfigs } from '../protocol/topic-configs.ts'

/** One change of a config: Kafka's `AlterConfigOp`. */
interface ConfigChange {
  readonly name: string
  readonly configOperation: number
  readonly value: string | null
}

const SET = 0
const DELETE = 1
/** Of lists, which no topic config is here that has an effect. */
const APPEND = 2
const SUBTRACT = 3

/**
 * The configs that a topic has after incremental changes (KIP-339).
 *
 * @throws KafkaError INVALID_REQUEST when a config is changed twice, set to null, or by an operation that there is not
 * @throws KafkaError INVALID_CONFIG when it is unknown or cannot have the value, or is to be appended to or subtracted from
 */
export function alteredConfigs(
  configs: Readonly<Record<string, string>>,
  changes: readonly ConfigChange[],
): TopicConfigs {
  const altered = new Map(Object.entries(configs))
  const seen = new Set<string>()
  for (const change of changes) {
    const { name } = change
    if (seen.has(name)) throw new KafkaError('INVALID_REQUEST', `config is changed twice name=${name}`)
    seen.add(name)
    const value = valueAfter(change)
    if (value === undefined) altered.delete(name)
    else altered.set(name, value)
  }
  return checkTopicConfigs([...altered].map(([name, value]) => ({ name, value })))
}

/** What one change sets a config to; undefined for its default. */
function valueAfter({ name, configOperation, value }: ConfigChange): string | undefined {
  switch (configOperation) {
    case SET:
      if (value !== null) return value
      throw new KafkaError('INVALID_REQUEST', `config cannot be set to null name=${name}`)
    case DELETE:
      if (isTopicConfigName(name)) return undefined
      throw new KafkaError('INVALID_CONFIG', `unknown topic config name=${name}`)
    case APPEND:
    case SUBTRACT:
      throw new KafkaError('INVALID_CONFIG', `config can only be set or deleted name=${name}`)
    default:
      throw new KafkaError(
        'INVALID_REQUEST',
        `configOperation must be 0 (set) or 1 (delete) name=${name} configOperation=${configOperation}`,
      )
  }
}
