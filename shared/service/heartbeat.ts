import { unknownMember } from '../core/group/membership-checks.ts'
import { dueStep } from '../core/group/membership-rebalance.ts'
import { checkHeartbeat, touchPlan } from '../core/group/membership-sync.ts'
import type { HeartbeatRequest, HeartbeatResponse } from '../protocol/api/groups.ts'
import { NO_ERROR } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { requireGroupId, type StoredGroup } from './group-offsets.ts'
import { settleGroup } from './group-settle.ts'
import { loadGroup, updateMember } from './group-store.ts'
import { rowOf } from './rows.ts'

/**
 * A member says that it is there, and learns whether it is to join again (Kafka's Heartbeat): one write of its own document,
 * and at the same time one eventual read of the group. Only what asks for action is read strongly.
 */
export function heartbeat(deps: Deps, request: HeartbeatRequest): Promise<HeartbeatResponse> {
  return rowOf(deps, () => beat(deps, request))
}

async function beat(deps: Deps, request: HeartbeatRequest): Promise<typeof NO_ERROR> {
  const { groupId, memberId } = request
  requireGroupId(groupId)
  const [touched, glance] = await Promise.all([
    updateMember(deps, groupId, memberId, touchPlan(deps.clock.nowMs())),
    loadGroup(deps, groupId, 'eventual'),
  ])
  if (touched.applied && isQuiet(deps, glance, request)) return NO_ERROR
  const stored = await settleGroup(deps, groupId, await loadGroup(deps, groupId, 'strong'))
  checkHeartbeat(stored?.group, request)
  // The group does not know yet that the member is gone.
  if (!touched.applied) throw unknownMember(memberId)
  return NO_ERROR
}

/** Whether the group, as it may have been a moment ago, has nothing to say to this member and nothing to be done. */
function isQuiet(deps: Deps, glance: StoredGroup | undefined, request: HeartbeatRequest): boolean {
  if (glance === undefined || dueStep(glance.group, deps.clock.nowMs()) !== undefined) return false
  try {
    checkHeartbeat(glance.group, request)
    return true
  } catch {
    return false
  }
}
