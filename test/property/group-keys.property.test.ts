import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  ALL_MEMBERS,
  groupListKey,
  groupOfListKey,
  groupOfPk,
  groupPk,
  groupsAfter,
  memberKey,
} from '../../shared/store/keys.ts'

const name = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.string({ minLength: 1, unit: fc.constantFrom('~', '!', 'a', '#', '%', ' ', 'é') }),
)

test('whatever a group and its members are called, the ranges of keys hold them', () => {
  fc.assert(
    fc.property(name, name, (groupId, memberId) => {
      const all = groupsAfter('')
      const { sk } = groupListKey(groupId)
      expect(all.from <= sk && sk <= all.to).toBe(true)
      const member = memberKey(groupId, memberId).sk
      expect(ALL_MEMBERS.from <= member && member <= ALL_MEMBERS.to).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('a page of groups begins after the last one of the page before', () => {
  fc.assert(
    fc.property(name, name, (before, groupId) => {
      const { from, to } = groupsAfter(before)
      const { sk } = groupListKey(groupId)
      expect(from <= sk && sk <= to).toBe(sk > groupListKey(before).sk)
    }),
    { numRuns: 500 },
  )
})

test('a group is known by its keys', () => {
  fc.assert(
    fc.property(name, (groupId) => {
      expect(groupOfListKey(groupListKey(groupId))).toBe(groupId)
      expect(groupOfPk(groupPk(groupId))).toBe(groupId)
    }),
  )
})
