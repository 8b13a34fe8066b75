import type fc from 'fast-check'
import { type ArbitraryGroup, someGroup, withUserData } from './arbitrary-group.ts'
import { namesOf, partitions } from './assignor-members.ts'

/** A group so small that all its assignments can be tried; nothing is claimed twice. */
export const tinyGroup: fc.Arbitrary<ArbitraryGroup> = someGroup
  .map(({ members, partitionsOfTopic }) => ({
    members: members.slice(0, 3),
    partitionsOfTopic: new Map(
      [...partitionsOfTopic].slice(0, 3).map(([topic, count]) => [topic, count % 3]),
    ),
  }))
  .map(({ members, partitionsOfTopic }): ArbitraryGroup => {
    const claimed = new Set<string>()
    const own = members.map((member) => {
      const names = namesOf(member.ownedPartitions).filter((name) => !claimed.has(name))
      for (const name of names) claimed.add(name)
      return { ...member, ownedPartitions: partitions([...new Set(names)]), generationId: 1 }
    })
    return { members: withUserData(own), partitionsOfTopic }
  })

/** The least sum of squares, then the fewest claims lost, of all assignments that there are. */
export function best({ members, partitionsOfTopic }: ArbitraryGroup): { squares: number; lost: number } {
  const names = [...partitionsOfTopic].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, name: `${topic}-${partition}` })),
  )
  const owned = members.map(({ ownedPartitions }) => new Set(namesOf(ownedPartitions)))
  const loads = members.map(() => 0)
  const visit = (at: number, lost: number): { squares: number; lost: number } => {
    const partition = names[at]
    if (partition === undefined) return { squares: squares(loads), lost }
    const takers = members.flatMap(({ topics }, place) => (topics.includes(partition.topic) ? [place] : []))
    if (takers.length === 0) return visit(at + 1, lost)
    const isOwned = takers.some((place) => owned[place]?.has(partition.name))
    const results = takers.map((place) => {
      loads[place] = (loads[place] ?? 0) + 1
      const result = visit(at + 1, lost + (isOwned && !owned[place]?.has(partition.name) ? 1 : 0))
      loads[place] = (loads[place] ?? 0) - 1
      return result
    })
    return results.reduce((one, other) =>
      other.squares < one.squares || (other.squares === one.squares && other.lost < one.lost) ? other : one,
    )
  }
  return visit(0, 0)
}

/** How uneven totals are: the less the more even. */
export function squares(loads: readonly number[]): number {
  return loads.reduce((sum, load) => sum + load * load, 0)
}
