/**
 * The leader epochs of a partition, each with the offset at which it began (KIP-101). Epochs and starts rise together;
 * an epoch lasts until the next one begins.
 */
export type Lineage = Readonly<Record<string, number>>

/**
 * Whether `[baseOffset, endOffset)` written in `leaderEpoch` is part of the log: the whole range must lie in that
 * epoch's part of it. What an election truncated, or a handler that slept through one wrote, is not.
 */
export function inLineage(
  lineage: Lineage,
  range: { leaderEpoch: number; baseOffset: number; endOffset: number },
): boolean {
  const start = lineage[range.leaderEpoch]
  if (start === undefined || range.baseOffset < start) return false
  for (const [epoch, nextStart] of Object.entries(lineage)) {
    if (Number(epoch) > range.leaderEpoch && nextStart < range.endOffset) return false
  }
  return true
}

/** The epoch in which `offset` was or would be written: the last one that began at or below it; −1 before the first. */
export function epochOf(lineage: Lineage, offset: number): number {
  let found = -1
  for (const [epoch, start] of Object.entries(lineage)) {
    if (start <= offset && Number(epoch) > found) found = Number(epoch)
  }
  return found
}
