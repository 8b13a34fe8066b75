import { type Head, type LocatedBatch, validBatches } from '../core/head.ts'
import type { IndexPage } from '../core/index-page.ts'
import { pagesFrom } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { pages, pagesDown } from './find-batch.ts'
import type { Partition } from './heads.ts'

/** Which batches to look up: those of [from, end), at most `maxBatches`, and as many as fit into `maxBytes`, at least one. */
interface Wanted {
  readonly from: number
  readonly end: number
  readonly maxBytes: number
  readonly maxBatches?: number
}

/**
 * Where the batches of a range of offsets are, in order and without a gap: from the head's tail, and from index pages
 * for what left it. The first one may begin below `from`; each ends at or below `end`. Undefined when an offset has no
 * entry: the head is no longer what it was, or the index is damaged.
 */
export async function locateBatches(
  deps: Deps,
  partition: Partition,
  head: Head,
  wanted: Wanted,
): Promise<readonly LocatedBatch[] | undefined> {
  const tail = validBatches(head.tail, head.lineage)
  const tailStart = tail[0]?.baseOffset ?? head.logEndOffset
  const found: Found = { batches: [], bytes: 0, nextOffset: wanted.from, full: false }
  if (wanted.from < Math.min(tailStart, wanted.end))
    await addFromPages(deps, partition, head, wanted, found, tailStart)
  addBatches(found, tail, wanted)
  return found.batches.length > 0 || wanted.from >= wanted.end ? found.batches : undefined
}

/** What was found so far. `full`: nothing more is wanted. */
interface Found {
  readonly batches: LocatedBatch[]
  bytes: number
  nextOffset: number
  full: boolean
}

async function addFromPages(
  deps: Deps,
  partition: Partition,
  head: Head,
  wanted: Wanted,
  found: Found,
  tailStart: number,
): Promise<void> {
  const holding = await pageHolding(deps, partition, head, wanted.from)
  if (holding === undefined) return
  addBatches(found, validBatches(holding.entries, head.lineage), wanted)
  while (!found.full && found.nextOffset < tailStart) {
    await deps.clock.giveWay()
    const before = found.nextOffset
    const query = { limit: deps.limits.maxPageWalk, direction: 'ascending' } as const
    for (const page of await pages(deps, partition, { ...pagesFrom(found.nextOffset), ...query })) {
      addBatches(found, validBatches(page.entries, head.lineage), wanted)
    }
    if (found.nextOffset === before) return
  }
}

/**
 * The page with a valid entry for `offset`: the last one that begins at or below it, but for those that a truncation left
 * behind. Pages go on from each other, so below one whose valid entries end before `offset` nothing more is to be found.
 */
async function pageHolding(
  deps: Deps,
  partition: Partition,
  head: Head,
  offset: number,
): Promise<IndexPage | undefined> {
  const sizes = { first: 1, further: deps.limits.maxPageWalk }
  for await (const round of pagesDown(deps, partition, offset, sizes)) {
    for (const page of round) {
      const valid = validBatches(page.entries, head.lineage)
      if (valid.some((batch) => batch.baseOffset <= offset && offset < batch.endOffset)) return page
      if (valid.length > 0) return undefined
    }
  }
  return undefined
}

/** Adds those of `batches`, which are in offset order, that go on where `found` ends. */
function addBatches(found: Found, batches: readonly LocatedBatch[], wanted: Wanted): void {
  for (const batch of batches) {
    if (found.full) return
    if (batch.endOffset <= found.nextOffset) continue
    if (batch.baseOffset > found.nextOffset) return
    const { length } = batch.reference
    found.full =
      batch.endOffset > wanted.end ||
      found.batches.length === wanted.maxBatches ||
      (found.batches.length > 0 && found.bytes + length > wanted.maxBytes)
    if (found.full) return
    found.batches.push(batch)
    found.bytes += length
    found.nextOffset = batch.endOffset
  }
}
