import type { ConsumerEvents } from './consumer/consumer-events.ts'
import type { ConsumerRecord, PartitionOffset, TopicPartition } from './consumer/consumer-record.ts'
import type { RebalanceListener } from './consumer/ownership.ts'
import type { BatchHandler, RecordHandler } from './consumer/poll-handlers.ts'
import type { TopicSelector } from './consumer/subscription.ts'

/** What to read as a member of a group; a RegExp is matched again whenever topics come or go. */
export interface ConsumerSubscription extends RebalanceListener {
  readonly topics: readonly TopicSelector[]
}

/** A partition to read without a group, from `offset` on, else from what is committed, else from where `startFrom` says. */
export interface ConsumerAssignment extends TopicPartition {
  readonly offset?: bigint
}

/** Every so often, what is processed and not committed is; `false` leaves it to `commit`. */
export type AutoCommit = { readonly intervalMs: number } | false

/** How records are handed out. */
export type RunOptions = {
  /** Every 5 s unless told, and whenever partitions are given up. */
  readonly autoCommit?: AutoCommit
  /** Closes the consumer when it is aborted. */
  readonly signal?: AbortSignal
} & (
  | { readonly eachRecord: RecordHandler; readonly eachBatch?: never }
  | { readonly eachBatch: BatchHandler; readonly eachRecord?: never }
)

/**
 * Reads topics, as a member of a group or by hand. What a handler has not finished is never committed: after a crash it is
 * handed out again.
 */
export interface Consumer extends AsyncIterable<ConsumerRecord> {
  /** Takes the place of what was subscribed to before. @throws StratologError INVALID_REQUEST without a group, or after assign */
  subscribe(subscription: ConsumerSubscription): Promise<void>
  /** Takes the place of what was assigned before. @throws StratologError INVALID_REQUEST after subscribe */
  assign(partitions: readonly ConsumerAssignment[]): Promise<void>
  /**
   * Begins to hand out records; resolves at once. A handler that throws ends the consumer.
   *
   * @throws StratologError INVALID_REQUEST when there is nothing to read, or it runs already
   */
  run(options: RunOptions): Promise<void>
  /**
   * Records one by one; asking for the next one says that the one before is processed. Nothing is committed unless told. Leaving
   * the loop closes the consumer.
   */
  records(options?: {
    readonly autoCommit?: AutoCommit
    readonly signal?: AbortSignal
  }): AsyncIterableIterator<ConsumerRecord>
  /**
   * Commits these offsets, or all that is processed: in a loop over records that is all it was given.
   *
   * @throws StratologError ILLEGAL_GENERATION when a partition is not this member's any more, or the group moved on: nothing
   *   was committed for it
   * @throws StratologError INVALID_REQUEST when the consumer is closed
   * @throws StratologError otherwise refused
   */
  commit(offsets?: readonly PartitionOffset[], options?: { readonly signal?: AbortSignal }): Promise<void>
  /** What the group has committed for these partitions; those without are left out. */
  committed(
    partitions: readonly TopicPartition[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<PartitionOffset[]>
  /** Reads on from this offset. It alone commits nothing. @throws StratologError INVALID_REQUEST when it is not assigned */
  seek(to: TopicPartition & { readonly offset: bigint; readonly leaderEpoch?: number }): void
  /** Hands out nothing of these partitions, whose handlers at work go on, until they are resumed. */
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  paused(): TopicPartition[]
  assignment(): TopicPartition[]
  /** The offset of the record that is handed out next; undefined while that is looked up. */
  position(partition: TopicPartition): bigint | undefined
  /** The generation it belongs to, for transactions that commit its offsets; undefined while it has none. */
  groupMetadata():
    | {
        readonly groupId: string
        readonly generationId: number
        readonly memberId: string
        readonly groupInstanceId: string | null
      }
    | undefined
  /** Answers how to listen no more. */
  on<E extends keyof ConsumerEvents>(event: E, listener: (told: ConsumerEvents[E]) => void): () => void
  /** Resolves once it is closed; rejects with what ended it. Unheard, that is an unhandled rejection, unless `error` is listened to. */
  readonly stopped: Promise<void>
  /**
   * Waits for handlers under way (30 s unless told, then they are told to stop), commits if that is automatic, and leaves the
   * group: a static member stays in it.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>
}
