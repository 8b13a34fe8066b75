import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'

/** Whether the request was answered by now, whatever it had come to: nobody hears of what it does from here on. */
export function isAnswered({ clock, deadlineMs }: Pick<Deps, 'clock' | 'deadlineMs'>): boolean {
  return deadlineMs !== undefined && clock.nowMs() >= deadlineMs
}

/**
 * Stops what was not begun before the request was answered: it has no effect.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when it was answered by now
 */
export function throwIfAnswered(deps: Pick<Deps, 'clock' | 'deadlineMs'>): void {
  if (isAnswered(deps)) throw new KafkaError('KAFKA_STORAGE_ERROR', 'request took longer than it may')
}
