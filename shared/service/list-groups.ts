import type { ListGroupsRequest, ListGroupsResponse } from '../protocol/api/groups.ts'
import { GROUPS, groupOfListKey, groupsAfter } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { loadGroup } from './group-store.ts'

/**
 * One page of all groups (Kafka's ListGroups, API key 16), in the order of their keys. Where states are asked for, a page
 * may hold fewer than `limit`, or none, though others follow: the token says so.
 */
export async function listGroups(deps: Deps, request: ListGroupsRequest): Promise<ListGroupsResponse> {
  const { statesFilter, limit, nextToken } = request
  const query = { ...groupsAfter(nextToken ?? ''), limit, direction: 'ascending' } as const
  const names = (await deps.documents.list(GROUPS, query)).map(({ key }) => groupOfListKey(key))
  const groups = await concurrently(names, deps.limits.parallelDocuments, async (groupId) => {
    await deps.clock.giveWay()
    const stored = await loadGroup(deps, groupId, 'strong')
    if (stored === undefined) return []
    const { state: groupState, protocolType } = stored.group
    const isWanted = statesFilter.length === 0 || statesFilter.includes(groupState)
    return isWanted ? [{ groupId, protocolType, groupState }] : []
  })
  return { groups: groups.flat(), nextToken: names.length < limit ? null : (names.at(-1) ?? null) }
}
