import type { StratologError } from '../errors.ts'
import type { ResetReason } from './assigned-partition.ts'
import type { TopicPartition } from './consumer-record.ts'

/** What a consumer tells, besides its records. */
export interface ConsumerEvents {
  /**
   * A partition cannot be read on (it stands still until it is told a new position by `seek`), or, `isFatal`, the consumer has
   * ended. Where nobody listens, the former ends it too.
   */
  error: {
    readonly error: unknown
    readonly isFatal: boolean
    readonly partitions: readonly TopicPartition[]
  }
  /** What went wrong and is being dealt with: a commit that was refused, a generation that was lost, a service out of reach, a topic that is not there. */
  warning: { readonly error: StratologError }
  /** A partition is read from where `startFrom` says, not from where it was read last; `fromOffset` is where that was. */
  reset: TopicPartition & {
    readonly reason: ResetReason
    readonly fromOffset: bigint | undefined
    readonly toOffset: bigint
  }
  /** A topic was deleted and another one of its name created. */
  topicRecreated: { readonly topic: string; readonly oldTopicId: string; readonly topicId: string }
}

/** Who is told of what. */
export interface EventListeners {
  /** Answers how to end it. */
  on<E extends keyof ConsumerEvents>(event: E, listener: (told: ConsumerEvents[E]) => void): () => void
  has(event: keyof ConsumerEvents): boolean
  emit<E extends keyof ConsumerEvents>(event: E, told: ConsumerEvents[E]): void
}

/** Nobody listens yet. */
export function eventListeners(): EventListeners {
  const listeners = new Map<keyof ConsumerEvents, Set<(told: never) => void>>()
  return {
    on: (event, listener) => {
      const all = listeners.get(event) ?? new Set()
      listeners.set(event, all.add(listener))
      return () => all.delete(listener)
    },
    has: (event) => (listeners.get(event)?.size ?? 0) > 0,
    emit: (event, told) => {
      for (const listener of listeners.get(event) ?? []) (listener as (told: unknown) => void)(told)
    },
  }
}
