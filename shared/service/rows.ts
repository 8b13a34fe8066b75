import { type ErrorRow, errorRow, KafkaError } from '../protocol/kafka-error.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'

/**
 * What `work` answers for one partition, topic or resource, or the row of what it throws. It never rejects: the other
 * rows of the request go on, and nothing of them may be left to run after the answer.
 */
export async function rowOf<R>(deps: Pick<Deps, 'log'>, work: () => Promise<R>): Promise<R | ErrorRow> {
  try {
    return await work()
  } catch (thrown) {
    return errorRow(asKafkaError(deps, thrown))
  }
}

/** Runs `work` for every row of a request, some at a time, and lets other requests have their turn between two; result i is of row i. */
export function eachRow<T, R>(
  deps: Pick<Deps, 'clock' | 'limits'>,
  rows: readonly T[],
  work: (row: T, position: number) => Promise<R>,
): Promise<R[]> {
  return concurrently(rows, deps.limits.parallelRows, async (row, position) => {
    if (position > 0) await deps.clock.giveWay()
    return work(row, position)
  })
}

/** What a line of the log says beside its message. */
type Facts = Readonly<Record<string, unknown>>

/** What was thrown, as an error to answer with. What is no KafkaError, or a broken invariant, is a bug: logged with its stack. */
export function asKafkaError({ log }: Pick<Deps, 'log'>, thrown: unknown, facts: Facts = {}): KafkaError {
  if (thrown instanceof KafkaError && thrown.errorName !== 'UNKNOWN_SERVER_ERROR') return thrown
  log.error('unexpected error', { ...facts, stack: thrown instanceof Error ? thrown.stack : String(thrown) })
  if (thrown instanceof KafkaError) return thrown
  return new KafkaError('UNKNOWN_SERVER_ERROR', 'unexpected error: the log has it', { cause: thrown })
}
