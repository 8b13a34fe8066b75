import type { OffsetsFence } from '../core/group/group.ts'
import { raiseFencePlan } from '../core/group/offsets.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { listGroupOffsets } from './group-offsets.ts'

/**
 * Raises the fence of every document of committed offsets that a group has, to what META says at `fence.groupVersion` or to
 * what a newer META said. From then on no commit of an earlier generation succeeds, nor one of a static member's former id.
 *
 * To be called once META is stored at that version, and before it is Stable: a document that is made after META was stored
 * has this fence from the start. It may be called again, by several at once, and in any order.
 */
export async function raiseFence(deps: Deps, groupId: string, fence: OffsetsFence): Promise<void> {
  for await (const page of listGroupOffsets(deps, groupId)) {
    const behind = page.filter(({ document }) => document.fence.groupVersion < fence.groupVersion)
    await concurrently(behind, deps.limits.parallelDocuments, ({ key }) =>
      // Refused: somebody raised it further, or the group or the topic is being deleted, and may be made anew.
      deps.documents.update(key, raiseFencePlan(fence)),
    )
  }
}
