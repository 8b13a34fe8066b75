import { StratologError, type Transport } from '../../client/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { ClientPlan } from './client-plan.ts'
import type { historyWriter } from './history-file.ts'

/** What a producer and a consumer are made of. */
export interface Client {
  readonly plan: ClientPlan
  readonly log: Transport
  readonly history: ReturnType<typeof historyWriter>
  readonly random: SeededRandom
  readonly isOver: () => boolean
  /** Waits up to `maxMs`. */
  readonly pause: (maxMs: number) => Promise<void>
}

/** What a client has to live with while the service and its nodes come and go. */
const EXPECTED: ReadonlySet<string> = new Set([
  'NETWORK_EXCEPTION',
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'LEADER_NOT_AVAILABLE',
])

/** What `ask` answers, or the error it failed with; one that no fault explains is written down. */
export async function answerOf<T>(
  client: Client,
  what: string,
  ask: () => Promise<T | StratologError>,
  alsoExpected: readonly string[] = [],
): Promise<T | StratologError> {
  const answer = await ask().catch((error: unknown) => {
    if (error instanceof StratologError) return error
    throw error
  })
  if (answer instanceof StratologError) {
    const { errorName, message } = answer
    if (!EXPECTED.has(errorName) && !alsoExpected.includes(errorName)) {
      client.history.surprise(`${what} answered ${errorName}: ${message}`)
    }
  }
  return answer
}
