import type { Member } from '../core/group/group.ts'
import { rebalanceInProgress, unknownMember } from '../core/group/membership-checks.ts'
import { prepareRebalance } from '../core/group/membership-rebalance.ts'
import {
  assignPlan,
  decideSync,
  isAssigned,
  type SyncDecision,
  stable,
  syncedPlan,
} from '../core/group/membership-sync.ts'
import type { SyncGroupRequest, SyncGroupResponse } from '../protocol/api/groups.ts'
import { NO_ERROR } from '../protocol/kafka-error.ts'
import { decodeMember } from '../store/items/member-item.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { raiseFence } from './group-fence.ts'
import { fenceOf, requireGroupId, type StoredGroup } from './group-offsets.ts'
import { settleGroup } from './group-settle.ts'
import { loadGroup, putGroup, readMember, updateMember } from './group-store.ts'
import { awaitGroup, stillRebalancing } from './group-wait.ts'
import { rowOf } from './rows.ts'

/**
 * The leader's assignments are stored and every member gets its own, once all of them are (Kafka's SyncGroup). Each step may
 * be repeated, by the same request made again too: nobody has an assignment before the group is stable.
 */
export function syncGroup(deps: Deps, request: SyncGroupRequest): Promise<SyncGroupResponse> {
  return rowOf(deps, () => sync(deps, request))
}

async function sync(deps: Deps, request: SyncGroupRequest): Promise<SyncGroupResponse> {
  const { groupId, generationId, memberId } = request
  requireGroupId(groupId)
  const untilMs = deps.clock.nowMs() + deps.limits.groupWaitMs
  let stored = await settleGroup(deps, groupId, await loadGroup(deps, groupId, 'strong'))
  let isHeard = false
  let heard: Member | undefined
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    const decision: SyncDecision = decideSync(stored?.group, request)
    if (stored === undefined) throw unknownMember(memberId)
    if (decision === 'answer') {
      const answer = await answerOf(deps, request, stored)
      if (answer !== undefined) return answer
    } else {
      if (!isHeard) heard = await noteSync(deps, request)
      isHeard = true
      if (decision === 'assign') {
        stored = await assign(deps, request, stored)
        if (stored !== undefined) continue
      } else {
        stored = await awaitGroup(deps, groupId, stored, {
          untilMs,
          memberId,
          heard,
          goesOn: (group) => group.state === 'CompletingRebalance' && group.generationId === generationId,
        })
        const isStillCompleting = stored?.group.state === 'CompletingRebalance'
        if (isStillCompleting && deps.clock.nowMs() >= untilMs) break
        continue
      }
    }
    stored = await settleGroup(deps, groupId, await loadGroup(deps, groupId, 'strong'))
  }
  // The member has no document any more, which the group does not know yet.
  if (stored?.group.state === 'Stable') throw unknownMember(memberId)
  return stillRebalancing(deps, stored?.group)
}

/** The member is not among those that keep the others waiting; undefined when it has no document any more. */
async function noteSync(
  deps: Deps,
  { groupId, memberId, generationId }: SyncGroupRequest,
): Promise<Member | undefined> {
  const { item } = await updateMember(deps, groupId, memberId, syncedPlan(generationId, deps.clock.nowMs()))
  return item === undefined ? undefined : decodeMember(item).member
}

/** Stores what the leader assigns, and makes the group stable. Undefined when somebody else was faster, or may have been. */
async function assign(
  deps: Deps,
  { groupId, assignments }: SyncGroupRequest,
  stored: StoredGroup,
): Promise<StoredGroup | undefined> {
  const { group } = stored
  const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  const stands = await concurrently(
    Object.keys(group.joined),
    deps.limits.parallelDocuments,
    async (memberId) => {
      await deps.clock.giveWay()
      return assignOne(deps, { groupId, memberId }, group.generationId, given.get(memberId) ?? '')
    },
  )
  if (stands.includes(false)) {
    // The leader said something else before, which some members may have: only another generation is one of a piece.
    await putGroup(deps, groupId, prepareRebalance(group, {}, deps.clock.nowMs()), stored)
    throw rebalanceInProgress()
  }
  await raiseFence(deps, groupId, fenceOf(stored))
  return putGroup(deps, groupId, stable(group), stored)
}

/** Whether a member, if it is still there, has this assignment now and no other one. */
async function assignOne(
  deps: Deps,
  { groupId, memberId }: { groupId: string; memberId: string },
  generationId: number,
  assignment: string,
): Promise<boolean> {
  const { applied, item } = await updateMember(deps, groupId, memberId, assignPlan(generationId, assignment))
  return applied || item === undefined || isAssigned(decodeMember(item).member, generationId, assignment)
}

/** The member's assignment of the group's generation; undefined when the group has moved on. */
async function answerOf(
  deps: Deps,
  { groupId, memberId }: SyncGroupRequest,
  { group }: StoredGroup,
): Promise<SyncGroupResponse | undefined> {
  const own = await readMember(deps, groupId, memberId)
  if (own === undefined || own.member.assignedGeneration !== group.generationId) return undefined
  const { protocolType, protocolName } = group
  return { ...NO_ERROR, protocolType, protocolName, assignment: own.member.assignment }
}
