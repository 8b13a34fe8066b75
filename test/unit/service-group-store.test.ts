import { expect, test } from 'vitest'
import type { Member } from '../../shared/core/group/group.ts'
import {
  loadGroup,
  putGroup,
  putMember,
  readMember,
  removeMembers,
  replaceMember,
} from '../../shared/service/group-store.ts'
import { groupMetaKey, memberKey } from '../../shared/store/keys.ts'
import { GROUP, STABLE } from '../support/group-offsets.ts'
import { START_MS, testDeps } from '../support/test-deps.ts'

const memberOf = (memberId: string): Member => ({
  memberId,
  groupInstanceId: 'i',
  clientId: 'c',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: '' }],
  offeredGeneration: -1,
  expiresAtMs: 10_000,
  syncedGeneration: -1,
  assignedGeneration: -1,
  assignment: '',
})

test('who read a group that was deleted and made anew since writes nothing over the new one', async () => {
  const deps = await testDeps()
  const born = (bornAtMs: number) => ({ ...STABLE, bornAtMs })
  await putGroup(deps, GROUP, born(1000), undefined)
  const read = await loadGroup(deps, GROUP, 'strong')
  await deps.documents.delete(groupMetaKey(GROUP), [])
  const made = await putGroup(deps, GROUP, born(2000), undefined)
  expect(made).toEqual(await loadGroup(deps, GROUP, 'strong'))
  expect(await putGroup(deps, GROUP, born(1000), read)).toBeUndefined()
  expect(await loadGroup(deps, GROUP, 'strong')).toEqual(made)
})

test('who read a member that was removed and came back since neither removes nor replaces it', async () => {
  const deps = await testDeps()
  const member = memberOf('a')
  await putMember(deps, GROUP, member, undefined)
  const seen = await readMember(deps, GROUP, 'a')
  if (seen === undefined) throw new Error('nothing is stored')
  await deps.documents.delete(memberKey(GROUP, 'a'), [])
  deps.clock.set(START_MS + 1)
  expect(await putMember(deps, GROUP, member, undefined)).toBe(true)
  expect(await removeMembers(deps, GROUP, [seen])).toEqual([])
  expect(await putMember(deps, GROUP, member, seen)).toBe(false)
  expect(await readMember(deps, GROUP, 'a')).toEqual({ member, version: START_MS + 1 })
})

test('who looked at the document of an earlier try of a static member does not remove the one that took its place', async () => {
  const deps = await testDeps()
  await putGroup(deps, GROUP, STABLE, undefined)
  const stored = await loadGroup(deps, GROUP, 'strong')
  await putMember(deps, GROUP, memberOf('former'), undefined)
  const next = memberOf('next')
  await putMember(deps, GROUP, next, undefined)
  const seen = await readMember(deps, GROUP, 'next')
  await putMember(deps, GROUP, next, seen)
  const own = await readMember(deps, GROUP, 'next')
  if (stored === undefined || seen === undefined) throw new Error('nothing is stored')
  await replaceMember(
    deps,
    GROUP,
    { group: stored.group, member: next, formerMemberId: 'former' },
    { stored, own },
  )
  expect(await removeMembers(deps, GROUP, [seen])).toEqual([])
  expect(await readMember(deps, GROUP, 'next')).toEqual({ member: next, version: START_MS + 2 })
  expect(await readMember(deps, GROUP, 'former')).toBeUndefined()
})
