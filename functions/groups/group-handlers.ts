import type { HandlersOf } from '../handler.ts'
import { heartbeatFunction } from '../heartbeat.ts'
import { joinGroupFunction } from '../join-group.ts'
import { leaveGroupFunction } from '../leave-group.ts'
import { syncGroupFunction } from '../sync-group.ts'

/** What the group function answers: consumer groups. */
export const GROUP_HANDLERS: HandlersOf<'group'> = {
  joinGroup: joinGroupFunction,
  syncGroup: syncGroupFunction,
  heartbeat: heartbeatFunction,
  leaveGroup: leaveGroupFunction,
}
