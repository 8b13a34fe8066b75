import { type Head, isValid, type LocatedBatch, nodeOf } from './head.ts'

/** What one partition of a fetch could be given: its batches from the asked offset on, and the most bytes asked for. */
export interface FetchShare {
  readonly batches: readonly LocatedBatch[]
  readonly partitionMaxBytes: number
}

/**
 * Shares the bytes of an answer out among its partitions, in their order. Batches stay whole; the first partition that
 * has data gives at least one, whatever its size, so that a large batch is never in the way (KIP-74).
 */
export function shareOut(
  shares: readonly FetchShare[],
  maxBytes: number,
): readonly (readonly LocatedBatch[])[] {
  let left = maxBytes
  let first = true
  return shares.map(({ batches, partitionMaxBytes }) => {
    let room = Math.min(left, partitionMaxBytes)
    const taken: LocatedBatch[] = []
    for (const batch of batches) {
      const { length } = batch.reference
      if (length > room && !first) break
      taken.push(batch)
      room -= length
      left -= length
      first = false
    }
    return taken
  })
}

/** Bytes of batches, as their references say. */
export function bytesOf(batches: readonly LocatedBatch[]): number {
  return batches.reduce((sum, batch) => sum + batch.reference.length, 0)
}

/** What a reader knows of the storage nodes: which are in its own zone, and which failed just now. */
export interface KnownNodes {
  readonly near: ReadonlySet<number>
  readonly failing: ReadonlySet<number>
}

const NOTHING_KNOWN: KnownNodes = { near: new Set(), failing: new Set() }

/**
 * The replicas that hold everything below `endOffset`: those near the reader first, then the leader, then the others; and
 * after all of them, in the same order, those whose nodes fail.
 */
export function replicasHolding(
  head: Head,
  endOffset: number,
  { near, failing }: KnownNodes = NOTHING_KNOWN,
): readonly string[] {
  const distance = (replica: string) =>
    (failing.has(nodeOf(replica)) ? 4 : 0) +
    (near.has(nodeOf(replica)) ? 0 : 2) +
    (replica === head.leader ? 0 : 1)
  return head.replicas
    .filter((replica) => logEndOf(head, replica) >= endOffset)
    .toSorted((a, b) => distance(a) - distance(b))
}

/** Whether the batch's object must be on the replica's node: no collector may have taken it, and the replica is past it. */
export function mustHold(head: Head, replica: string, batch: LocatedBatch): boolean {
  return (
    batch.baseOffset >= Math.max(head.logStartOffset, head.sealedEnd) &&
    isValid(batch, head.lineage) &&
    head.replicas.includes(replica) &&
    logEndOf(head, replica) >= batch.endOffset
  )
}

/** Log end offset of a replica: the contiguous part of the log that it has. */
function logEndOf(head: Head, replica: string): number {
  const holeStart = head.holeStart[replica]
  return holeStart === undefined ? head.logEndOffset : Math.max(holeStart, head.sealedEnd)
}
