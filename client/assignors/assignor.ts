import type { TopicPartitions } from '../../shared/protocol/consumer-protocol.ts'

/** A member of a consumer group as the one that assigns sees it. */
export interface AssignorMember {
  readonly memberId: string
  /** Name of a static member (KIP-345). */
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
  /** What it has not revoked before it joined. */
  readonly ownedPartitions: TopicPartitions
  /** The generation of `ownedPartitions`, −1 when it said none. */
  readonly generationId: number
  readonly userData: Uint8Array | null
}

/** How many partitions each topic has; a topic that is missing has none. */
export type PartitionsOfTopic = ReadonlyMap<string, number>

/** What each member gets: an entry for everyone, partitions of topics that somebody subscribes to. */
export type GroupAssignment = Map<string, TopicPartitions>

/**
 * How a group's leader shares partitions out (Kafka's `ConsumerPartitionAssignor`). All is pure, and the order in which
 * members are listed changes nothing.
 */
export interface Assignor {
  /** What members offer in a join: Kafka's own name. */
  readonly name: string
  /** EAGER: every member has revoked all it had before it joins. COOPERATIVE: only what it loses, once it knows (KIP-429). */
  readonly supportedProtocols: readonly ('COOPERATIVE' | 'EAGER')[]
  readonly assign: (
    members: readonly AssignorMember[],
    partitionsOfTopic: PartitionsOfTopic,
  ) => GroupAssignment
  /** What a member that was assigned `partitions` in the generation puts into its next subscription's user data. */
  readonly subscriptionUserData: (partitions: TopicPartitions, generationId: number) => Uint8Array | null
}

/** The order of Kafka's `MemberInfo`: static members by their names, which outlive a restart; then the others by their ids. */
export function sortedMembers(members: readonly AssignorMember[]): AssignorMember[] {
  return members.toSorted((one, other) => {
    if (one.groupInstanceId === null || other.groupInstanceId === null) {
      if (one.groupInstanceId !== other.groupInstanceId) return one.groupInstanceId === null ? 1 : -1
      return compareText(one.memberId, other.memberId)
    }
    return (
      compareText(one.groupInstanceId, other.groupInstanceId) || compareText(one.memberId, other.memberId)
    )
  })
}

/** A topic that has partitions, and those who want it. */
export interface SubscribedTopic {
  readonly topic: string
  readonly partitionCount: number
  /** Places of the subscribers in the list of members; never empty. */
  readonly subscribers: readonly number[]
}

/** All topics that somebody subscribes to and that have partitions, by name. */
export function subscribedTopics(
  members: readonly AssignorMember[],
  partitionsOfTopic: PartitionsOfTopic,
): SubscribedTopic[] {
  const subscribers = new Map<string, number[]>()
  for (const [at, { topics }] of members.entries()) {
    for (const topic of new Set(topics)) {
      const known = subscribers.get(topic)
      if (known === undefined) subscribers.set(topic, [at])
      else known.push(at)
    }
  }
  return [...subscribers]
    .map(([topic, subscribers]) => ({
      topic,
      partitionCount: partitionsOfTopic.get(topic) ?? 0,
      subscribers,
    }))
    .filter(({ partitionCount }) => partitionCount > 0)
    .sort((one, other) => compareText(one.topic, other.topic))
}

/** One partition, for the member at a place in the list of members. */
export interface Handout {
  readonly topic: string
  readonly partition: number
  readonly member: number
}

/** What everyone gets by `handouts`; partitions of a topic stand in ascending order. */
export function groupAssignment(
  members: readonly AssignorMember[],
  handouts: readonly Handout[],
): GroupAssignment {
  const shares = members.map(() => new Map<string, number[]>())
  for (const { topic, partition, member } of handouts) {
    const known = shares[member]?.get(topic)
    if (known === undefined) shares[member]?.set(topic, [partition])
    else known.push(partition)
  }
  for (const partitions of shares.flatMap((share) => [...share.values()])) {
    partitions.sort((one, other) => one - other)
  }
  return new Map(members.map(({ memberId }, at) => [memberId, shares[at] ?? new Map()]))
}

/** By UTF-16 code units, as Java compares strings. */
export function compareText(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
