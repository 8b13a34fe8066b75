import { areOffsetsExpired, offsetsRetentionMs } from '../core/group/retention.ts'
import { equal, set } from '../core/update-plan.ts'
import { decodeGroup, groupDueAtMs } from '../store/items/group-item.ts'
import { groupMetaKey } from '../store/keys.ts'
import { finishGroupDeletion, goDead } from './delete-groups.ts'
import type { Deps } from './deps.ts'

/**
 * What a group that is due needs, as far as its offsets go: one that had no member, and no commit, for
 * `offsets.retention.minutes` is removed with them, and one whose deletion was begun is finished. Any other stays as it is.
 */
export async function expireOffsets(deps: Deps, groupId: string): Promise<void> {
  const retentionMs = offsetsRetentionMs(deps.configs['offsets.retention.minutes'])
  const state = await goDead(deps, groupId, (group) =>
    areOffsetsExpired(group, { retentionMs, nowMs: deps.clock.nowMs() }),
  )
  if (state === 'Dead') await finishGroupDeletion(deps, groupId)
  if (state === 'Empty') await postpone(deps, groupId, retentionMs)
}

/** Offsets are kept for longer than they were when it became due: it would be in the way of all else that is. */
async function postpone(deps: Deps, groupId: string, retentionMs: number): Promise<void> {
  const key = groupMetaKey(groupId)
  const item = await deps.documents.get(key, 'strong')
  if (item === undefined) return
  const { group, version } = decodeGroup(item)
  const dueAtMs = groupDueAtMs(group, retentionMs)
  if (group.state !== 'Empty' || item.dueAtMs === dueAtMs) return
  await deps.documents.update(key, {
    checks: [equal(['ver'], version)],
    changes: [set(['dueAtMs'], dueAtMs)],
  })
}
