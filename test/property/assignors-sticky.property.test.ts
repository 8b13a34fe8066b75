import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AssignorMember, GroupAssignment } from '../../client/assignors/assignor.ts'
import { cooperativeStickyAssignor } from '../../client/assignors/cooperative-sticky.ts'
import { stickyAssignor } from '../../client/assignors/sticky.ts'
import {
  type ArbitraryGroup,
  assignmentOf,
  equalGroup,
  fresh,
  loadsOf,
  ownersIn,
  someGroup,
  withUserData,
} from '../support/arbitrary-group.ts'
import { namesOf, partitions, rejoined } from '../support/assignor-members.ts'
import { best, squares, tinyGroup } from '../support/best-assignment.ts'

const settled = (group: ArbitraryGroup) => assignmentOf(stickyAssignor.assign, fresh(group), 1)
const next = ({ members }: ArbitraryGroup, assignment: GroupAssignment) =>
  withUserData(rejoined(members, assignment, 5))
/** Partitions that a member had before and has no more. */
const lostBy = (memberId: string, before: GroupAssignment, after: GroupAssignment) => {
  const kept = new Set(namesOf(after.get(memberId)))
  return namesOf(before.get(memberId)).filter((name) => !kept.has(name))
}

describe.each([stickyAssignor, cooperativeStickyAssignor])('$name', ({ assign }) => {
  test('nothing moves when nothing changes', () => {
    fc.assert(
      fc.property(someGroup, (group) => {
        const before = settled(group)
        expect(assign(next(group, before), group.partitionsOfTopic)).toEqual(before)
      }),
    )
  })

  test('when members leave, those that stay lose nothing', () => {
    fc.assert(
      fc.property(equalGroup, fc.nat(6), (group, staying) => {
        const before = settled(group)
        const members = next(group, before).slice(0, staying + 1)
        const after = assign(members, group.partitionsOfTopic)
        for (const { memberId } of members) expect(lostBy(memberId, before, after)).toEqual([])
        expect([...ownersIn(after).keys()].sort()).toEqual([...ownersIn(before).keys()].sort())
      }),
    )
  })

  test('a member that missed a generation takes nothing from those that have it', () => {
    fc.assert(
      fc.property(equalGroup, (group) => {
        const before = settled(group)
        const all = partitions([...ownersIn(before).keys()])
        const [back, ...others] = next(group, before) as [AssignorMember, ...AssignorMember[]]
        const [stale] = withUserData([{ ...back, ownedPartitions: all, generationId: 4 }]) as [AssignorMember]
        const after = assign([stale, ...others], group.partitionsOfTopic)
        for (const { memberId } of others) expect(lostBy(memberId, before, after)).toEqual([])
      }),
    )
  })

  test('when members come, nobody loses more than is above its share, and only to them', () => {
    fc.assert(
      fc.property(equalGroup, fc.integer({ min: 1, max: 3 }), (group, coming) => {
        const before = settled(group)
        const [one] = group.members as [AssignorMember]
        const newcomers = Array.from({ length: coming }, (_, at) => ({
          ...one,
          memberId: `new-${at}`,
          groupInstanceId: null,
          ownedPartitions: new Map(),
          userData: null,
        }))
        const members = [...next(group, before), ...newcomers]
        const after = assign(members, group.partitionsOfTopic)
        const total = loadsOf(before).reduce((sum, load) => sum + load, 0)
        const leastShare = Math.floor(total / members.length)
        for (const { memberId } of group.members) {
          const kept = namesOf(after.get(memberId))
          expect(namesOf(before.get(memberId))).toEqual(expect.arrayContaining(kept))
          const lost = lostBy(memberId, before, after)
          expect(lost.length === 0 || kept.length >= leastShare).toBe(true)
        }
      }),
    )
  })
})

test('sticky: of all assignments it is one of the most even, and of those one that moves least', () => {
  fc.assert(
    fc.property(tinyGroup, (group) => {
      const assignment = stickyAssignor.assign(group.members, group.partitionsOfTopic)
      const lost = group.members.flatMap(({ memberId, ownedPartitions, topics }) =>
        lostBy(memberId, new Map([[memberId, ownedPartitions]]), assignment).filter((name) => {
          const [topic = '', partition] = name.split('-')
          return topics.includes(topic) && Number(partition) < (group.partitionsOfTopic.get(topic) ?? 0)
        }),
      )
      expect({ squares: squares(loadsOf(assignment)), lost: lost.length }).toEqual(best(group))
    }),
    { numRuns: 300 },
  )
})

test('cooperative-sticky: no partition that somebody holds goes to another, and it settles in two rounds', () => {
  fc.assert(
    fc.property(
      tinyGroup.chain((tiny) => fc.oneof(someGroup, fc.constant(tiny))),
      (group) => {
        const { assign } = cooperativeStickyAssignor
        const before = new Map(
          group.members.map(({ memberId, ownedPartitions }) => [memberId, ownedPartitions]),
        )
        const holders = ownersIn(before)
        const contested = [...holders].filter(([, memberIds]) => memberIds.length > 1).map(([name]) => name)
        const first = assign(group.members, group.partitionsOfTopic)
        for (const [name, [owner]] of ownersIn(first)) {
          const held = holders.get(name) ?? []
          expect(held.length === 0 || held.includes(owner as string)).toBe(true)
          if (!contested.includes(name) && held.length > 0) expect(held).toEqual([owner])
        }
        const members = rejoined(group.members, first, 9)
        const second = assign(members, group.partitionsOfTopic)
        for (const { memberId } of members) expect(lostBy(memberId, first, second)).toEqual([])
        expect(assign(rejoined(members, second, 10), group.partitionsOfTopic)).toEqual(second)
        const eager = stickyAssignor.assign(fresh(group).members, group.partitionsOfTopic)
        expect([...ownersIn(second).keys()].sort()).toEqual([...ownersIn(eager).keys()].sort())
      },
    ),
    { numRuns: 300 },
  )
})
