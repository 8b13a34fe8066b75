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
import { GROUP, STABLE } from '../support/group-offsets.ts'
import { testDeps } from '../support/test-deps.ts'

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
  expect(await readMember(deps, GROUP, 'next')).toEqual({ member: next, version: 3 })
  expect(await readMember(deps, GROUP, 'former')).toBeUndefined()
})
