import type { TopicPartitions } from '../../shared/protocol/consumer-protocol.ts'
import {
  type Assignor,
  type AssignorMember,
  groupAssignment,
  type Handout,
  type SubscribedTopic,
  sortedMembers,
  subscribedTopics,
} from './assignor.ts'
import { balance, type Pool } from './balance.ts'
import { type Owners, ownersOf } from './claims.ts'
import { decodeStickyUserData, encodeStickyUserData, type OwnedInGeneration } from './sticky-user-data.ts'

/**
 * Totals as even as can be, and partitions stay with their owners as far as that allows (Kafka's `StickyAssignor`, KIP-54). As
 * members revoke all they had before they join, it is their user data that says what they had.
 */
export const stickyAssignor: Assignor = {
  name: 'sticky',
  supportedProtocols: ['EAGER'],
  assign: (members, partitionsOfTopic) => {
    const sorted = sortedMembers(members)
    const topics = subscribedTopics(sorted, partitionsOfTopic)
    return groupAssignment(sorted, stickyHandouts(sorted, topics, ownersOf(sorted, topics, ownedBefore)))
  },
  subscriptionUserData: (partitions: TopicPartitions, generationId: number) =>
    generationId < 0 ? null : encodeStickyUserData({ partitions, generationId }),
}

/** A member without user data may still have said it in the subscription. */
function ownedBefore({ userData, ownedPartitions, generationId }: AssignorMember): OwnedInGeneration {
  if (userData === null || userData.length === 0) return { partitions: ownedPartitions, generationId }
  return decodeStickyUserData(userData)
}

/** Shares all partitions out: balanced first, then with as few moves as possible. */
export function stickyHandouts(
  members: readonly AssignorMember[],
  topics: readonly SubscribedTopic[],
  owners: Owners,
): Handout[] {
  const topicsOfPool = Map.groupBy(topics, ({ subscribers }) => subscribers.join())
  const partitionsOfPool = [...topicsOfPool.values()].map((topics) => partitionsOf(topics, owners))
  const pools = [...topicsOfPool.values()].map((topics, at): Pool => {
    const partitions = partitionsOfPool[at] ?? []
    const owned = members.map(() => 0)
    for (const { owner } of partitions) if (owner !== undefined) owned[owner] = (owned[owner] ?? 0) + 1
    return { partitionCount: partitions.length, subscribers: topics[0]?.subscribers ?? [], owned }
  })
  const counts = balance(pools, members.length)
  return partitionsOfPool.flatMap((partitions, at) => handOut(partitions, counts[at] ?? []))
}

interface OwnedPartition {
  readonly topic: string
  readonly partition: number
  readonly owner: number | undefined
}

function partitionsOf(topics: readonly SubscribedTopic[], owners: Owners): OwnedPartition[] {
  return topics.flatMap(({ topic, partitionCount }) =>
    Array.from({ length: partitionCount }, (_, partition) => ({
      topic,
      partition,
      owner: owners.get(topic)?.[partition],
    })),
  )
}

/**
 * Owners keep the lowest partitions of all their topics, as many as they may have; all others are dealt out in turn, by topic and
 * partition, to those that are to have more.
 */
function handOut(partitions: readonly OwnedPartition[], counts: readonly number[]): Handout[] {
  const wanted = [...counts]
  const kept = new Set<OwnedPartition>()
  for (const owned of partitions.toSorted((one, other) => one.partition - other.partition)) {
    if (owned.owner === undefined || !(wanted[owned.owner] as number)) continue
    wanted[owned.owner] = (wanted[owned.owner] as number) - 1
    kept.add(owned)
  }
  let turn = -1
  return partitions.map((owned) => {
    const { topic, partition, owner } = owned
    if (owner !== undefined && kept.has(owned)) return { topic, partition, member: owner }
    do turn = (turn + 1) % wanted.length
    while (!wanted[turn])
    wanted[turn] = (wanted[turn] as number) - 1
    return { topic, partition, member: turn }
  })
}
