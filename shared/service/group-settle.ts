import { isMember } from '../core/group/membership-checks.ts'
import { departure, findExpired, nextCheckPlan } from '../core/group/membership-leave.ts'
import { completeRebalance, dueStep, prepareRebalance } from '../core/group/membership-rebalance.ts'
import { withoutSync } from '../core/group/membership-sync.ts'
import type { Deps } from './deps.ts'
import { raiseFence } from './group-fence.ts'
import { fenceOf, type StoredGroup } from './group-offsets.ts'
import { listMembers, loadGroup, putGroup, removeMembers, updateGroup } from './group-store.ts'

/**
 * Does what became due while nobody called, since no timer runs here: removes members that expired, completes a prepared
 * rebalance, and begins one anew that does not complete. Any number of callers may do so at once. Answers the group as it
 * is then; undefined when it is gone.
 */
export async function settleGroup(
  deps: Deps,
  groupId: string,
  read: StoredGroup | undefined,
): Promise<StoredGroup | undefined> {
  let stored = read
  for (let tries = 0; tries < deps.limits.maxUpdateTries && stored !== undefined; tries += 1) {
    const step = dueStep(stored.group, deps.clock.nowMs())
    if (step === undefined) return stored
    stored = (await STEPS[step](deps, groupId, stored)) ?? (await loadGroup(deps, groupId, 'strong'))
  }
  return stored
}

/** Each answers undefined when somebody else was faster, or may have been. */
const STEPS = { complete, 'begin anew': beginAnew, expire }

async function complete(deps: Deps, groupId: string, stored: StoredGroup): Promise<StoredGroup | undefined> {
  const members = await listMembers(deps, groupId)
  const next = completeRebalance(
    stored.group,
    members.map(({ member }) => member),
    deps.clock.nowMs(),
  )
  const put = await putGroup(deps, groupId, next, stored)
  if (put === undefined) return undefined
  // Their documents go last: who was on its way to join is none of them.
  const left = members.filter(
    ({ member: { memberId } }) => isMember(stored.group, memberId) && !isMember(next, memberId),
  )
  await removeMembers(deps, groupId, left)
  if (next.state === 'Empty') await raiseFence(deps, groupId, fenceOf(put))
  return put
}

async function beginAnew(deps: Deps, groupId: string, stored: StoredGroup): Promise<StoredGroup | undefined> {
  const members = await listMembers(deps, groupId)
  const leaving = withoutSync(
    stored.group,
    members.map(({ member }) => member),
  )
  const next = prepareRebalance(stored.group, { leaving }, deps.clock.nowMs())
  const put = await putGroup(deps, groupId, next, stored)
  if (put === undefined) return undefined
  await removeMembers(
    deps,
    groupId,
    members.filter(({ member }) => leaving.includes(member.memberId)),
  )
  return put
}

async function expire(deps: Deps, groupId: string, stored: StoredGroup): Promise<StoredGroup | undefined> {
  const { group } = stored
  const members = await listMembers(deps, groupId)
  const nowMs = deps.clock.nowMs()
  const { expired, missing, nextCheckMs } = findExpired(
    group,
    members.map(({ member }) => member),
    nowMs,
  )
  // A heartbeat that comes in between wins: it raised the version.
  const removed = await removeMembers(
    deps,
    groupId,
    members.filter(({ member }) => expired.includes(member)),
  )
  if (removed.length < expired.length) return undefined
  const left = removed.map(({ memberId }) => memberId).filter((memberId) => isMember(group, memberId))
  const leaving = [...left, ...missing]
  if (leaving.length === 0) return updateGroup(deps, groupId, nextCheckPlan(group, nextCheckMs))
  deps.log.warn('members of a group expired', { groupId, members: leaving })
  const gone = departure({ ...group, nextExpiryCheckMs: nextCheckMs }, leaving, nowMs)
  return gone.next === 'leave'
    ? updateGroup(deps, groupId, gone.plan)
    : putGroup(deps, groupId, gone.group, stored)
}
