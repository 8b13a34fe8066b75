import type { BatchHeader } from '../shared/protocol/batch-header.ts'

/** A batch and what it says about itself. */
export interface SplitBatch {
  readonly header: BatchHeader
  readonly bytes: Uint8Array
}

/** An aborted transaction of a fetch answer: what its producer wrote from `firstOffset` to the marker is not committed. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/**
 * The batches whose records a consumer is given: no control batches, and nothing of aborted transactions (of which the
 * service tells only when read_committed was asked for). Kafka's `CompletedFetch.nextFetchedRecord`.
 *
 * @param isAbort whether a control batch is the marker of an abort
 */
export function visibleBatches(
  batches: readonly SplitBatch[],
  aborted: readonly AbortedTransaction[],
  isAbort: (batch: SplitBatch) => boolean,
): SplitBatch[] {
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const aborting = new Set<number>()
  return batches.filter((batch) => {
    const { header } = batch
    const lastOffset = header.baseOffset + header.lastOffsetDelta
    while (waiting[0] !== undefined && waiting[0].firstOffset <= lastOffset) {
      aborting.add(waiting[0].producerId)
      waiting.shift()
    }
    if (header.isControl) {
      if (isAbort(batch)) aborting.delete(header.producerId)
      return false
    }
    return !(header.isTransactional && aborting.has(header.producerId))
  })
}
