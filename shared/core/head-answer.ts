import type { ErrorName } from '../protocol/error-table.ts'
import { murmur2 } from '../protocol/murmur2.ts'
import { type BatchSequence, packReference } from './batch-reference.ts'
import {
  appendMovesHighWatermark,
  type Head,
  isValid,
  type LocatedBatch,
  locate,
  validBatches,
} from './head.ts'
import type { PlannedAppend } from './head-commands.ts'
import { judgeSequence, type ProducerState, producerKey, unpackProducerState } from './producer-state.ts'
import { ulidText } from './ulid.ts'

/** Why a head refused an append, and so what is to be done about it. Nothing was written, but where it says `applied`. */
export type Refusal =
  /** There is no such head: the topic was deleted. */
  | { readonly because: 'gone' }
  /** This very append was applied before; its answer was lost. */
  | { readonly because: 'applied'; readonly batch: LocatedBatch }
  /** It can never be applied. */
  | { readonly because: 'error'; readonly errorName: ErrorName; readonly message: string }
  /** The same sequence was appended before, by an earlier try of the client: where, the index knows. What to answer if it does not. */
  | { readonly because: 'duplicate'; readonly ifUnknown: DuplicateError }
  /** The head is not as it was when the append was planned: plan again from this one. */
  | { readonly because: 'moved' }
  /** Another batch of this producer must come first. */
  | { readonly because: 'gap'; readonly message: string }
  /** Its WAL object may have been collected: it needs a new one. */
  | { readonly because: 'collected' }
  /** The tail is full: it must be paged first. */
  | { readonly because: 'full' }
  /** The head has no room for another producer: one must be spilled first. */
  | { readonly because: 'crowded' }

/** Of a batch that was appended for certain, and of one that may as well never have been. */
type DuplicateError = 'DUPLICATE_SEQUENCE_NUMBER' | 'OUT_OF_ORDER_SEQUENCE_NUMBER'

/** What an idempotent producer's batch is known by. */
export interface SequencedBatch {
  readonly sequence: BatchSequence
  readonly recordCount: number
}

/**
 * Explains a refused append from the head that refused it. The order matters: what was applied is never called an
 * error, and a fenced producer never a duplicate.
 */
export function explainRefusedAppend(head: Head | undefined, planned: PlannedAppend): Refusal {
  if (head === undefined) return { because: 'gone' }
  const own = ownBatch(head, planned)
  if (own !== undefined) return { because: 'applied', batch: own }
  const { sequence, recordCount } = planned.reference
  const judged = sequence === undefined ? undefined : explainSequence(head, { sequence, recordCount })
  if (judged?.because === 'error' || judged?.because === 'duplicate') return judged
  if (head.leader === undefined) {
    return { because: 'error', errorName: 'LEADER_NOT_AVAILABLE', message: 'partition has no leader' }
  }
  if (head.leaderEpoch !== planned.head.leaderEpoch) return { because: 'moved' }
  if (head.partitionEpoch !== planned.head.partitionEpoch || holesDiffer(head, planned))
    return { because: 'moved' }
  if (judged?.because === 'gap') return judged
  if (head.walFloor >= ulidText(planned.reference.objectId)) return { because: 'collected' }
  if (Object.keys(head.tail).length >= planned.maxTailEntries) return { because: 'full' }
  if (sequence !== undefined && crowds(head, sequence, planned.maxHeadProducers))
    return { because: 'crowded' }
  // What is left moved and moved back, or is what the plan knew of the producer.
  return { because: 'moved' }
}

/** Judges a batch's sequence by what `head` knows of its producer; undefined when it may be the next one. */
export function explainSequence(head: Head, batch: SequencedBatch): Refusal | undefined {
  const packed = head.producers[producerKey(batch.sequence.producerId)]
  return packed === undefined ? undefined : explainState(unpackProducerState(packed), batch)
}

/** Judges a batch's sequence by its producer's state; undefined when it is the next one. */
export function explainState(
  state: ProducerState | undefined,
  { sequence, recordCount }: SequencedBatch,
): Refusal | undefined {
  const facts = `producerId=${sequence.producerId} expected=${expectedSequence(state, sequence)} received=${sequence.baseSequence}`
  switch (judgeSequence(state, sequence, recordCount)) {
    case 'next':
      return undefined
    case 'fenced':
      return {
        because: 'error',
        errorName: 'INVALID_PRODUCER_EPOCH',
        message: `producer epoch is fenced producerId=${sequence.producerId} epoch=${sequence.producerEpoch} current=${state?.producerEpoch}`,
      }
    case 'duplicate':
      return { because: 'duplicate', ifUnknown: 'DUPLICATE_SEQUENCE_NUMBER' }
    case 'wrapped':
      return { because: 'duplicate', ifUnknown: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }
    case 'overlap':
      // Not a duplicate: a client takes that for success, and the rest of the batch would be lost.
      return {
        because: 'error',
        errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
        message: `a part of the batch was appended before ${facts} recordCount=${recordCount}`,
      }
    case 'gap':
      return { because: 'gap', message: `sequence out of order ${facts}` }
  }
}

/** A producer of whom nothing is known begins at 0, and so does every epoch. */
function expectedSequence(state: ProducerState | undefined, { producerEpoch }: BatchSequence): number {
  return state?.producerEpoch === producerEpoch ? state.nextSequence : 0
}

/** The batch with the same producer, epoch, first sequence and record count among `entries`, if the lineage vouches for it. */
export function findSequence(
  entries: Readonly<Record<string, number>>,
  lineage: Head['lineage'],
  batch: SequencedBatch,
): LocatedBatch | undefined {
  return validBatches(entries, lineage).find(({ reference }) => {
    const { sequence, recordCount } = reference
    return (
      sequence?.producerId === batch.sequence.producerId &&
      sequence.producerEpoch === batch.sequence.producerEpoch &&
      sequence.baseSequence === batch.sequence.baseSequence &&
      recordCount === batch.recordCount
    )
  })
}

/** Of so many that may leave, those whose last batches are oldest, one does: handlers at once would else all take the same. */
const SPILL_CHOICE = 8

/**
 * The producer to make room with for another one: in nobody's tail entry, below the high watermark, its last batch among
 * the oldest; which of those is up to the other one's id.
 */
export function producerToSpill(head: Head, producerId: number): string | undefined {
  const inTail = new Set(Object.values(head.tail))
  const candidates = Object.entries(head.producerOffsets).filter(
    ([producer, lastBaseOffset]) =>
      lastBaseOffset < head.highWatermark &&
      !inTail.has(lastBaseOffset) &&
      head.openTransactions[producer] === undefined,
  )
  const oldest = candidates.sort(([, a], [, b]) => a - b).slice(0, SPILL_CHOICE)
  const hash = murmur2(new TextEncoder().encode(producerKey(producerId))) >>> 0
  return oldest[hash % oldest.length]?.[0]
}

function ownBatch(head: Head, { reference }: PlannedAppend): LocatedBatch | undefined {
  const baseOffset = head.tail[packReference(reference)]
  if (baseOffset === undefined) return undefined
  const batch = locate(reference, baseOffset)
  return isValid(batch, head.lineage) ? batch : undefined
}

function holesDiffer(head: Head, { head: planned, missed }: PlannedAppend): boolean {
  return appendMovesHighWatermark(head, missed) !== appendMovesHighWatermark(planned, missed)
}

function crowds(head: Head, sequence: BatchSequence, maxHeadProducers: number): boolean {
  return (
    head.producers[producerKey(sequence.producerId)] === undefined &&
    Object.keys(head.producers).length >= maxHeadProducers
  )
}
