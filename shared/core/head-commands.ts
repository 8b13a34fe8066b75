import { type BatchReference, packReference } from './batch-reference.ts'
import { appendMovesHighWatermark, type Head } from './head.ts'
import { ledBy } from './isr-commands.ts'
import { packProducerState, producerKey, sequenceAfter } from './producer-state.ts'
import { ulidText } from './ulid.ts'
import {
  absent,
  anyOf,
  type Change,
  type Check,
  copy,
  copyIfAbsent,
  copyPlus,
  equal,
  fewer,
  less,
  lessOrEqual,
  present,
  remove,
  set,
  setIfAbsent,
  type UpdatePlan,
} from './update-plan.ts'

/** A batch whose bytes are on the leader of `head` and on all its write targets but `missed`, ready to take its offsets. */
export interface PlannedAppend {
  /** The head that the copies were made for. */
  readonly head: Head
  /** Replicas of the ISR or joining that do not have the bytes. */
  readonly missed: readonly string[]
  readonly nowMs: number
  readonly reference: BatchReference
  /** When the batch is to be sealed at the latest. */
  readonly dueAtMs: number
  readonly maxTailEntries: number
  readonly maxHeadProducers: number
}

/**
 * One batch takes the offsets [logEndOffset, logEndOffset + recordCount), if nothing moved since it was planned.
 * Every check that fails has its answer in head-answer.ts.
 */
export function append(batch: PlannedAppend): UpdatePlan {
  const { head, reference } = batch
  const entry = ['tail', packReference(reference)]
  return {
    checks: [
      ...ledBy(head), //                                          fenced: another leader took over
      equal(['partitionEpoch'], head.partitionEpoch), //          the ISR is the one the copies were made for
      less(['walFloor'], ulidText(reference.objectId)), //        the object cannot have been collected meanwhile
      absent(entry), //                                           the same append was not applied already
      fewer(['tail'], batch.maxTailEntries),
      ...highWatermarkIsAsPlanned(batch),
      ...sequenceFollows(batch),
    ],
    changes: [
      copy(entry, ['logEndOffset']),
      ...rememberProducer(reference),
      copyPlus(['logEndOffset'], ['logEndOffset'], reference.recordCount),
      ...raiseHighWatermark(batch),
      ...openHoles(batch),
      batch.missed.length > 0 ? set(['dueAtMs'], batch.nowMs) : setIfAbsent(['dueAtMs'], batch.dueAtMs),
    ],
  }
}

/** Entries that an index page holds now leave the tail. */
export function trimTail(head: Head, paged: readonly string[]): UpdatePlan {
  return { checks: ledBy(head), changes: paged.map((reference) => remove(['tail', reference])) }
}

/**
 * A producer whose state is stored in its own document leaves the head. Not one with an open transaction, nor one whose
 * last batch readers cannot count on yet. `maxEvictedOffset` fences whoever read that document before.
 */
export function spillProducer(head: Head, producer: string): UpdatePlan {
  const state = head.producers[producer] ?? 0
  const lastBaseOffset = head.producerOffsets[producer] ?? 0
  const raises = lastBaseOffset > head.maxEvictedOffset
  return {
    checks: [
      ...ledBy(head),
      equal(['producers', producer], state),
      equal(['producerOffsets', producer], lastBaseOffset),
      less(['producerOffsets', producer], ['highWatermark']),
      absent(['openTransactions', producer]),
      ...(raises ? [lessOrEqual(['maxEvictedOffset'], lastBaseOffset)] : []),
    ],
    changes: [
      remove(['producers', producer]),
      remove(['producerOffsets', producer]),
      ...(raises ? [set(['maxEvictedOffset'], lastBaseOffset)] : []),
    ],
  }
}

/**
 * An append that will move the high watermark finds no hole in the ISR. One that will not because of a hole still finds
 * it, unless it opens one itself: a hole that closed meanwhile would leave the high watermark behind for good.
 */
function highWatermarkIsAsPlanned({ head, missed }: PlannedAppend): readonly Check[] {
  if (appendMovesHighWatermark(head, missed)) {
    const followers = head.isr.filter((replica) => replica !== head.leader)
    return followers.map((replica) => absent(['holeStart', replica]))
  }
  if (head.isr.length < head.minIsr || head.isr.some((replica) => missed.includes(replica))) return []
  return [anyOf(head.isr.map((replica) => present(['holeStart', replica])))]
}

function raiseHighWatermark({ head, missed, reference }: PlannedAppend): readonly Change[] {
  if (!appendMovesHighWatermark(head, missed)) return []
  return [copyPlus(['highWatermark'], ['logEndOffset'], reference.recordCount)]
}

/** What misses this batch says so with the append itself: it never counts as holding what it lacks. */
function openHoles({ missed, reference, nowMs }: PlannedAppend): readonly Change[] {
  return missed.flatMap((replica) => [
    copyIfAbsent(['holeStart', replica], ['logEndOffset']),
    copyPlus(['holeEnd', replica], ['logEndOffset'], reference.recordCount),
    setIfAbsent(['holeSince', replica], nowMs),
  ])
}

/** Idempotence (KIP-98, KIP-360): the batch is the next of its producer, by what the head says now. */
function sequenceFollows({ head, reference, maxHeadProducers }: PlannedAppend): readonly Check[] {
  const { sequence } = reference
  if (sequence === undefined) return []
  const { producerId, producerEpoch, baseSequence } = sequence
  const state = ['producers', producerKey(producerId)]
  const expected = packProducerState({ producerEpoch, nextSequence: baseSequence })
  if (head.producers[producerKey(producerId)] === undefined) {
    // Nobody re-admitted and evicted the producer since its own document was read.
    return [
      absent(state),
      less(['maxEvictedOffset'], head.logEndOffset),
      fewer(['producers'], maxHeadProducers),
    ]
  }
  return [baseSequence === 0 ? lessOrEqual(state, expected) : equal(state, expected)]
}

function rememberProducer({ sequence, recordCount }: BatchReference): readonly Change[] {
  if (sequence === undefined) return []
  const producer = producerKey(sequence.producerId)
  const nextSequence = sequenceAfter(sequence.baseSequence, recordCount)
  return [
    set(['producers', producer], packProducerState({ producerEpoch: sequence.producerEpoch, nextSequence })),
    copy(['producerOffsets', producer], ['logEndOffset']),
  ]
}
