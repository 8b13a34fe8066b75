import type { Group, Member } from '../core/group/group.ts'
import { offsetsRetentionMs } from '../core/group/retention.ts'
import { equal, set, type UpdatePlan } from '../core/update-plan.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Verdict } from '../store/document-store.ts'
import { decodeGroup, encodeGroup } from '../store/items/group-item.ts'
import { decodeMember, encodeMember } from '../store/items/member-item.ts'
import { newItemPlan } from '../store/items/new-item-plan.ts'
import { ALL_MEMBERS, groupListKey, groupMetaKey, groupPk, memberKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import type { StoredGroup } from './group-offsets.ts'

/** A member, and the version it was read at. */
export interface StoredMember {
  readonly member: Member
  readonly version: number
}

/** The group; undefined when there is none. An eventual read is good only to see that nothing asks for action. */
export async function loadGroup(
  deps: Deps,
  groupId: string,
  consistency: 'strong' | 'eventual',
): Promise<StoredGroup | undefined> {
  const item = await deps.documents.get(groupMetaKey(groupId), consistency)
  return item === undefined ? undefined : decodeGroup(item)
}

/**
 * Replaces the group that was read, or makes one. Undefined when somebody else was faster, or when it is not known whether
 * it was stored: who reads the group again sees.
 *
 * A new group is listed before it is made, and once more after that: its predecessor may have been on its way out. No
 * transaction does both, since many members come at once, and would refuse each other there.
 */
export async function putGroup(
  deps: Deps,
  groupId: string,
  group: Group,
  read: StoredGroup | undefined,
): Promise<StoredGroup | undefined> {
  const retentionMs = offsetsRetentionMs(deps.configs['offsets.retention.minutes'])
  const item = encodeGroup(group, { groupId, retentionMs })
  const key = groupMetaKey(groupId)
  if (read !== undefined) {
    const verdict = await unlessUnknown(deps, deps.documents.put(key, item, read.version))
    return verdict?.applied === true ? { group, version: read.version + 1 } : undefined
  }
  await list(deps, groupId)
  const verdict = await unlessUnknown(deps, deps.documents.update(key, newItemPlan(item, group.bornAtMs)))
  if (verdict?.applied !== true) return undefined
  await list(deps, groupId)
  return decodeGroup(verdict.item)
}

/** Carries out a plan on the group; undefined as for `putGroup`, and when it was refused. */
export async function updateGroup(
  deps: Deps,
  groupId: string,
  plan: UpdatePlan,
): Promise<StoredGroup | undefined> {
  const verdict = await unlessUnknown(deps, deps.documents.update(groupMetaKey(groupId), plan))
  return verdict?.applied === true ? decodeGroup(verdict.item) : undefined
}

/** The member's own document; undefined when it has none. */
export async function readMember(
  deps: Deps,
  groupId: string,
  memberId: string,
): Promise<StoredMember | undefined> {
  const item = await deps.documents.get(memberKey(groupId, memberId), 'strong')
  return item === undefined ? undefined : decodeMember(item)
}

/** The documents of all members, and of who was one or is on its way to be one. */
export async function listMembers(deps: Deps, groupId: string): Promise<readonly StoredMember[]> {
  const { listPage: limit } = deps.limits
  const members: StoredMember[] = []
  for (let range = ALL_MEMBERS; ; ) {
    await deps.clock.giveWay()
    const entries = await deps.documents.list(groupPk(groupId), { ...range, limit, direction: 'ascending' })
    members.push(...entries.map(({ item }) => decodeMember(item)))
    const last = entries.at(-1)
    if (last === undefined || entries.length < limit) return members
    range = { ...ALL_MEMBERS, from: `${last.key.sk} ` }
  }
}

/** Stores a member's own document if it still is what was read; whether that is certain. */
export async function putMember(
  deps: Deps,
  groupId: string,
  member: Member,
  read: StoredMember | undefined,
): Promise<boolean> {
  const key = memberKey(groupId, member.memberId)
  const item = encodeMember(member)
  const write =
    read === undefined
      ? deps.documents.update(key, newItemPlan(item, deps.clock.nowMs()))
      : deps.documents.put(key, item, read.version)
  return (await unlessUnknown(deps, write))?.applied === true
}

/** Changes a member's own document; a plan that may be carried out twice. */
export async function updateMember(
  deps: Deps,
  groupId: string,
  memberId: string,
  plan: UpdatePlan,
): Promise<Verdict> {
  const write = () => deps.documents.update(memberKey(groupId, memberId), plan)
  return (await unlessUnknown(deps, write())) ?? write()
}

/** Removes documents of members if they still are what was read; answers those that certainly are gone. */
export async function removeMembers(
  deps: Deps,
  groupId: string,
  members: readonly StoredMember[],
): Promise<readonly Member[]> {
  const removed = await concurrently(members, deps.limits.parallelDocuments, ({ member, version }) =>
    unlessUnknown(
      deps,
      deps.documents.delete(memberKey(groupId, member.memberId), [equal(['ver'], version)]),
    ),
  )
  return members.flatMap(({ member }, position) => {
    const verdict = removed[position]
    return verdict?.applied === true || (verdict !== undefined && verdict.item === undefined) ? [member] : []
  })
}

/**
 * Puts the group that was read, and a static member's new document in the place of its former one; undefined as for
 * `putGroup`.
 */
export async function replaceMember(
  deps: Deps,
  groupId: string,
  next: { readonly group: Group; readonly member: Member; readonly formerMemberId: string },
  { stored: read, own }: { readonly stored: StoredGroup; readonly own: StoredMember | undefined },
): Promise<StoredGroup | undefined> {
  const { group, member, formerMemberId } = next
  const retentionMs = offsetsRetentionMs(deps.configs['offsets.retention.minutes'])
  const item = encodeGroup(group, { groupId, retentionMs })
  // An earlier try, which somebody else was faster than, may have left a document of the new id, whose version rises.
  const ver = own === undefined ? deps.clock.nowMs() : own.version + 1
  const written = Object.entries({ ...encodeMember(member), ver }).map(([name, value]) => set([name], value))
  const verdict = await unlessUnknown(
    deps,
    deps.documents.transact([
      { action: 'put', key: groupMetaKey(groupId), item, expected: read.version },
      {
        action: 'update',
        key: memberKey(groupId, member.memberId),
        plan: { checks: [], changes: written },
      },
      { action: 'delete', key: memberKey(groupId, formerMemberId), checks: [] },
    ]),
  )
  return verdict?.applied === true ? { group, version: read.version + 1 } : undefined
}

/** A group that exists stands in the list of groups; one that is listed and is not there is passed over. */
async function list(deps: Deps, groupId: string): Promise<void> {
  const plan = { checks: [], changes: [set(['groupId'], groupId)] }
  const write = () => deps.documents.update(groupListKey(groupId), plan)
  if ((await unlessUnknown(deps, write())) === undefined) await write()
}

/**
 * What a write came to; undefined when that is not known, or when nothing came of it this time: a commit's transaction may
 * have been under way on the same document.
 */
async function unlessUnknown<T>(deps: Deps, write: Promise<T>): Promise<T | undefined> {
  try {
    return await write
  } catch (thrown) {
    const name = thrown instanceof KafkaError ? thrown.errorName : undefined
    if (name !== 'REQUEST_TIMED_OUT' && name !== 'KAFKA_STORAGE_ERROR') throw thrown
    const [random = 0] = deps.randomBytes(1)
    if (name === 'KAFKA_STORAGE_ERROR') {
      await deps.clock.sleep(Math.ceil(deps.limits.documentRetryMs * (0.5 + random / 256)))
    }
    return undefined
  }
}
