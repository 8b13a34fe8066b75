import { expect } from 'vitest'
import { decodeGroup } from '../../shared/store/items/group-item.ts'
import { decodeMember } from '../../shared/store/items/member-item.ts'
import { ALL_MEMBERS, groupListKey, groupMetaKey, groupPk } from '../../shared/store/keys.ts'
import type { TestDeps } from '../support/test-deps.ts'
import { GROUP } from './group-actor.ts'

const highest = new WeakMap<TestDeps['documents'], number>()

/** What must be true of a stored group after every request that was answered. */
export async function checkGroup(deps: TestDeps): Promise<void> {
  const { store } = deps.documents
  const item = await store.get(groupMetaKey(GROUP), 'strong')
  if (item === undefined) return
  expect(await store.get(groupListKey(GROUP), 'strong')).toBeDefined()
  const { group } = decodeGroup(item)
  expect(group.generationId).toBeGreaterThanOrEqual(highest.get(deps.documents) ?? 0)
  highest.set(deps.documents, group.generationId)
  const joined = Object.keys(group.joined)
  const awaited = Object.keys(group.awaited)
  expect(joined.filter((memberId) => awaited.includes(memberId))).toEqual([])
  for (const memberId of Object.values(group.instances)) expect([...joined, ...awaited]).toContain(memberId)
  if (group.state !== 'PreparingRebalance') expect(awaited).toEqual([])
  if (group.state === 'Empty') expect(joined).toEqual([])
  if (group.state !== 'Stable' && group.state !== 'CompletingRebalance') return
  expect(joined).toContain(group.leader)
  expect(Object.keys(group.commonProtocols)).toContain(group.protocolName)
  if (group.state !== 'Stable') return
  const query = { ...ALL_MEMBERS, limit: 1000, direction: 'ascending' } as const
  const members = (await store.list(groupPk(GROUP), query)).map((entry) => decodeMember(entry.item).member)
  for (const member of members.filter(({ memberId }) => joined.includes(memberId))) {
    expect(member.assignedGeneration).toBe(group.generationId)
  }
}
