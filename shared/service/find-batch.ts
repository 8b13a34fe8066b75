import { type BatchReference, packReference } from '../core/batch-reference.ts'
import { type Head, isValid, type LocatedBatch, locate, validBatches } from '../core/head.ts'
import { findSequence } from '../core/head-answer.ts'
import type { IndexPage } from '../core/index-page.ts'
import { producerKey } from '../core/producer-state.ts'
import type { BatchHeader } from '../protocol/batch-header.ts'
import { decodePage } from '../store/items/page-item.ts'
import { pagesBelow, pagesFrom, pagesUpTo } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { type Partition, pkOf } from './heads.ts'
import { readSpilledProducer } from './spill-producer.ts'

/**
 * The batch that this very append wrote, if it was applied: in the head, or in a page, when others appended so much
 * meanwhile that it left the tail. It cannot be below `fromOffset`, the log end offset seen before the try.
 */
export async function findReference(
  deps: Deps,
  partition: Partition,
  head: Head,
  wanted: { reference: BatchReference; fromOffset: number },
): Promise<LocatedBatch | undefined> {
  const packed = packReference(wanted.reference)
  const inEntries = (entries: Readonly<Record<string, number>>) => {
    const baseOffset = entries[packed]
    const batch = baseOffset === undefined ? undefined : locate(wanted.reference, baseOffset)
    return batch !== undefined && isValid(batch, head.lineage) ? batch : undefined
  }
  const inTail = inEntries(head.tail)
  if (inTail !== undefined) return inTail
  const query = { limit: deps.limits.maxDuplicatePages } as const
  const before = await pages(deps, partition, {
    ...pagesUpTo(wanted.fromOffset),
    limit: 1,
    direction: 'descending',
  })
  const after = await pages(deps, partition, {
    ...pagesFrom(wanted.fromOffset),
    ...query,
    direction: 'ascending',
  })
  return firstFound([...before, ...after], (page) => inEntries(page.entries))
}

/** The batch that an idempotent producer appended with these sequences before: in the tail, else in the pages up to its last batch. */
export async function findDuplicate(
  deps: Deps,
  partition: Partition,
  head: Head,
  header: BatchHeader,
): Promise<LocatedBatch | undefined> {
  const { producerId, producerEpoch, baseSequence, recordCount } = header
  const batch = { sequence: { producerId, producerEpoch, baseSequence }, recordCount }
  const inTail = findSequence(head.tail, head.lineage, batch)
  if (inTail !== undefined) return inTail
  const producer = producerKey(producerId)
  const lastBaseOffset =
    head.producerOffsets[producer] ?? (await readSpilledProducer(deps, partition, producer))?.lastBaseOffset
  if (lastBaseOffset === undefined) return undefined
  const { maxDuplicatePages: most } = deps.limits
  let seen = 0
  for await (const round of pagesDown(deps, partition, lastBaseOffset, { first: most, further: most })) {
    // Pages that a truncation left behind count for nothing.
    const valid = round.filter((page) => validBatches(page.entries, head.lineage).length > 0)
    const found = firstFound(valid.slice(0, most - seen), (page) =>
      findSequence(page.entries, head.lineage, batch),
    )
    seen += valid.length
    if (found !== undefined || seen >= most) return found
  }
  return undefined
}

/**
 * Index pages that begin at or below `offset`, the last first, some at a time: `first`, then `further` in each round. Who
 * looks for an entry goes on while it meets nothing but pages that a truncation left behind.
 */
export async function* pagesDown(
  deps: Deps,
  partition: Partition,
  offset: number,
  { first, further }: { readonly first: number; readonly further: number },
): AsyncGenerator<readonly IndexPage[]> {
  let range = pagesUpTo(offset)
  for (let round = 0; round <= deps.limits.maxPageWalkRounds; round += 1) {
    if (round > 0) await deps.clock.giveWay()
    const limit = round === 0 ? first : further
    const query = { ...range, limit, direction: 'descending' } as const
    const entries = await deps.documents.list(pkOf(partition), query)
    yield entries.map((entry) => decodePage(entry.item))
    const last = entries.at(-1)
    if (last === undefined || entries.length < limit) return
    range = pagesBelow(last.key)
  }
}

/** Index pages of a partition in a range of their keys. */
export async function pages(
  deps: Deps,
  partition: Partition,
  query: Parameters<Deps['documents']['list']>[1],
): Promise<readonly IndexPage[]> {
  const entries = await deps.documents.list(pkOf(partition), query)
  return entries.map((entry) => decodePage(entry.item))
}

function firstFound<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}
