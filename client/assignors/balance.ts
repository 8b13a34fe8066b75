import { assert } from '../../shared/protocol/kafka-error.ts'
import { negativeCycle, type Residual } from './negative-cycle.ts'

/** Partitions of topics that have the same subscribers: how many of them a member gets counts, not which. */
export interface Pool {
  readonly partitionCount: number
  /** Places of the members that may have them; never empty. */
  readonly subscribers: readonly number[]
  /** By member, how many it owns already. */
  readonly owned: readonly number[]
}

/**
 * How many partitions of each pool each member gets, by pool and member: first, the members' totals are as even as
 * subscriptions allow (the least sum of squares); second, as few partitions as possible leave their owner. That is what KIP-54
 * asks for, and it is exact: a min-cost flow, from a first guess on, by cancelling one negative cycle after the other. So what
 * is withheld from one round of a cooperative rebalance finds its place in the next without another move.
 */
export function balance(pools: readonly Pool[], memberCount: number): number[][] {
  const counts = firstGuess(pools, memberCount)
  const loads = Array.from({ length: memberCount }, (_, member) =>
    counts.reduce((total, pool) => total + (pool[member] ?? 0), 0),
  )
  const residual: Residual = { pools, counts, loads }
  // Each one makes the sum of squares smaller, or the lost partitions fewer: it ends.
  for (let cycle = negativeCycle(residual); cycle !== undefined; cycle = negativeCycle(residual)) {
    for (const { pool, member, change } of cycle) {
      const row = counts[pool] as number[]
      row[member] = (row[member] as number) + change
      loads[member] = (loads[member] as number) + change
      assert(row[member] >= 0, `negative number of partitions pool=${pool} member=${member}`)
    }
  }
  return counts
}

/** Owners keep what they have up to an even share, and the rest goes to whoever has least: nearly always the answer already. */
function firstGuess(pools: readonly Pool[], memberCount: number): number[][] {
  const total = pools.reduce((sum, { partitionCount }) => sum + partitionCount, 0)
  const evenShare = Math.ceil(total / memberCount)
  const loads = Array.from({ length: memberCount }, () => 0)
  const counts = pools.map(({ owned }) =>
    owned.map((count, member) => {
      const load = loads[member] as number
      const kept = Math.min(count, evenShare - load)
      loads[member] = load + kept
      return kept
    }),
  )
  for (const [at, { partitionCount, subscribers }] of pools.entries()) {
    const row = counts[at] as number[]
    const left = partitionCount - row.reduce((sum, count) => sum + count, 0)
    for (let given = 0; given < left; given += 1) {
      const member = leastLoaded(subscribers, loads)
      row[member] = (row[member] as number) + 1
      loads[member] = (loads[member] as number) + 1
    }
  }
  return counts
}

/** Of several the first. */
function leastLoaded(members: readonly number[], loads: readonly number[]): number {
  return members.reduce((least, member) =>
    (loads[member] as number) < (loads[least] as number) ? member : least,
  )
}
