import type { PartitionMetadata } from '../shared/protocol/api/metadata.ts'

/** Which partitions have a leader, as far as is known. */
export interface Leaders {
  /** Takes what metadata says now. */
  update(partitions: readonly PartitionMetadata[]): void
  /** Whether the partition should be written to; one that nobody asked about for long may have a leader again. */
  has(partition: number): boolean
}

/** A partition without a leader is tried again after so long: that costs a refused request, once. */
const FORGOTTEN_AFTER_MS = 30_000

/** What metadata said of all partitions, until it says something else. */
export function leadersOf(partitions: readonly PartitionMetadata[], now: () => number): Leaders {
  let leaderless: ReadonlySet<number> = new Set()
  let knownAtMs = 0
  const update = (known: readonly PartitionMetadata[]) => {
    leaderless = new Set(
      known.filter(({ leaderId }) => leaderId === -1).map(({ partitionIndex }) => partitionIndex),
    )
    knownAtMs = now()
  }
  update(partitions)
  return {
    update,
    has: (partition) => !leaderless.has(partition) || now() - knownAtMs >= FORGOTTEN_AFTER_MS,
  }
}
