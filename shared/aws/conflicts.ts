import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LIMITS } from '../protocol/limits.ts'
import { isConflict } from './dynamo-errors.ts'

/**
 * A write, sent again while another transaction is at work on a document of it: such a refusal has no effect, and says
 * nothing of the conditions.
 */
export async function throughConflicts<Answer>(send: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send()
    } catch (error) {
      if (tries >= LIMITS.transactionTries || !isConflict(error)) throw error
      // Those that met must not meet again.
      await sleep(randomInt(LIMITS.transactionRetryMs * 2 ** tries))
    }
  }
}
