import type { Clock } from '../../shared/service/deps.ts'

/** Something a process waits for that comes with time alone. */
export interface Timer {
  readonly atMs: number
  readonly what: string
  fire(): void
}

/** Time that passes only when nothing else is left to do. */
export function exploredClock(nowMs: () => number, process: () => { readonly timers: Set<Timer> }): Clock {
  return {
    nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve()
        const { timers } = process()
        const timer: Timer = { atMs: nowMs() + ms, what: `slept ${ms} ms`, fire: resolve }
        timers.add(timer)
        signal?.addEventListener('abort', () => {
          timers.delete(timer)
          resolve()
        })
      }),
    timeout: (ms) => {
      const { timers } = process()
      const controller = new AbortController()
      const timer: Timer = {
        atMs: nowMs() + ms,
        what: `time-out of ${ms} ms`,
        fire: () => controller.abort(),
      }
      timers.add(timer)
      return { signal: controller.signal, cancel: () => timers.delete(timer) }
    },
    giveWay: async () => undefined,
  }
}
