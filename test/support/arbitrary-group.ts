import fc from 'fast-check'
import type { Assignor, AssignorMember, GroupAssignment } from '../../client/assignors/assignor.ts'
import { encodeStickyUserData } from '../../client/assignors/sticky-user-data.ts'
import { namesOf, partitions, rejoined } from './assignor-members.ts'

/** Members, and the partitions that there are. */
export interface ArbitraryGroup {
  readonly members: readonly AssignorMember[]
  readonly partitionsOfTopic: ReadonlyMap<string, number>
}

const TOPICS = ['a', 'b', 'c', 'd']

const partitionsOfTopic = fc
  .array(fc.tuple(fc.constantFrom(...TOPICS), fc.nat(6)), { maxLength: 4 })
  .map((entries): ReadonlyMap<string, number> => new Map(entries))
const subscription = fc.subarray([...TOPICS, 'unknown'])
const membersOf = (topics: fc.Arbitrary<string[]>) =>
  fc.uniqueArray(
    fc.record({
      id: fc.nat(30),
      isStatic: fc.boolean(),
      topics,
      owned: claims(),
      generationId: fc.integer({ min: -1, max: 3 }),
    }),
    {
      minLength: 1,
      maxLength: 7,
      selector: ({ id }) => id,
    },
  )

/** Names of partitions, of which some do not exist and others are claimed by several. */
function claims(): fc.Arbitrary<string[]> {
  const name = fc.tuple(fc.constantFrom(...TOPICS, 'gone'), fc.nat(7)).map((parts) => parts.join('-'))
  return fc.array(name, { maxLength: 8 })
}

function toMembers(
  drawn: readonly {
    id: number
    isStatic: boolean
    topics: string[]
    owned: string[]
    generationId: number
  }[],
): AssignorMember[] {
  return drawn.map(({ id, isStatic, topics, owned, generationId }) => ({
    memberId: `member-${id}`,
    groupInstanceId: isStatic ? `instance-${30 - id}` : null,
    topics,
    ownedPartitions: partitions(owned),
    generationId,
    userData: id % 3 === 0 ? encodeStickyUserData({ partitions: partitions(owned), generationId }) : null,
  }))
}

/** A group whose members want whatever they like, and claim to have owned anything. */
export const someGroup: fc.Arbitrary<ArbitraryGroup> = fc.record({
  members: membersOf(subscription).map(toMembers),
  partitionsOfTopic,
})

/** A group whose members want the same, and claim to have owned anything. */
export const equalGroup: fc.Arbitrary<ArbitraryGroup> = fc.record({
  members: subscription.chain((topics) => membersOf(fc.constant(topics)).map(toMembers)),
  partitionsOfTopic,
})

/** The same group before anyone owned anything. */
export function fresh({ members, partitionsOfTopic }: ArbitraryGroup): ArbitraryGroup {
  return {
    members: members.map((member) => ({
      ...member,
      ownedPartitions: new Map(),
      generationId: -1,
      userData: null,
    })),
    partitionsOfTopic,
  }
}

/** The same group, told in another order. */
export function shuffled({ members, partitionsOfTopic }: ArbitraryGroup): fc.Arbitrary<ArbitraryGroup> {
  const all = <T>(list: readonly T[]) => fc.shuffledSubarray([...list], { minLength: list.length })
  return fc.record({
    members: fc
      .tuple(all(members), fc.infiniteStream(fc.boolean()))
      .map(([members, turns]) => members.map((member) => (turns.next().value ? turned(member) : member))),
    partitionsOfTopic: all([...partitionsOfTopic]).map((entries) => new Map(entries)),
  })
}

function turned(member: AssignorMember): AssignorMember {
  const { topics, ownedPartitions } = member
  return {
    ...member,
    topics: topics.toReversed(),
    ownedPartitions: new Map(
      [...ownedPartitions].reverse().map(([topic, owned]) => [topic, owned.toReversed()]),
    ),
  }
}

/** What everyone has after so many rounds, each of which begins with what the last one gave. */
export function assignmentOf(
  assign: Assignor['assign'],
  { members, partitionsOfTopic }: ArbitraryGroup,
  rounds: number,
): GroupAssignment {
  let assignment = assign(members, partitionsOfTopic)
  for (let round = 1; round < rounds; round += 1) {
    assignment = assign(withUserData(rejoined(members, assignment, 10 + round)), partitionsOfTopic)
  }
  return assignment
}

/** Members that say in their user data too what they own. */
export function withUserData(members: readonly AssignorMember[]): AssignorMember[] {
  return members.map((member) => {
    const { ownedPartitions, generationId } = member
    return { ...member, userData: encodeStickyUserData({ partitions: ownedPartitions, generationId }) }
  })
}

/** By the name of a partition, everyone that has it. */
export function ownersIn(assignment: GroupAssignment): Map<string, string[]> {
  const pairs = [...assignment].flatMap(([memberId, share]) =>
    namesOf(share).map((name) => ({ name, memberId })),
  )
  return new Map(
    [...Map.groupBy(pairs, ({ name }) => name)].map(([name, pairs]) => [
      name,
      pairs.map(({ memberId }) => memberId),
    ]),
  )
}

/** How many partitions each member has. */
export function loadsOf(assignment: GroupAssignment): number[] {
  return [...assignment.values()].map((share) => namesOf(share).length)
}
