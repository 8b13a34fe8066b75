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

/** As much of a log as leader epochs tell of; a head is one. */
export interface EpochLog {
  readonly lineage: Lineage
  readonly logEndOffset: number
}

/** A leader epoch and the offset at which it ended, exclusive; both −1 where nothing is known. */
export interface EpochEnd {
  readonly leaderEpoch: number
  readonly endOffset: number
}

const UNDEFINED: EpochEnd = { leaderEpoch: -1, endOffset: -1 }

/**
 * The largest epoch up to `leaderEpoch` with its end: where the next one begins, or the log end for the last one, which is
 * still written to. When all known epochs are larger: `leaderEpoch` itself, ended where the lowest one begins (KIP-279).
 *
 * As Kafka's `LeaderEpochFileCache.endOffsetFor`: −1, and an epoch newer than the last one, have no answer. Unlike there, an
 * epoch without records keeps its entry until an election drops it; it ends where it began, and no record is of it.
 */
export function endOffsetFor(log: EpochLog, leaderEpoch: number): EpochEnd {
  const last = Math.max(-1, ...epochsOf(log.lineage))
  return leaderEpoch < 0 || leaderEpoch > last ? UNDEFINED : lastUpTo(log, leaderEpoch)
}

/**
 * How much of the follower's log is the leader's too: the exclusive offset to keep. The leader says where the follower's
 * last epoch, or the largest one below it, ended; where the follower does not know the epoch that is answered, it asks
 * again with the largest one that it has below that (KIP-101, KIP-279). The high watermark plays no part.
 */
export function divergence(leader: EpochLog, follower: EpochLog): number {
  let keep = follower.logEndOffset
  let asked = Math.max(-1, ...epochsOf(follower.lineage))
  for (const _ of epochsOf(follower.lineage)) {
    const theirs = lastUpTo(leader, asked)
    const own = lastUpTo(follower, theirs.leaderEpoch)
    keep = Math.min(keep, own.endOffset)
    if (own.leaderEpoch === theirs.leaderEpoch) return Math.min(keep, theirs.endOffset)
    asked = own.leaderEpoch
  }
  return keep
}

/** As `endOffsetFor`, but an epoch newer than the last one is answered with the last one. */
function lastUpTo({ lineage, logEndOffset }: EpochLog, leaderEpoch: number): EpochEnd {
  const epochs = epochsOf(lineage)
  const next = epochs.find((epoch) => epoch > leaderEpoch)
  return {
    leaderEpoch: epochs.findLast((epoch) => epoch <= leaderEpoch) ?? leaderEpoch,
    endOffset: next === undefined ? logEndOffset : (lineage[next] ?? logEndOffset),
  }
}

function epochsOf(lineage: Lineage): readonly number[] {
  return Object.keys(lineage)
    .map(Number)
    .sort((a, b) => a - b)
}
