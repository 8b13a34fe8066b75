import { unpackReference } from '../../shared/core/batch-reference.ts'
import { type Head, isValid, type LocatedBatch, locate } from '../../shared/core/head.ts'
import type { IndexPage } from '../../shared/core/index-page.ts'
import {
  packProducerState,
  producerKey,
  sequenceAfter,
  unpackProducerState,
} from '../../shared/core/producer-state.ts'
import type { SpilledProducer } from '../../shared/store/items/producer-item.ts'
import { isElection } from './invariants-head.ts'

/** All that was ever appended to one partition, and where its index has it. */
export interface LogMirror {
  /** What is wrong with the write of the head. */
  headWritten(before: Head | undefined, after: Head): readonly string[]
  pageWritten(sk: string, page: IndexPage): readonly string[]
  producerSpilled(producer: string, spilled: SpilledProducer): readonly string[]
  /** The batches that the lineage of `head` vouches for, in order. */
  valid(head: Head): readonly LocatedBatch[]
}

/** Of a partition that was just made. */
export function newLogMirror(): LogMirror {
  const batches: LocatedBatch[] = []
  const byProducer = new Map<string, LocatedBatch[]>()
  const pages = new Map<string, IndexPage>()
  const paged = new Map<string, number>()
  const spilledProducers = new Map<string, SpilledProducer>()

  const lastOf = (producer: string, { lineage }: Head): LocatedBatch | undefined =>
    byProducer.get(producer)?.findLast((batch) => isValid(batch, lineage))

  /** I1 and I7: a batch goes on from its producer's last one. */
  const appended = (head: Head, packed: string, baseOffset: number): readonly string[] => {
    const batch = locate(unpackReference(packed), baseOffset)
    const { sequence } = batch.reference
    batches.push(batch)
    if (sequence === undefined) return []
    const producer = producerKey(sequence.producerId)
    const last = lastOf(producer, head)
    byProducer.set(producer, [...(byProducer.get(producer) ?? []), batch])
    const before = last?.reference.sequence
    const isSameEpoch = before?.producerEpoch === sequence.producerEpoch
    const expected = isSameEpoch ? sequenceAfter(before.baseSequence, last?.reference.recordCount ?? 0) : 0
    if (sequence.baseSequence === expected) return []
    const facts = `producer ${sequence.producerId} expected ${expected}, offset ${baseOffset}`
    return [`I7: a batch of sequence ${sequence.baseSequence} was appended, ${facts}`]
  }

  /** I1: what leaves the tail is in a page. */
  const trimmed = (head: Head, packed: string, baseOffset: number): readonly string[] => {
    if (paged.get(packed) === baseOffset) return []
    const batch = locate(unpackReference(packed), baseOffset)
    return isValid(batch, head.lineage) ? [`I1: offset ${baseOffset} left the tail, and no page has it`] : []
  }

  /** I7 of one producer of the head. */
  const producerOf = (head: Head, producer: string): readonly string[] => {
    const packed = head.producers[producer]
    if (packed === undefined) return []
    const { producerEpoch, nextSequence } = unpackProducerState(packed)
    const last = lastOf(producer, head)
    const sequence = last?.reference.sequence
    const isSameEpoch = sequence?.producerEpoch === producerEpoch
    const expected = isSameEpoch ? sequenceAfter(sequence.baseSequence, last?.reference.recordCount ?? 0) : 0
    return nextSequence === expected
      ? []
      : [`I7: producer ${producer} is to go on with ${nextSequence}, its last batch says ${expected}`]
  }

  /** Who leaves the head is known by its own document as the head knew it. */
  const left = (before: Head, producer: string): readonly string[] => {
    const spilled = spilledProducers.get(producer)
    const known = spilled === undefined ? undefined : packProducerState(spilled.state)
    const broken: string[] = []
    if (known !== before.producers[producer]) {
      broken.push(
        `C5: producer ${producer} left the head as ${before.producers[producer]}, it is stored as ${known}`,
      )
    }
    if ((before.producerOffsets[producer] ?? 0) >= before.highWatermark) {
      broken.push(`C5: producer ${producer} left the head, and its last batch may be truncated`)
    }
    return broken
  }

  return {
    headWritten: (before, after) => {
      if (before === undefined) return []
      const broken: string[] = []
      const elects = isElection(before, after)
      for (const [packed, baseOffset] of Object.entries(after.tail)) {
        if (before.tail[packed] === undefined) broken.push(...appended(before, packed, baseOffset))
      }
      for (const [packed, baseOffset] of Object.entries(before.tail)) {
        if (after.tail[packed] === undefined) broken.push(...trimmed(after, packed, baseOffset))
      }
      for (const producer of Object.keys({ ...before.producers, ...after.producers })) {
        const hasMoved = before.producers[producer] !== after.producers[producer]
        if (elects || hasMoved) broken.push(...producerOf(after, producer))
        if (after.producers[producer] === undefined && !elects) broken.push(...left(before, producer))
      }
      return broken
    },
    pageWritten: (sk, page) => {
      const before = pages.get(sk)
      pages.set(sk, page)
      for (const [packed, baseOffset] of Object.entries(page.entries)) paged.set(packed, baseOffset)
      const isSame = before === undefined || JSON.stringify(before) === JSON.stringify(page)
      return isSame ? [] : ['C6: a page was written over']
    },
    producerSpilled: (producer, spilled) => {
      const before = spilledProducers.get(producer)
      spilledProducers.set(producer, spilled)
      return before === undefined || rankOf(before) < rankOf(spilled)
        ? []
        : [`C5: what is stored of a producer fell from ${rankOf(before)} to ${rankOf(spilled)}`]
    },
    valid: ({ lineage }) =>
      batches.filter((batch) => isValid(batch, lineage)).sort((a, b) => a.baseOffset - b.baseOffset),
  }
}

/** Rises with producer epoch, leader epoch and offset, in this order. */
function rankOf({ state, leaderEpoch, lastBaseOffset }: SpilledProducer): string {
  return [state.producerEpoch, leaderEpoch, lastBaseOffset]
    .map((part) => String(part).padStart(16, '0'))
    .join('/')
}
