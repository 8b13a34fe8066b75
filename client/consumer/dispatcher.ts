import { type AssignedPartition, bufferedRecords, takeRecords } from './assigned-partition.ts'
import type { Assignments } from './assignments.ts'
import type { PollHandler, Watch } from './poll-handlers.ts'

/** Hands records to handlers, partition by partition. */
export interface Dispatcher {
  /** From now on records are handed to this handler. */
  start(handler: PollHandler): void
  /** Begins what may begin: to be called when there are new records, or a partition may go on. */
  pump(): void
  /** Hands out nothing more. */
  stop(): void
  /** Resolves when no handler is at any of these partitions. */
  idle(partitions: readonly AssignedPartition[]): Promise<void>
  /** Since when the handler is at work that has taken longest; undefined when none is. */
  oldestStartMs(): number | undefined
  readonly watch: Watch
}

/** A dispatcher that waits for its handler. Partitions take turns, a poll of at most `maxPollRecords` each. */
export function newDispatcher(given: {
  readonly assignments: Assignments
  readonly maxPollRecords: number
  readonly partitionsConsumedConcurrently: number
  readonly now: () => number
  /** Told when a partition has little left. */
  readonly onDrained: () => void
  /** Told what a handler failed with. */
  readonly onFailure: (error: unknown) => void
}): Dispatcher {
  const { assignments, maxPollRecords, now } = given
  const starts = new Set<{ readonly atMs: number }>()
  let handler: PollHandler | undefined
  let running = 0
  let lastPolled: AssignedPartition | undefined

  const isReady = (assigned: AssignedPartition) =>
    assigned.polling === undefined &&
    !(assigned.isPaused || assigned.isStarting || assigned.isStopping) &&
    assigned.failure === undefined &&
    bufferedRecords(assigned) > 0

  const nextReady = () => {
    const all = assignments.all()
    const at = lastPolled === undefined ? 0 : all.indexOf(lastPolled) + 1
    return [...all.slice(at), ...all.slice(0, at)].find(isReady)
  }

  const pump = () => {
    while (handler !== undefined && running < given.partitionsConsumedConcurrently) {
      const assigned = nextReady()
      if (assigned === undefined) return
      lastPolled = assigned
      running += 1
      assigned.polling = poll(assigned, handler)
    }
  }

  const poll = async (assigned: AssignedPartition, handle: PollHandler) => {
    const taken = takeRecords(assigned, maxPollRecords)
    if (bufferedRecords(assigned) < maxPollRecords) given.onDrained()
    try {
      await handle(assigned, taken)
    } catch (error) {
      given.onFailure(error)
    }
    assigned.polling = undefined
    running -= 1
    pump()
  }

  return {
    start: (started) => {
      handler = started
      pump()
    },
    pump,
    stop: () => {
      handler = undefined
    },
    idle: async (partitions) => {
      await Promise.all(partitions.map(({ polling }) => polling))
    },
    oldestStartMs: () => starts.values().next().value?.atMs,
    watch: async (call) => {
      const start = { atMs: now() }
      starts.add(start)
      try {
        return await call()
      } finally {
        starts.delete(start)
      }
    },
  }
}
