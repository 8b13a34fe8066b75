import {
  type Assignor,
  type AssignorMember,
  groupAssignment,
  type Handout,
  type PartitionsOfTopic,
  sortedMembers,
  subscribedTopics,
} from './assignor.ts'
import { type Owners, ownersOf } from './claims.ts'
import { stickyHandouts } from './sticky.ts'
import {
  decodeCooperativeUserData,
  encodeCooperativeUserData,
  type OwnedInGeneration,
} from './sticky-user-data.ts'

/**
 * As sticky, but members go on with what they have while they rebalance (Kafka's `CooperativeStickyAssignor`, KIP-429): a
 * partition that changes hands is nobody's in this generation. Who had it revokes it and joins again, and the next one hands it
 * over; it takes one such round.
 */
export const cooperativeStickyAssignor: Assignor = {
  name: 'cooperative-sticky',
  supportedProtocols: ['COOPERATIVE', 'EAGER'],
  assign: assignCooperatively,
  subscriptionUserData: (_, generationId) => encodeCooperativeUserData(generationId),
}

function assignCooperatively(members: readonly AssignorMember[], partitionsOfTopic: PartitionsOfTopic) {
  const sorted = sortedMembers(members)
  const topics = subscribedTopics(sorted, partitionsOfTopic)
  const owners = ownersOf(sorted, topics, ownedNow)
  const handouts = stickyHandouts(sorted, topics, owners)
  const holders = holdersOf(sorted)
  return groupAssignment(
    sorted,
    handouts.filter((handout) => mayHave(handout, owners, holders)),
  )
}

/** The generation of a subscription below version 2 stands in the user data. */
function ownedNow({ ownedPartitions, generationId, userData }: AssignorMember): OwnedInGeneration {
  const said = generationId < 0 && userData !== null ? decodeCooperativeUserData(userData) : generationId
  return { partitions: ownedPartitions, generationId: said }
}

/** By topic and partition everyone that says to own it, rightly or not. */
type Holders = ReadonlyMap<string, ReadonlyMap<number, ReadonlySet<number>>>

function holdersOf(members: readonly AssignorMember[]): Holders {
  const holders = new Map<string, Map<number, Set<number>>>()
  for (const [member, { ownedPartitions }] of members.entries()) {
    for (const [topic, partitions] of ownedPartitions) {
      const ofTopic = holders.get(topic) ?? new Map<number, Set<number>>()
      holders.set(topic, ofTopic)
      for (const partition of partitions) {
        const ofPartition = ofTopic.get(partition) ?? new Set()
        ofTopic.set(partition, ofPartition.add(member))
      }
    }
  }
  return holders
}

/** Its owner may keep it; anyone else must wait until nobody holds it any more. */
function mayHave({ topic, partition, member }: Handout, owners: Owners, holders: Holders): boolean {
  if (owners.get(topic)?.[partition] === member) return true
  const others = holders.get(topic)?.get(partition) ?? new Set()
  return [...others].every((holder) => holder === member)
}
