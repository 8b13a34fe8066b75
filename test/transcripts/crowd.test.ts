import { expect, test } from 'vitest'
import { decodeGroup } from '../../shared/store/items/group-item.ts'
import { groupMetaKey } from '../../shared/store/keys.ts'
import { testDeps } from '../support/test-deps.ts'
import { checkGroup } from './check-group.ts'
import { newClient, settle } from './client.ts'
import { GROUP } from './group-actor.ts'
import { quietFate } from './mortal.ts'

const MEMBERS = 60

/** Calls of the document store for each member: measured, and a third more. */
const CASES = [
  { delay: '0', generations: 2, mostCalls: 32 },
  { delay: '3000', generations: 1, mostCalls: 32 },
]

test.each(CASES)('sixty members at once, initial delay $delay ms', async (given) => {
  const deps = await testDeps({ configs: { 'group.initial.rebalance.delay.ms': given.delay } })
  const clients = Array.from({ length: MEMBERS }, (_, member) =>
    newClient(`m${member}`, { sessionMs: 45_000 }),
  )
  await settle({ deps, fate: quietFate() }, clients)
  const item = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
  const { group } = decodeGroup(item ?? {})
  expect(group.state).toBe('Stable')
  expect(Object.keys(group.joined)).toHaveLength(MEMBERS)
  expect(group.generationId).toBeLessThanOrEqual(given.generations)
  expect(deps.documents.faults.calls.length / MEMBERS).toBeLessThan(given.mostCalls)
  await checkGroup(deps)
})

test('members that come and go in a crowd leave nobody out and nobody in', async () => {
  const deps = await testDeps({ configs: { 'group.initial.rebalance.delay.ms': '0' } })
  const world = { deps, fate: quietFate() }
  const clients = Array.from({ length: 20 }, (_, member) => newClient(`m${member}`))
  await settle(world, clients.slice(0, 10))
  await settle(world, clients)
  // Half of them fall silent, the leader among them.
  deps.clock.set(deps.clock.nowMs() + 9000)
  await settle(world, clients.slice(10))
  deps.clock.set(deps.clock.nowMs() + 9000)
  await settle(world, clients.slice(10))
  const item = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
  const { joined, state } = decodeGroup(item ?? {}).group
  expect(state).toBe('Stable')
  expect(Object.keys(joined).sort()).toEqual(
    clients
      .slice(10)
      .map(({ actor }) => actor.memberId)
      .sort(),
  )
  await checkGroup(deps)
})
