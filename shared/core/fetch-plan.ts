import type { Head, LocatedBatch } from './head.ts'

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

/** The replicas that hold everything below `endOffset`, the leader first. */
export function replicasHolding(head: Head, endOffset: number): readonly string[] {
  const holders = head.replicas.filter((replica) => logEndOf(head, replica) >= endOffset)
  return [
    ...holders.filter((replica) => replica === head.leader),
    ...holders.filter((replica) => replica !== head.leader),
  ]
}

/** Log end offset of a replica: the contiguous part of the log that it has. */
function logEndOf(head: Head, replica: string): number {
  const holeStart = head.holeStart[replica]
  return holeStart === undefined ? head.logEndOffset : Math.max(holeStart, head.sealedEnd)
}
