import { KafkaError } from './kafka-error.ts'

const TOPIC_NAME = /^[A-Za-z0-9._-]{1,249}$/

/**
 * Checks a topic name as Kafka's `Topic.validate` does.
 *
 * @throws KafkaError INVALID_TOPIC_EXCEPTION when it is empty, `.` or `..`, longer than 249 or has another character than [A-Za-z0-9._-]
 */
export function checkTopicName(name: string): void {
  if (!TOPIC_NAME.test(name) || name === '.' || name === '..') {
    throw new KafkaError(
      'INVALID_TOPIC_EXCEPTION',
      `topic name must be 1 to 249 of [A-Za-z0-9._-] and not . or .. name=${JSON.stringify(name.slice(0, 300))}`,
    )
  }
}

/** Two names with the same collision key look alike in Kafka's metric names, where `.` and `_` are one. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

/**
 * A text that users chose freely as it stands in a key: percent-encoded, so that of what is not a letter or digit only
 * `-_.!*'()%` is left. A tilde ends the ranges of keys.
 */
export function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll('~', '%7E')
}
