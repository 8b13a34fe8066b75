import type { RetryDeps } from '../retry.ts'

/** Wakes one sleeper before its time; one that rings while nobody sleeps ends the next sleep at once. */
export interface Alarm {
  /**
   * Sleeps `ms`, or until it rings when that is undefined.
   *
   * @throws unknown the signal's reason, when it was aborted
   */
  wait(ms: number | undefined, signal: AbortSignal): Promise<void>
  ring(): void
}

/** An alarm that has not rung. */
export function newAlarm(deps: Pick<RetryDeps, 'sleep'>): Alarm {
  let hasRung = false
  let sleeper: AbortController | undefined
  return {
    wait: async (ms, signal) => {
      signal.throwIfAborted()
      if (!hasRung) {
        sleeper = new AbortController()
        const until = AbortSignal.any([signal, sleeper.signal])
        try {
          await (ms === undefined ? aborted(until) : deps.sleep(ms, until))
        } catch (error) {
          if (!sleeper.signal.aborted) throw error
        }
        sleeper = undefined
      }
      hasRung = false
      signal.throwIfAborted()
    },
    ring: () => {
      hasRung = true
      sleeper?.abort()
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
