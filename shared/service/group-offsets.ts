import type { GroupOffsets } from '../core/group/group.ts'
import type { Key } from '../store/document-store.ts'
import { decodeGroupOffsets } from '../store/items/group-offsets-item.ts'
import { ALL_OFFSETS, groupPk, topicOfOffsets } from '../store/keys.ts'
import type { Deps } from './deps.ts'

/** One document of committed offsets. */
export interface StoredOffsets {
  readonly key: Key
  readonly topicId: string
  readonly document: GroupOffsets
}

/**
 * Every document of committed offsets that a group has, page by page. A document that is made meanwhile may be missing.
 */
export async function* listGroupOffsets(
  deps: Deps,
  groupId: string,
): AsyncGenerator<readonly StoredOffsets[]> {
  const { listPage: limit } = deps.limits
  for (let range = ALL_OFFSETS; ; ) {
    await deps.clock.giveWay()
    const entries = await deps.documents.list(groupPk(groupId), { ...range, limit, direction: 'ascending' })
    yield entries.map(({ key, item }) => ({
      key,
      topicId: topicOfOffsets(key.sk),
      document: decodeGroupOffsets(item),
    }))
    const last = entries.at(-1)
    if (last === undefined || entries.length < limit) return
    range = { ...ALL_OFFSETS, from: `${last.key.sk} ` }
  }
}
