import type { LogRecord } from '../../shared/protocol/decode-batch.ts'
import type { AssignedPartition, TakenRecord } from './assigned-partition.ts'
import type { ConsumerRecord, TopicPartition } from './consumer-record.ts'
import { keyOrder } from './key-order.ts'

/** What a handler of records is given. */
export interface RecordToHandle extends TopicPartition {
  readonly record: ConsumerRecord
  /** Aborted when the partition is another's by now, or the consumer does not wait any longer: what is done now is done twice. */
  readonly signal: AbortSignal
}

/** What a handler of batches is given. */
export interface BatchToHandle {
  readonly batch: TopicPartition & {
    readonly highWatermark: bigint
    /** At least one. */
    readonly records: readonly ConsumerRecord[]
  }
  /**
   * Says that all up to this offset is processed. A handler that never says it has processed the batch when it returns; one
   * that does is given again what it left out.
   */
  readonly resolveOffset: (offset: bigint) => void
  /** Whether the partition is being given up: the sooner the handler returns, the better. */
  readonly isStale: () => boolean
  readonly signal: AbortSignal
}

/** Called for each record: done when it resolves. */
export type RecordHandler = (given: RecordToHandle) => Promise<void> | void
/** Called for a few records of one partition: done when it resolves. */
export type BatchHandler = (given: BatchToHandle) => Promise<void> | void

/** Times what a handler is at, so that one that takes too long is noticed. */
export type Watch = <T>(call: () => Promise<T> | T) => Promise<T>

/** Handles records of one partition; rejects with what a handler failed with, when none of them runs any more. */
export type PollHandler = (assigned: AssignedPartition, taken: readonly TakenRecord[]) => Promise<void>

/** Hands out record by record, up to `keyConcurrency` at a time, those of one key one after the other. */
export function eachRecordPoll(handler: RecordHandler, keyConcurrency: number, watch: Watch): PollHandler {
  return (assigned, taken) => {
    const order = keyOrder(taken, keyConcurrency === 1 ? () => '' : ({ record }) => keyText(record.key))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { stamp, tracker } = assigned
    let running = 0
    let failure: { readonly error: unknown } | undefined
    const handle = async (item: TakenRecord) => {
      const given = { ...toHandle(assigned, item.record), signal: assigned.ended.signal }
      try {
        await watch(() => handler(given))
        tracker.finish(item.inFlight)
      } catch (error) {
        failure ??= { error }
      }
      order.finished(item)
      running -= 1
      fill()
    }
    const fill = () => {
      const mayBegin = () => failure === undefined && mayGoOn(assigned, stamp)
      while (running < keyConcurrency && mayBegin()) {
        const item = order.next()
        if (item === undefined) break
        running += 1
        void handle(item)
      }
      if (running > 0) return
      if (assigned.stamp === stamp) assigned.held.unshift(...order.rest())
      if (failure === undefined) resolve()
      else reject(failure.error)
    }
    fill()
    return promise
  }
}

function toHandle(assigned: AssignedPartition, record: LogRecord): Omit<RecordToHandle, 'signal'> {
  const { topic, partition } = assigned
  return { topic, partition, record: consumerRecord(assigned, record) }
}

function mayGoOn({ isPaused, isStopping, stamp }: AssignedPartition, from: number): boolean {
  return !isPaused && !isStopping && stamp === from
}

/** Hands out all records at once. */
export function eachBatchPoll(handler: BatchHandler, watch: Watch): PollHandler {
  return async (assigned, taken) => {
    const { topic, partition, stamp, tracker } = assigned
    const records = taken.map(({ record }) => consumerRecord(assigned, record))
    const highWatermark = BigInt(assigned.highWatermark)
    let resolved = 0
    let hasResolved = false
    const resolveOffset = (offset: bigint) => {
      hasResolved = true
      for (let item = taken[resolved]; item && BigInt(item.record.offset) <= offset; item = taken[resolved]) {
        tracker.finish(item.inFlight)
        resolved += 1
      }
    }
    const isStale = () => assigned.isStopping || assigned.stamp !== stamp
    const batch = { topic, partition, highWatermark, records }
    await watch(() => handler({ batch, resolveOffset, isStale, signal: assigned.ended.signal }))
    if (!hasResolved) for (const { inFlight } of taken) tracker.finish(inFlight)
    else if (!isStale()) assigned.held.unshift(...taken.slice(resolved))
  }
}

/** A record as it is handed out. */
export function consumerRecord({ topic, partition }: TopicPartition, record: LogRecord): ConsumerRecord {
  return { topic, partition, ...record, offset: BigInt(record.offset) }
}

/** Two keys have one text if and only if they are the same bytes: each of 256 has a letter of its own. */
const LETTERS = new TextDecoder('windows-1252')

function keyText(key: Uint8Array | null): string | null {
  return key === null ? null : LETTERS.decode(key)
}
