import { StratologError } from '../errors.ts'
import { partitionName, type TopicPartition } from './consumer-record.ts'

/** Where a log parted from what was read of it: records from `divergentOffset` up to `fetchOffset` were read and are gone. */
export interface Truncation extends TopicPartition {
  readonly fetchOffset: bigint
  readonly divergentOffset: bigint
  /** The last leader epoch that both logs share. */
  readonly leaderEpoch: number
}

/** Records that were read are not in the log any more (Kafka's LogTruncationException): seek to go on. */
export class LogTruncationError extends StratologError {
  readonly truncation: Truncation

  constructor(truncation: Truncation) {
    const { fetchOffset, divergentOffset } = truncation
    super(
      'LOG_TRUNCATION',
      `what was read is not in the log any more partition=${partitionName(truncation)} fetchOffset=${fetchOffset} divergentOffset=${divergentOffset}`,
      { retriable: false, effect: 'none' },
    )
    this.truncation = truncation
  }
}

/** A consumer was asked for something that it cannot do now. */
export function misuse(message: string): StratologError {
  return new StratologError('INVALID_REQUEST', message, { retriable: false, effect: 'none' })
}

/** There is nothing to begin with, and `startFrom` is `none` (Kafka's NoOffsetForPartitionException). */
export function noOffset(partition: TopicPartition, reason: string): StratologError {
  const message = `no offset to begin with partition=${partitionName(partition)} reason=${reason} startFrom=none`
  return new StratologError('NO_OFFSET_FOR_PARTITION', message, { retriable: false, effect: 'none' })
}

/** As an error of the client; what is none already was thrown by nobody who should. */
export function asStratologError(error: unknown): StratologError {
  if (error instanceof StratologError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new StratologError('UNKNOWN_SERVER_ERROR', message, {
    retriable: false,
    effect: 'unknown',
    cause: error,
  })
}
