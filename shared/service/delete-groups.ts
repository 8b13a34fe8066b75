import type { Group } from '../core/group/group.ts'
import { offsetsRetentionMs } from '../core/group/retention.ts'
import { equal } from '../core/update-plan.ts'
import type { DeleteGroupsRequest, DeleteGroupsResponse } from '../protocol/api/groups.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import type { Action, Entry } from '../store/document-store.ts'
import { decodeGroup, encodeGroup } from '../store/items/group-item.ts'
import { EVERYTHING, groupListKey, groupMetaKey, groupPk } from '../store/keys.ts'
import { updateDocument } from '../store/update.ts'
import type { Deps } from './deps.ts'
import { settleGroup } from './group-settle.ts'
import { loadGroup } from './group-store.ts'
import { refuseTwice } from './named-twice.ts'
import { asKafkaError, rowOf } from './rows.ts'

/**
 * Deletes groups that have no members, with their offsets (Kafka's DeleteGroups, API key 42). To ask again for one whose
 * deletion was begun is to go on with it.
 *
 * @throws KafkaError INVALID_REQUEST when a group stands in the request twice
 */
export async function deleteGroups(
  deps: Deps,
  { groups }: DeleteGroupsRequest,
): Promise<DeleteGroupsResponse> {
  refuseTwice('group', groups)
  const results: DeleteGroupsResponse['results'][number][] = []
  for (const groupId of groups) {
    results.push({ groupId, ...(await rowOf(deps, () => deleteGroup(deps, groupId))) })
  }
  return { results }
}

async function deleteGroup(deps: Deps, groupId: string): Promise<typeof NO_ERROR> {
  // Members that nobody heard of for too long are none.
  await settleGroup(deps, groupId, await loadGroup(deps, groupId, 'strong'))
  const state = await goDead(deps, groupId, () => true)
  if (state === undefined) throw new KafkaError('GROUP_ID_NOT_FOUND', `unknown group groupId=${groupId}`)
  if (state !== 'Dead') {
    throw new KafkaError('NON_EMPTY_GROUP', `group has members groupId=${groupId} state=${state}`)
  }
  try {
    await finishGroupDeletion(deps, groupId)
  } catch (thrown) {
    const { message } = asKafkaError(deps, thrown)
    throw new KafkaError('REQUEST_TIMED_OUT', `group is deleted in part groupId=${groupId}: ${message}`, {
      cause: thrown,
    })
  }
  return NO_ERROR
}

/**
 * Has a group without members go Dead if `mayGo` says so: nobody joins it or commits to it any more. Answers its state then;
 * undefined when there is no such group.
 */
export async function goDead(
  deps: Deps,
  groupId: string,
  mayGo: (group: Group) => boolean,
): Promise<Group['state'] | undefined> {
  const retentionMs = offsetsRetentionMs(deps.configs['offsets.retention.minutes'])
  const left = await updateDocument(deps.documents, groupMetaKey(groupId), (item) => {
    if (item === undefined) return undefined
    const { group, version } = decodeGroup(item)
    if (group.state !== 'Empty' || !mayGo(group)) return undefined
    return { item: encodeGroup({ ...group, state: 'Dead' }, { groupId, retentionMs }), expected: version }
  })
  return left === undefined ? undefined : decodeGroup(left).group.state
}

/**
 * Removes everything of a Dead group, META and its row among the groups last. Every step may have been done before, or be done
 * by another at the same time: each is carried out only while META is Dead, so that what a new group of that name has is
 * left alone by whoever was held up.
 */
export async function finishGroupDeletion(deps: Deps, groupId: string): Promise<void> {
  const meta = groupMetaKey(groupId)
  for (;;) {
    await deps.clock.giveWay()
    // META is among them.
    const limit = deps.limits.parallelDocuments + 1
    const query = { ...EVERYTHING, limit, direction: 'ascending' } as const
    const entries = await deps.documents.list(groupPk(groupId), query)
    const others = entries.filter(({ key }) => key.sk !== meta.sk)
    if (others.length > 0 && !(await removeOf(deps, groupId, others))) return
    if (entries.length < limit) break
  }
  await deps.documents.transact([
    { action: 'delete', key: meta, checks: [equal(['state'], 'Dead')] },
    { action: 'delete', key: groupListKey(groupId), checks: [] },
  ])
}

/** Answers whether the group is still the Dead one. */
async function removeOf(deps: Deps, groupId: string, entries: readonly Entry[]): Promise<boolean> {
  const deletes = entries.map(({ key }): Action => ({ action: 'delete', key, checks: [] }))
  const verdict = await deps.documents.transact([
    { action: 'check', key: groupMetaKey(groupId), checks: [equal(['state'], 'Dead')] },
    ...deletes,
  ])
  return verdict.applied
}
