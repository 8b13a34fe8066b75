/** Everything below `offset` is processed; `leaderEpoch` is that of the record before it, −1 when it is not known. */
export interface Processed {
  readonly offset: number
  readonly leaderEpoch: number
}

/** A record that was handed out, and whether its handler is done. */
export interface InFlight {
  readonly processed: Processed
  isFinished: boolean
}

/**
 * What a partition's handlers have finished, from one position on. They may finish in any order: only what is below the
 * lowest unfinished record counts, since a consumer that begins there again misses none.
 */
export interface OffsetTracker {
  /** A record is handed out, or offsets that hold none are passed; offsets rise. `processed` is what finishing it makes true. */
  begin(processed: Processed): InFlight
  finish(inFlight: InFlight): void
  /** undefined while nothing was finished. */
  processed(): Processed | undefined
  unfinished(): number
}

/** Entries that were passed are forgotten by this many at a time. */
const FORGET_AT = 1024

/** A tracker; with `start`, what is below it counts as processed. */
export function offsetTracker(start?: Processed): OffsetTracker {
  const entries: InFlight[] = []
  let first = 0
  let processed = start
  return {
    begin: (reached) => {
      const inFlight = { processed: reached, isFinished: false }
      entries.push(inFlight)
      return inFlight
    },
    finish: (inFlight) => {
      inFlight.isFinished = true
      for (let entry = entries[first]; entry?.isFinished; entry = entries[first]) {
        processed = entry.processed
        first += 1
      }
      if (first < FORGET_AT) return
      entries.splice(0, first)
      first = 0
    },
    processed: () => processed,
    unfinished: () => entries.length - first,
  }
}
