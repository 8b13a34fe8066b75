import { expect, test } from 'vitest'
import { expireGroup } from '../../shared/service/group-expiry.ts'
import { decodeGroup } from '../../shared/store/items/group-item.ts'
import { ALL_MEMBERS, groupMetaKey, groupPk } from '../../shared/store/keys.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'
import { checkGroup } from './check-group.ts'
import { type Client, newClient, request, settle, type World } from './client.ts'
import { GROUP, leave } from './group-actor.ts'
import type { Fate, Mishap } from './mortal.ts'

/** Members come, come back and leave; answers how many calls of the store that took. */
async function lifeOfAGroup(fate: Fate): Promise<TestDeps> {
  const configs = { 'group.initial.rebalance.delay.ms': '0', 'group.max.session.timeout.ms': '10000' }
  const deps = await testDeps({ configs })
  const world: World = { deps, fate }
  const a = newClient('a')
  const b = newClient('b')
  const c = newClient('c', { instance: 'i1' })
  await settle(world, [a])
  await settle(world, [a, b])
  await settle(world, [a, b, c])
  expectAssigned([a, b, c])
  const back = newClient('c', { instance: 'i1' })
  await settle(world, [a, b, back])
  expectAssigned([a, b, back])
  // No longer is an id of the first join taken for one that was just given out.
  for (let round = 0; round < 2; round += 1) {
    deps.clock.set(deps.clock.nowMs() + 6000)
    await settle(world, [a, b, back])
  }
  const { memberId } = b.actor
  const left = await request(world, (process) => leave(process, [{ memberId }]))
  if (!fate.mishap.startsWith('dies')) expect(left.members).toMatchObject([{ memberId, errorCode: 0 }])
  const silent = newClient('silent', { sessionMs: 6000 })
  await settle(world, [a, back, silent])
  deps.clock.set(deps.clock.nowMs() + 7000)
  await settle(world, [a, back])
  expectAssigned([a, back])
  await checkGroup(deps)
  await expectMembers(deps, [a, back])
  return deps
}

function expectAssigned(clients: readonly Client[]): void {
  expect(clients.map(({ assignment }) => assignment)).toEqual(clients.map(({ actor }) => `${actor.name}'s`))
}

async function expectMembers(deps: TestDeps, clients: readonly Client[]): Promise<void> {
  const item = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
  const { group } = decodeGroup(item ?? {})
  expect(group.state).toBe('Stable')
  expect(Object.keys(group.joined).sort()).toEqual(clients.map(({ actor }) => actor.memberId).sort())
}

/** Everybody falls silent: whatever was left over is gone in the end. */
async function expectGone(deps: TestDeps): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    deps.clock.set(deps.clock.nowMs() + 60_000)
    await expireGroup(otherEnvironment(deps), GROUP)
  }
  const item = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
  expect(decodeGroup(item ?? {}).group.state).toBe('Empty')
  const query = { ...ALL_MEMBERS, limit: 10, direction: 'ascending' } as const
  expect(await deps.documents.store.list(groupPk(GROUP), query)).toEqual([])
}

const MISHAPS: readonly Mishap[] = [
  'dies before',
  'dies after',
  'call lost',
  'answer lost',
  'throttled',
  'twice',
]

test.each(MISHAPS)('whichever write of the coordinator %s, the next request carries on', async (mishap) => {
  const quiet: Fate = { calls: 0, writes: [], at: -1, mishap }
  await expectGone(await lifeOfAGroup(quiet))
  expect(quiet.writes.length).toBeGreaterThan(50)
  // A read has no effect: whoever dies after it dies before the next call.
  for (const at of quiet.writes) {
    const fate: Fate = { calls: 0, writes: [], at, mishap }
    try {
      await expectGone(await lifeOfAGroup(fate))
    } catch (cause) {
      throw new Error(`${mishap} at call ${at} of ${quiet.calls}`, { cause })
    }
  }
})
