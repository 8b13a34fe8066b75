import type { Deps } from './deps.ts'
import { expireOffsets } from './group-offsets-expiry.ts'
import { settleGroup } from './group-settle.ts'
import { loadGroup } from './group-store.ts'

/**
 * Does what a group is due for that nobody touches: removes members that nothing was heard of, and what goes on without
 * them; of an empty group the offsets, once they were kept for long enough; and finishes a deletion.
 */
export async function expireGroup(deps: Deps, groupId: string): Promise<void> {
  const stored = await settleGroup(deps, groupId, await loadGroup(deps, groupId, 'strong'))
  const state = stored?.group.state
  if (state === 'Empty' || state === 'Dead') await expireOffsets(deps, groupId)
}
