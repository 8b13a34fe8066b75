import type { Pool } from './balance.ts'

/** Pools, how many partitions of each a member has now (by pool and member), and each member's total. */
export interface Residual {
  readonly pools: readonly Pool[]
  readonly counts: readonly (readonly number[])[]
  readonly loads: readonly number[]
}

/** A member gets one partition more of a pool, or one fewer. */
export interface Change {
  readonly pool: number
  readonly member: number
  readonly change: 1 | -1
}

/**
 * Changes that together make the assignment better, or undefined when there are none: then it is as good as any (a flow without
 * a negative cycle has the least cost). Nodes are the members, then the pools, then one for all totals. Edges: a member gives a
 * partition back to its pool (which loses one that it owned), a pool gives one to a subscriber (which may get back one of its
 * own), and a total may fall while another one rises, at the change of their squares. Found by Bellman and Ford's algorithm.
 */
export function negativeCycle({ pools, counts, loads }: Residual): Change[] | undefined {
  const memberCount = loads.length
  const totals = memberCount + pools.length
  /** One unit of squares outweighs all partitions that a cycle, which meets each member once, can lose. */
  const unit = memberCount + 1
  const costs = new Float64Array(totals + 1)
  const before = new Int32Array(totals + 1).fill(-1)
  let isChanged = true
  const relax = (from: number, to: number, cost: number) => {
    const through = (costs[from] as number) + cost
    if (through >= (costs[to] as number)) return
    costs[to] = through
    before[to] = from
    isChanged = true
  }
  while (isChanged) {
    isChanged = false
    for (let member = 0; member < memberCount; member += 1) {
      const load = loads[member] as number
      if (load > 0) relax(totals, member, (1 - 2 * load) * unit)
    }
    for (const [pool, { subscribers, owned }] of pools.entries()) {
      const row = counts[pool] as readonly number[]
      for (const member of subscribers) {
        const count = row[member] as number
        if (count > 0) relax(member, memberCount + pool, count <= (owned[member] as number) ? 1 : 0)
      }
      for (const member of subscribers) {
        relax(memberCount + pool, member, (row[member] as number) < (owned[member] as number) ? -1 : 0)
      }
    }
    for (let member = 0; member < memberCount; member += 1) {
      relax(member, totals, (2 * (loads[member] as number) + 1) * unit)
    }
    const cycle = isChanged ? cycleIn(before) : undefined
    if (cycle !== undefined) return changesOf(cycle, memberCount, totals)
  }
  return undefined
}

/** Nodes of a cycle, each the one before the next; any cycle among the predecessors is a negative one. */
function cycleIn(before: Int32Array): number[] | undefined {
  const seenFrom = new Int32Array(before.length).fill(-1)
  for (let start = 0; start < before.length; start += 1) {
    let node = start
    while (node >= 0 && seenFrom[node] === -1) {
      seenFrom[node] = start
      node = before[node] as number
    }
    if (node < 0 || seenFrom[node] !== start) continue
    const cycle = [node]
    for (let at = before[node] as number; at !== node; at = before[at] as number) cycle.push(at)
    return cycle.reverse()
  }
  return undefined
}

function changesOf(cycle: readonly number[], memberCount: number, totals: number): Change[] {
  return cycle.flatMap((from, at): Change[] => {
    const to = cycle[(at + 1) % cycle.length] as number
    if (from === totals || to === totals) return []
    return from < memberCount
      ? [{ pool: to - memberCount, member: from, change: -1 }]
      : [{ pool: from - memberCount, member: to, change: 1 }]
  })
}
