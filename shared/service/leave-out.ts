import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { asKafkaError } from './rows.ts'

/** What could not be done, as a line of the log says it. */
export interface LeftOut {
  readonly fact: string
  readonly about: Readonly<Record<string, unknown>>
}

/**
 * Logs what a controller could not do: it goes on with what else there is.
 *
 * @throws KafkaError NOT_CONTROLLER when that is why: another controller took over
 */
export function leaveOut(deps: Deps, { fact, about }: LeftOut, thrown: unknown): void {
  if (thrown instanceof KafkaError && thrown.errorName === 'NOT_CONTROLLER') throw thrown
  const { message } = asKafkaError(deps, thrown, about)
  deps.log.warn(fact, { ...about, error: message })
}

/** 1 when `work` fails, which is then left out, else 0; throws as `leaveOut` does. */
export async function countFailure(
  deps: Deps,
  leftOut: LeftOut,
  work: () => Promise<unknown>,
): Promise<number> {
  try {
    await work()
    return 0
  } catch (thrown) {
    leaveOut(deps, leftOut, thrown)
    return 1
  }
}
