import type { StratologError } from '../errors.ts'
import type { Transport } from '../transport.ts'
import type { ResolvedOptions } from './consumer-options.ts'
import type { Dispatcher } from './dispatcher.ts'
import { groupAnswer } from './group-calls.ts'
import type { Membership } from './membership.ts'

/**
 * Tells the group that the member is alive, whatever its handlers are at, until the signal is aborted; leaves it for one whose
 * handler takes too long (Kafka's `max.poll.interval.ms`): others are to go on with what it has.
 */
export async function runHeartbeats(given: {
  readonly transport: Transport
  readonly groupId: string
  readonly options: ResolvedOptions
  readonly dispatcher: Dispatcher
  readonly membership: Membership
  readonly onWarning: (error: StratologError) => void
  readonly onSlowHandler: (sinceMs: number) => void
  readonly signal: AbortSignal
}): Promise<void> {
  const { transport, groupId, options, membership, signal } = given
  const intervalMs = Math.min(options.heartbeatIntervalMs, options.maxPollIntervalMs)
  for (;;) {
    await transport.sleep(intervalMs, signal)
    const sinceMs = given.dispatcher.oldestStartMs()
    const identity = membership.beatingAs()
    if (identity === undefined) continue
    if (sinceMs !== undefined && transport.now() - sinceMs >= options.maxPollIntervalMs) {
      given.onSlowHandler(sinceMs)
      await membership.leave('max.poll.interval.ms is over')
      continue
    }
    // An answer that does not come must not use up the session.
    const deadlineMs = transport.now() + Math.max(options.heartbeatIntervalMs, options.sessionTimeoutMs / 3)
    const beaten = await groupAnswer(
      transport.call('heartbeat', { groupId, ...identity }, { signal, deadlineMs }),
    )
    if ('error' in beaten) membership.refused(beaten.error, identity)
    if ('error' in beaten && beaten.error.retriable) given.onWarning(beaten.error)
  }
}
