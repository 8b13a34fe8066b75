import { createHash } from 'node:crypto'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'

/** Something that will happen; until it does it can be taken back. */
export interface Event {
  readonly atMs: number
  readonly what: string
  cancelled: boolean
}

/** A line of the trace: an event, or what became of it. */
export interface TraceEntry {
  readonly kind: 'event' | 'note'
  readonly atMs: number
  /** The number of the event. */
  readonly step: number
  readonly what: string
}

/** Virtual time, and the order in which all that is under way happens: both decided by the seed alone. */
export interface Scheduler {
  readonly random: SeededRandom
  nowMs(): number
  /** How many events happened so far. */
  steps(): number
  /** Runs `happen` after `delayMs`, or a little before or after others that are due at about that time. */
  after(delayMs: number, what: string, happen: () => void): Event
  /** Whether something with a chance of one in `oneIn` comes true; never for 0. */
  chance(oneIn: number): boolean
  pick<T>(from: readonly [T, ...T[]]): T
  /** Lets events happen until `isOver`, none is left, or there were `maxSteps`: then false. */
  run(isOver: () => boolean, maxSteps: number): Promise<boolean>
  /** A fingerprint of all that happened. */
  hash(): string
  /** Tells the trace what becomes of the event that happens now: no part of the fingerprint. */
  note(what: string): void
  /** Told of every event, in order, and of what is noted between them. */
  onEvent: ((entry: TraceEntry) => void) | undefined
}

/** Of the events that are due first one is picked: their order is what is tried out. */
const EARLIEST = 4
/** Only events so close together change places: the next tick of a clock does not come before an answer. */
const WINDOW_MS = 20
/** Characters of the trace: a call for each event would take as long as the event. */
const HASHED_AT_ONCE = 8192

/** A scheduler whose clock begins at `startMs`. */
export function newScheduler(seed: number, startMs: number): Scheduler {
  const random = seededRandom(seed)
  const queue = eventQueue()
  const hash = createHash('sha1')
  let nowMs = startMs
  let steps = 0
  let unhashed = ''

  const next = (): Queued | undefined => {
    const earliest = queue.earliest(EARLIEST)
    const [first] = earliest
    if (first === undefined) return undefined
    const near = earliest.filter(({ event }) => event.atMs <= first.event.atMs + WINDOW_MS)
    const chosen = near[random.integer(0, near.length - 1)] ?? first
    queue.remove(chosen)
    return chosen
  }

  const scheduler: Scheduler = {
    random,
    nowMs: () => nowMs,
    steps: () => steps,
    after: (delayMs, what, happen) => {
      const event: Event = { atMs: nowMs + Math.max(0, Math.round(delayMs)), what, cancelled: false }
      queue.add({ event, happen })
      return event
    },
    chance: (oneIn) => oneIn > 0 && random.integer(1, oneIn) === 1,
    pick: (from) => from[random.integer(0, from.length - 1)] ?? from[0],
    run: async (isOver, maxSteps) => {
      const lastStep = steps + maxSteps
      for (;;) {
        // Everything that follows from the event before has come to rest on a port again.
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (isOver()) return true
        if (steps >= lastStep) return false
        const chosen = next()
        if (chosen === undefined) return isOver()
        nowMs = Math.max(nowMs, chosen.event.atMs)
        steps += 1
        unhashed += `${nowMs} ${chosen.event.what}\n`
        if (unhashed.length > HASHED_AT_ONCE) {
          hash.update(unhashed)
          unhashed = ''
        }
        scheduler.onEvent?.({ kind: 'event', atMs: nowMs, step: steps, what: chosen.event.what })
        chosen.happen()
      }
    },
    note: (what) => scheduler.onEvent?.({ kind: 'note', atMs: nowMs, step: steps, what }),
    hash: () => hash.copy().update(unhashed).digest('hex'),
    onEvent: undefined,
  }
  return scheduler
}

interface Queued {
  readonly event: Event
  readonly happen: () => void
}

/** Events by time, those of one time in the order in which they were added. */
function eventQueue() {
  const events: Queued[] = []
  return {
    add(queued: Queued): void {
      let low = 0
      let high = events.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((events[middle]?.event.atMs ?? 0) <= queued.event.atMs) low = middle + 1
        else high = middle
      }
      events.splice(low, 0, queued)
    },
    earliest(count: number): readonly Queued[] {
      while (events[0]?.event.cancelled === true) events.shift()
      const found: Queued[] = []
      for (const queued of events) {
        if (found.length === count) break
        if (!queued.event.cancelled) found.push(queued)
      }
      return found
    },
    remove(queued: Queued): void {
      events.splice(events.indexOf(queued), 1)
    },
  }
}
