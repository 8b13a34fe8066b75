import type { ConsumerRecord } from './consumer-record.ts'
import { consumerRecord, type PollHandler, type Watch } from './poll-handlers.ts'

/** Records one by one, to whoever asks for the next: what it was given before is processed then. */
export interface RecordQueue {
  /** Hands records to `next`, and waits for it. */
  readonly handler: PollHandler
  /** The next record; rejects with the reason when it ended so, undefined when it just ended. */
  next(): Promise<ConsumerRecord | undefined>
  /** What was given last is processed, although the next one was not asked for yet. */
  finish(): void
  /** No further records. */
  end(reason: { readonly error: unknown } | undefined): void
}

interface Waiter {
  readonly resolve: (record: ConsumerRecord | undefined) => void
  readonly reject: (error: unknown) => void
}

interface Given {
  readonly record: ConsumerRecord
  readonly finish: () => void
  readonly release: () => void
}

/** A queue for one reader. The time between two calls of `next` is what `watch` sees of a handler. */
export function recordQueue(watch: Watch): RecordQueue {
  const ready: Given[] = []
  let current: Given | undefined
  let waiter: Waiter | undefined
  let ended: { readonly reason: { readonly error: unknown } | undefined } | undefined

  const hand = () => {
    if (waiter === undefined) return
    const { resolve, reject } = waiter
    const next = ready.shift()
    if (next !== undefined) {
      current = next
      resolve(next.record)
    } else if (ended?.reason !== undefined) {
      reject(ended.reason.error)
    } else if (ended !== undefined) {
      resolve(undefined)
    } else {
      return
    }
    waiter = undefined
  }

  const release = () => {
    current?.release()
    current = undefined
  }

  return {
    handler: async (assigned, taken) => {
      const { stamp, tracker } = assigned
      for (const [at, { record, inFlight }] of taken.entries()) {
        const isOver = ended !== undefined || assigned.isPaused || assigned.isStopping
        if (isOver || assigned.stamp !== stamp) {
          if (assigned.stamp === stamp) assigned.held.unshift(...taken.slice(at))
          return
        }
        await watch(() => {
          const { promise, resolve } = Promise.withResolvers<void>()
          const finish = () => tracker.finish(inFlight)
          ready.push({ record: consumerRecord(assigned, record), finish, release: resolve })
          hand()
          return promise
        })
      }
    },
    next: () => {
      current?.finish()
      release()
      return new Promise((resolve, reject) => {
        waiter = { resolve, reject }
        hand()
      })
    },
    finish: () => current?.finish(),
    end: (reason) => {
      ended ??= { reason }
      for (const { release: free } of ready.splice(0)) free()
      release()
      hand()
    },
  }
}
