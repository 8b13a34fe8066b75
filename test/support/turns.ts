import type { SeededRandom } from './seeded-random.ts'

/** Lets one of several waiting calls go on at a time, in an order that only the seed decides. */
export interface Turns {
  /** Waits for one's turn. */
  readonly wait: () => Promise<void>
}

/** A scheduler that wakes a random waiter whenever everything else has come to rest. */
export function newTurns(random: SeededRandom): Turns {
  const waiting: (() => void)[] = []
  let isRunning = false
  const wakeOne = () => {
    const [wake] = waiting.splice(random.integer(0, waiting.length - 1), 1)
    isRunning = wake !== undefined
    wake?.()
    // All that follows from the turn happens before the next one is given.
    if (isRunning) setImmediate(wakeOne)
  }
  return {
    wait: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        if (isRunning) return
        isRunning = true
        setImmediate(wakeOne)
      }),
  }
}
