import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { malformed } from './envelope.ts'

const MAX_PARTITION_INDEX = 2 ** 31 - 1
/** What a caller sent may be of any length: no more of it than tells what it was. */
const MAX_SHOWN_LENGTH = 100

/**
 * A partition named in a path.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION (40402) when no partition can have that number
 */
export function pathPartition(text: string): number {
  const partition = /^\d{1,10}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
  if (partition <= MAX_PARTITION_INDEX) return partition
  const message = `no partition has such a number partition=${text.slice(0, MAX_SHOWN_LENGTH)}`
  throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', message, { restCode: 40402 })
}

/**
 * An integer of the query; undefined when it is not there.
 *
 * @throws KafkaError INVALID_REQUEST (422) when it is not an integer of `min` to `max`
 */
export function queryInteger(
  query: URLSearchParams,
  name: string,
  range: { readonly min: number; readonly max: number },
): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^-?\d+$/.test(text)) throw malformed('rest', `${name}: must be an integer`)
  const value = Number(text)
  if (value >= range.min && value <= range.max) return value
  throw malformed('rest', `${name}: must be an integer of ${range.min} to ${range.max}`)
}
