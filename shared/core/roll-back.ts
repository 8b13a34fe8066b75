import type { Head, LocatedBatch } from './head.ts'
import { locateTail } from './head.ts'
import { packProducerState, producerKey, unpackProducerState } from './producer-state.ts'
import { type Change, remove, set } from './update-plan.ts'

/** What an election takes from the log: everything at or beyond `logEndOffset`. */
interface Truncation {
  readonly logEndOffset: number
  /** The batches that end beyond it, in any order. */
  readonly removed: readonly LocatedBatch[]
}

/** A transaction's marker that was truncated: the transaction began at `firstOffset`. */
export interface RemovedMarker {
  readonly producer: string
  readonly producerEpoch: number
  readonly firstOffset: number
}

/**
 * What a truncation makes of the producers and open transactions in a head. A producer's next sequence is the first one
 * that was removed, so that its retry is taken again and none is taken twice; its last batch is the one before. Where the
 * tail does not have that any more it is known to lie below the new end: enough to find it, and to move the producer out.
 * Of a log that is empty then nobody is known: who has no last batch could never leave the head.
 */
export function rollBack(head: Head, truncation: Truncation): readonly Change[] {
  return [...rollBackProducers(head, truncation), ...rollBackTransactions(head, truncation.logEndOffset, [])]
}

/**
 * A transaction whose first batch was removed is not open any more; one whose marker was removed, but not its first
 * batch, is open again.
 */
export function rollBackTransactions(
  head: Pick<Head, 'openTransactions'>,
  logEndOffset: number,
  markers: readonly RemovedMarker[],
): readonly Change[] {
  const unopened = Object.keys(head.openTransactions).filter(
    (producer) => (head.openTransactions[producer] ?? 0) >= logEndOffset,
  )
  // A producer may have begun another transaction after the marker: that one was removed too.
  const reopened = markers.filter(({ firstOffset }) => firstOffset < logEndOffset)
  const reopenedNames = new Set(reopened.map(({ producer }) => producer))
  return [
    ...unopened
      .filter((producer) => !reopenedNames.has(producer))
      .flatMap((producer) => [remove(['openTransactions', producer]), remove(['openEpochs', producer])]),
    ...reopened.flatMap(({ producer, producerEpoch, firstOffset }) => [
      set(['openTransactions', producer], firstOffset),
      set(['openEpochs', producer], producerEpoch),
    ]),
  ]
}

function rollBackProducers(head: Head, { logEndOffset, removed }: Truncation): readonly Change[] {
  const kept = locateTail(head).filter((batch) => batch.endOffset <= logEndOffset)
  const firstRemoved = firstRemovedByProducer(removed)
  return Object.entries(head.producers).flatMap(([producer, packed]) => {
    const first = firstRemoved.get(producer)
    // An earlier truncation may have left no batch of it, only an offset that lies beyond this one.
    if (first === undefined && (head.producerOffsets[producer] ?? 0) < logEndOffset) return []
    const before = kept.findLast((batch) => producerOf(batch) === producer)
    const offset = ['producerOffsets', producer]
    const lastBaseOffset = before?.baseOffset ?? logEndOffset - 1
    if (lastBaseOffset < 0) return [remove(['producers', producer]), remove(offset)]
    const moved = set(offset, lastBaseOffset)
    if (first === undefined) return [moved]
    // Of a newer epoch everything was removed, but the older one stays fenced.
    const { producerEpoch } = unpackProducerState(packed)
    const nextSequence = producerEpoch > first.producerEpoch ? 0 : first.baseSequence
    return [set(['producers', producer], packProducerState({ producerEpoch, nextSequence })), moved]
  })
}

function firstRemovedByProducer(removed: readonly LocatedBatch[]) {
  const first = new Map<string, { readonly producerEpoch: number; readonly baseSequence: number }>()
  for (const batch of removed.toSorted((a, b) => a.baseOffset - b.baseOffset)) {
    const producer = producerOf(batch)
    const { sequence } = batch.reference
    if (producer !== undefined && sequence !== undefined && !first.has(producer))
      first.set(producer, sequence)
  }
  return first
}

function producerOf({ reference: { sequence } }: Pick<LocatedBatch, 'reference'>): string | undefined {
  return sequence === undefined ? undefined : producerKey(sequence.producerId)
}
