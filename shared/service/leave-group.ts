import type { Group } from '../core/group/group.ts'
import { isMember, requireGroup } from '../core/group/membership-checks.ts'
import { isPendingMemberId } from '../core/group/membership-id.ts'
import { departure, leavingMember } from '../core/group/membership-leave.ts'
import { without } from '../core/group/membership-rebalance.ts'
import type { LeaveGroupRequest, LeaveGroupResponse, LeftMember } from '../protocol/api/groups.ts'
import { type ErrorRow, errorRow, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { memberKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { requireGroupId } from './group-offsets.ts'
import { settleGroup } from './group-settle.ts'
import { loadGroup, putGroup, updateGroup } from './group-store.ts'
import { rowOf } from './rows.ts'

/**
 * Members leave a group, or an operator removes static ones by their names (Kafka's LeaveGroup). The group knows first, then
 * their documents go: one that is left over expires.
 */
export async function leaveGroup(deps: Deps, request: LeaveGroupRequest): Promise<LeaveGroupResponse> {
  const answer = await rowOf(deps, () => leave(deps, request))
  return 'errorName' in answer ? { ...answer, members: [] } : answer
}

async function leave(deps: Deps, request: LeaveGroupRequest): Promise<LeaveGroupResponse> {
  const { groupId } = request
  requireGroupId(groupId)
  /** Members that an earlier try may have removed, by the row that named them. */
  const removed = new Map<number, string>()
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    const stored = await loadGroup(deps, groupId, 'strong')
    if (stored?.group.state === 'Dead') requireGroup(stored.group)
    const { rows, leaving } = judge(deps, stored?.group, request, removed)
    for (const [position, memberId] of leaving) removed.set(position, memberId)
    if (stored !== undefined && leaving.size > 0) {
      const gone = departure(stored.group, [...leaving.values()], deps.clock.nowMs())
      const after =
        gone.next === 'leave'
          ? await updateGroup(deps, groupId, gone.plan)
          : await putGroup(deps, groupId, gone.group, stored)
      if (after === undefined) continue
      await removeDocuments(deps, groupId, removed)
      await settleGroup(deps, groupId, after)
    } else {
      await removeDocuments(deps, groupId, removed)
    }
    return { ...NO_ERROR, members: rows }
  }
  throw new KafkaError('REQUEST_TIMED_OUT', `group changed at every try: ask again groupId=${groupId}`)
}

/** What each member of the request is told, and who leaves, by position. */
function judge(
  deps: Deps,
  group: Group | undefined,
  { members }: LeaveGroupRequest,
  removed: ReadonlyMap<number, string>,
): { readonly rows: readonly LeftMember[]; readonly leaving: ReadonlyMap<number, string> } {
  const longestSessionMs = deps.configs['group.max.session.timeout.ms']
  const leaving = new Map<number, string>()
  let left = group
  const rows = members.map(({ memberId, groupInstanceId }, position): LeftMember => {
    const row = (result: typeof NO_ERROR | ErrorRow) => ({ memberId, groupInstanceId, ...result })
    const gone = removed.get(position)
    if (gone !== undefined && (left === undefined || !isMember(left, gone))) return row(NO_ERROR)
    try {
      const isPending = isPendingMemberId(memberId, deps.clock.nowMs(), longestSessionMs)
      const goes = leavingMember(left, { memberId, groupInstanceId }, isPending)
      if (goes !== undefined) leaving.set(position, goes)
      if (goes !== undefined && left !== undefined) left = without(left, [goes])
      return row(NO_ERROR)
    } catch (thrown) {
      if (!(thrown instanceof KafkaError)) throw thrown
      return row(errorRow(thrown))
    }
  })
  return { rows, leaving }
}

async function removeDocuments(
  deps: Deps,
  groupId: string,
  removed: ReadonlyMap<number, string>,
): Promise<void> {
  await concurrently([...removed.values()], deps.limits.parallelDocuments, (memberId) =>
    rowOf(deps, () => deps.documents.delete(memberKey(groupId, memberId), [])),
  )
}
