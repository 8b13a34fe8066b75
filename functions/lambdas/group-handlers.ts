import { deleteGroupsFunction } from '../delete-groups.ts'
import { describeGroupsFunction } from '../describe-groups.ts'
import type { HandlersOf } from '../handler.ts'
import { heartbeatFunction } from '../heartbeat.ts'
import { joinGroupFunction } from '../join-group.ts'
import { leaveGroupFunction } from '../leave-group.ts'
import { listGroupsFunction } from '../list-groups.ts'
import { offsetCommitFunction } from '../offset-commit.ts'
import { offsetDeleteFunction } from '../offset-delete.ts'
import { offsetFetchFunction } from '../offset-fetch.ts'
import { syncGroupFunction } from '../sync-group.ts'

/** What the group function answers: consumer groups. */
export const GROUP_HANDLERS: HandlersOf<'group'> = {
  joinGroup: joinGroupFunction,
  syncGroup: syncGroupFunction,
  heartbeat: heartbeatFunction,
  leaveGroup: leaveGroupFunction,
  offsetCommit: offsetCommitFunction,
  offsetFetch: offsetFetchFunction,
  offsetDelete: offsetDeleteFunction,
  listGroups: listGroupsFunction,
  describeGroups: describeGroupsFunction,
  deleteGroups: deleteGroupsFunction,
}
