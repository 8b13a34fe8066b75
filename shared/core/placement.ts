/**
 * The storage nodes of a partition's replicas in assignment order: replica j of partition i is on node
 * (start + i + j) mod n, each on another one. Appends go to all of them; the first leads.
 */
export function placeReplicas(placement: {
  startIndex: number
  partitionIndex: number
  replicationFactor: number
  nodeCount: number
}): readonly number[] {
  const { startIndex, partitionIndex, replicationFactor, nodeCount } = placement
  return Array.from(
    { length: replicationFactor },
    (_, replica) => (startIndex + partitionIndex + replica) % nodeCount,
  )
}

/** The shard of the index of due work that a partition is listed in: they fill evenly. */
export function dueShardOf(startIndex: number, partitionIndex: number): number {
  return (startIndex + partitionIndex) % DUE_SHARDS
}

const DUE_SHARDS = 4
