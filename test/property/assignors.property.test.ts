import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AssignorMember, GroupAssignment } from '../../client/assignors/assignor.ts'
import { ASSIGNORS } from '../../client/assignors/assignors.ts'
import {
  assignmentOf,
  equalGroup,
  loadsOf,
  ownersIn,
  shuffled,
  someGroup,
} from '../support/arbitrary-group.ts'

const wanted = (members: readonly AssignorMember[], partitionsOfTopic: ReadonlyMap<string, number>) =>
  [...partitionsOfTopic].flatMap(([topic, count]) =>
    members.some(({ topics }) => topics.includes(topic))
      ? Array.from({ length: count }, (_, partition) => `${topic}-${partition}`)
      : [],
  )

/** As often as the assignor lets members revoke what others are to have. */
function settled(
  assign: (typeof ASSIGNORS)[number]['assign'],
  group: Parameters<typeof assignmentOf>[1],
): GroupAssignment {
  return assignmentOf(assign, group, 2)
}

describe.each(ASSIGNORS)('$name', ({ assign }) => {
  test('every partition of a topic that somebody wants has one owner, who wants it', () => {
    fc.assert(
      fc.property(someGroup, (group) => {
        const assignment = settled(assign, group)
        const owners = ownersIn(assignment)
        expect([...owners.keys()].sort()).toEqual(wanted(group.members, group.partitionsOfTopic).sort())
        for (const [name, memberIds] of owners) {
          expect(memberIds).toHaveLength(1)
          const owner = group.members.find(({ memberId }) => memberId === memberIds[0])
          expect(owner?.topics).toContain(name.slice(0, name.lastIndexOf('-')))
        }
      }),
    )
  })

  test('everyone gets an answer, a list for each topic that is in order and not empty', () => {
    fc.assert(
      fc.property(someGroup, ({ members, partitionsOfTopic }) => {
        const assignment = assign(members, partitionsOfTopic)
        expect([...assignment.keys()].sort()).toEqual(members.map(({ memberId }) => memberId).sort())
        for (const partitions of [...assignment.values()].flatMap((share) => [...share.values()])) {
          expect(partitions).toEqual([...new Set(partitions)].sort((one, other) => one - other))
          expect(partitions.length).toBeGreaterThan(0)
        }
      }),
    )
  })

  test('the order in which members and topics are listed changes nothing', () => {
    fc.assert(
      fc.property(
        someGroup.chain((group) => fc.tuple(fc.constant(group), shuffled(group))),
        ([one, other]) => {
          expect(assign(other.members, other.partitionsOfTopic)).toEqual(
            assign(one.members, one.partitionsOfTopic),
          )
        },
      ),
    )
  })

  test('with equal subscriptions totals differ by one at most, or by one for each topic of range', () => {
    fc.assert(
      fc.property(equalGroup, (group) => {
        const loads = loadsOf(settled(assign, group))
        const topics = assign === ASSIGNORS[0]?.assign ? group.partitionsOfTopic.size : 1
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(topics)
      }),
    )
  })
})
