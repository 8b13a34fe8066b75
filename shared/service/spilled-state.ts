import { type Head, type LocatedBatch, validBatches } from '../core/head.ts'
import { endOffsetFor } from '../core/lineage.ts'
import { type ProducerState, producerKey, sequenceAfter } from '../core/producer-state.ts'
import type { SpilledProducer } from '../store/items/producer-item.ts'
import type { Deps } from './deps.ts'
import { pagesDown } from './find-batch.ts'
import type { Partition } from './heads.ts'

/** A producer that a head does not have, as its own document has it. */
interface Known {
  readonly producer: string
  readonly spilled: SpilledProducer
}

/**
 * What a producer that `head` does not have goes on with, its document read after that head. An unclean election also
 * truncates batches of producers that left the head, and does not touch their documents: who lost its last batch goes on
 * after the last one that is left, as one in the head does (C8). Where that lies deeper than is looked, the producer's
 * epoch is over, since its batches cannot be told from new ones.
 */
export async function spilledState(
  deps: Deps,
  partition: Partition,
  head: Head,
  { producer, spilled }: Known,
): Promise<ProducerState> {
  const { state, leaderEpoch, lastBaseOffset } = spilled
  // No election since; or the producer left a later head than this one, which can refuse but not take the batch.
  if (leaderEpoch >= head.leaderEpoch) return state
  const { endOffset } = endOffsetFor(head, leaderEpoch)
  if (lastBaseOffset < endOffset) return state
  const { producerEpoch } = state
  const last = await lastBatchBelow(deps, partition, head, { producer, endOffset })
  if (last === 'unknown') return { producerEpoch: producerEpoch + 1, nextSequence: 0 }
  const sequence = last?.reference.sequence
  // Of a newer epoch everything was removed, but the older one stays fenced.
  if (last === undefined || sequence?.producerEpoch !== producerEpoch)
    return { producerEpoch, nextSequence: 0 }
  return { producerEpoch, nextSequence: sequenceAfter(sequence.baseSequence, last.reference.recordCount) }
}

/** The producer's last batch that the lineage of `head` vouches for: in the tail, or in a page that begins below `endOffset`. */
async function lastBatchBelow(
  deps: Deps,
  partition: Partition,
  head: Head,
  { producer, endOffset }: { readonly producer: string; readonly endOffset: number },
): Promise<LocatedBatch | undefined | 'unknown'> {
  const { logStartOffset, lineage } = head
  const { maxPageWalk } = deps.limits
  const isOwn = ({ reference: { sequence } }: LocatedBatch) =>
    sequence !== undefined && producerKey(sequence.producerId) === producer
  const tail = validBatches(head.tail, lineage)
  const inTail = tail.findLast(isOwn)
  if (inTail !== undefined) return inTail
  const isFirst = ({ baseOffset }: LocatedBatch) => baseOffset <= logStartOffset
  if (endOffset <= logStartOffset || tail.some(isFirst)) return undefined
  const rounds = pagesDown(deps, partition, endOffset - 1, { first: maxPageWalk, further: maxPageWalk })
  for await (const round of rounds) {
    for (const page of round) {
      const batches = validBatches(page.entries, lineage)
      const own = batches.findLast(isOwn)
      if (own !== undefined || batches.some(isFirst)) return own
    }
  }
  return 'unknown'
}
