import type { AssignorMember, GroupAssignment } from '../../client/assignors/assignor.ts'
import type { TopicPartitions } from '../../shared/protocol/consumer-protocol.ts'

/** A dynamic member that owns nothing, but for what `facts` say. */
export function member(
  memberId: string,
  topics: readonly string[],
  facts: Partial<AssignorMember> = {},
): AssignorMember {
  return {
    memberId,
    groupInstanceId: null,
    topics,
    ownedPartitions: new Map(),
    generationId: -1,
    userData: null,
    ...facts,
  }
}

/** Partitions from their names in Kafka's logs: `orders-3`. */
export function partitions(names: readonly string[]): TopicPartitions {
  const byTopic = Map.groupBy(names, (name) => name.slice(0, name.lastIndexOf('-')))
  return new Map(
    [...byTopic].map(([topic, names]) => [topic, names.map((name) => Number(name.slice(topic.length + 1)))]),
  )
}

/** The names of partitions. */
export function namesOf(partitions: TopicPartitions | undefined): string[] {
  return [...(partitions ?? [])].flatMap(([topic, indexes]) => indexes.map((index) => `${topic}-${index}`))
}

/** The names of what each member gets, in order. */
export function shares(assignment: GroupAssignment): Record<string, string[]> {
  return Object.fromEntries([...assignment].map(([memberId, of]) => [memberId, namesOf(of).toSorted()]))
}

/** The same members in their next join: they own what they were assigned in the generation. */
export function rejoined(
  members: readonly AssignorMember[],
  assignment: GroupAssignment,
  generationId: number,
): AssignorMember[] {
  return members.map((member) => ({
    ...member,
    ownedPartitions: assignment.get(member.memberId) ?? new Map(),
    generationId,
  }))
}
