import { packReference } from './batch-reference.ts'
import { type Head, validBatches } from './head.ts'

/** Batch references that moved out of a head: where [offset of the first, endOffset) is. Never changed once stored. */
export interface IndexPage {
  /** Packed references with their base offsets, as in a head's tail. */
  readonly entries: Readonly<Record<string, number>>
  readonly endOffset: number
}

/** What a page is stored under: offset and leader epoch of its first entry, so that two leaders never mean one page. */
export interface PageStart {
  readonly baseOffset: number
  readonly leaderEpoch: number
}

/** The page that a tail's entries below the high watermark make, or undefined when there are none. */
export function pageOfTail(head: Head): { readonly start: PageStart; readonly page: IndexPage } | undefined {
  const batches = validBatches(head.tail, head.lineage).filter(
    (batch) => batch.endOffset <= head.highWatermark,
  )
  const first = batches[0]
  const last = batches.at(-1)
  if (first === undefined || last === undefined) return undefined
  const entries = Object.fromEntries(
    batches.map((batch) => [packReference(batch.reference), batch.baseOffset]),
  )
  return {
    start: { baseOffset: first.baseOffset, leaderEpoch: first.reference.leaderEpoch },
    page: { entries, endOffset: last.endOffset },
  }
}
