import type { Group } from '../../shared/core/group/group.ts'
import { decodeGroup } from '../../shared/store/items/group-item.ts'
import { groupMetaKey } from '../../shared/store/keys.ts'
import {
  type Actor,
  GROUP,
  type JoinOptions,
  join,
  joins,
  newActor,
  syncs,
} from '../transcripts/group-actor.ts'
import { type TestDeps, testDeps } from './test-deps.ts'

/** No wait for more first members. */
export const NO_DELAY = { configs: { 'group.initial.rebalance.delay.ms': '0' } }

/** The group as it is stored. */
export async function storedGroup(deps: TestDeps): Promise<Group | undefined> {
  const item = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
  return item === undefined ? undefined : decodeGroup(item).group
}

/** Two members in a stable generation 2, which the first leads. */
export async function twoMembers(
  ofSecond: JoinOptions = {},
): Promise<{ deps: TestDeps; a: Actor; b: Actor }> {
  const deps = await testDeps(NO_DELAY)
  const [a, b] = [newActor('a'), newActor('b')]
  await joins(deps, a)
  await join(deps, b, ofSecond)
  await Promise.all([joins(deps, b, ofSecond), deps.clock.sleep(100).then(() => joins(deps, a))])
  const assignments = { [a.memberId]: 'x', [b.memberId]: 'y' }
  const ofInstance = ofSecond.instance === undefined ? {} : { instance: ofSecond.instance }
  await Promise.all([syncs(deps, a, { assignments }), syncs(deps, b, ofInstance)])
  return { deps, a, b }
}
