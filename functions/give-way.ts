import type { Clock } from '../shared/service/deps.ts'

/** How long one request keeps all others waiting: ten of them delay a small one by no more than a tenth of a second. */
const MAX_TURN_MS = 10

/** Those who gave way, first come, first served. */
const waiting: (() => void)[] = []
let turnBeganMs = 0

/** `Clock.giveWay` of this thread: one that waits goes on in each round of the event loop, and all that is small between two. */
export async function giveWay(): Promise<void> {
  if (performance.now() - turnBeganMs < MAX_TURN_MS) return
  await new Promise<void>((resolve) => {
    waiting.push(resolve)
    if (waiting.length === 1) setImmediate(beginTurn)
  })
}

function beginTurn(): void {
  turnBeganMs = performance.now()
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(beginTurn)
}

/** The clock of one request. Of its rows, which it works on many at a time, only one waits for a turn: a request with many has no more turns. */
export function clockOfRequest(clock: Clock): Clock {
  let last = Promise.resolve()
  return {
    ...clock,
    giveWay: () => {
      last = last.then(() => clock.giveWay())
      return last
    },
  }
}
