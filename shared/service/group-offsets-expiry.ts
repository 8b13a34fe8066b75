import { areOffsetsExpired, offsetsRetentionMs } from '../core/group/retention.ts'
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
}
