import type { BatchSequence } from './batch-reference.ts'

/** What a partition remembers of an idempotent producer: its epoch and the sequence its next batch must have (KIP-98). */
export interface ProducerState {
  readonly producerEpoch: number
  readonly nextSequence: number
}

/**
 * How a batch's sequence stands to what is remembered. `duplicate`: all of it was appended before. `wrapped`: so it was if
 * the sequences began anew at 0 since, which is not remembered. `overlap`: only a part of it was. `gap`: another one must
 * come first.
 */
export type SequenceVerdict = 'next' | 'fenced' | 'duplicate' | 'wrapped' | 'overlap' | 'gap'

/** Sequences wrap from 2³¹ − 1 to 0. */
const SEQUENCES = 2 ** 31
const EPOCH_UNIT = 2 ** 32

/** The key of a producer in a head's maps and in PID# documents. */
export function producerKey(producerId: number): string {
  return producerId.toString(36)
}

/** Epoch and next sequence as one number that rises with both. */
export function packProducerState(state: ProducerState): number {
  return state.producerEpoch * EPOCH_UNIT + state.nextSequence
}

/** The state that `packProducerState` made `packed` of. */
export function unpackProducerState(packed: number): ProducerState {
  return { producerEpoch: Math.floor(packed / EPOCH_UNIT), nextSequence: packed % EPOCH_UNIT }
}

/** The sequence after `recordCount` records that begin with `baseSequence`. */
export function sequenceAfter(baseSequence: number, recordCount: number): number {
  return (baseSequence + recordCount) % SEQUENCES
}

/**
 * Judges a batch as Kafka's ProducerAppendInfo does: an older epoch is fenced before its sequence is looked at,
 * a newer one begins at 0, and so does a producer of whom nothing is known.
 */
export function judgeSequence(
  stored: ProducerState | undefined,
  batch: BatchSequence,
  recordCount: number,
): SequenceVerdict {
  if (stored === undefined) return batch.baseSequence === 0 ? 'next' : 'gap'
  if (batch.producerEpoch < stored.producerEpoch) return 'fenced'
  if (batch.producerEpoch > stored.producerEpoch) return batch.baseSequence === 0 ? 'next' : 'gap'
  if (batch.baseSequence === stored.nextSequence) return 'next'
  const behind = (stored.nextSequence - batch.baseSequence + SEQUENCES) % SEQUENCES
  if (behind >= SEQUENCES / 2) return 'gap'
  if (behind < recordCount) return 'overlap'
  return batch.baseSequence < stored.nextSequence ? 'duplicate' : 'wrapped'
}
