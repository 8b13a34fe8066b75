import type { AssignorMember, SubscribedTopic } from './assignor.ts'
import type { OwnedInGeneration } from './sticky-user-data.ts'

/** By topic and partition the place of the member that owns it; undefined where nobody does, or two say so. */
export type Owners = ReadonlyMap<string, readonly (number | undefined)[]>

/**
 * Who owned what when the members joined, by Kafka's `AbstractStickyAssignor`: of several who claim one partition it is the one
 * of the newest generation, and of two in the same generation neither. A claim of an older generation counts as long as nobody
 * else has one. Partitions that are gone, or whose topic the member does not want any more, are nobody's.
 */
export function ownersOf(
  members: readonly AssignorMember[],
  topics: readonly SubscribedTopic[],
  ownedBy: (member: AssignorMember) => OwnedInGeneration,
): Owners {
  const said = members.map(ownedBy)
  return new Map(
    topics.map(({ topic, partitionCount, subscribers }) => {
      const owners = Array.from({ length: partitionCount }, (): number | undefined => undefined)
      const generations = owners.map(() => Number.NEGATIVE_INFINITY)
      for (const member of subscribers) {
        const { partitions, generationId } = said[member] as OwnedInGeneration
        for (const partition of new Set(partitions.get(topic))) {
          const newest = generations[partition]
          if (newest === undefined || generationId < newest) continue
          owners[partition] = generationId === newest ? undefined : member
          generations[partition] = generationId
        }
      }
      return [topic, owners]
    }),
  )
}
