import { assert, KafkaError } from '../protocol/kafka-error.ts'

const SEGMENT = /^[A-Za-z0-9._-]+$/

/**
 * Stops on a key that is not a relative path of `[A-Za-z0-9._-]` segments: none may lead out of a store's folder.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when the key is none
 */
export function assertObjectKey(key: string): void {
  const valid = key
    .split('/')
    .every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..')
  assert(valid, `object key is not a path key=${JSON.stringify(key)}`)
}

/**
 * Stops work that is no longer wanted.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when `signal` has aborted
 */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new KafkaError('KAFKA_STORAGE_ERROR', 'storage call aborted', { cause: signal.reason })
}
