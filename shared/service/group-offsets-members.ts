import type { Group, Member } from '../core/group/group.ts'
import { isMember } from '../core/group/membership-checks.ts'
import { decodeMember } from '../store/items/member-item.ts'
import { ALL_MEMBERS, groupPk } from '../store/keys.ts'
import type { Deps } from './deps.ts'

/** The members of a group with what they joined with, by id. One that was not heard of for too long may be among them. */
export async function listMembers(deps: Deps, groupId: string, group: Group): Promise<readonly Member[]> {
  const { listPage: limit } = deps.limits
  const members: Member[] = []
  for (let range = ALL_MEMBERS; ; ) {
    await deps.clock.giveWay()
    const entries = await deps.documents.list(groupPk(groupId), { ...range, limit, direction: 'ascending' })
    members.push(...entries.map(({ item }) => decodeMember(item).member))
    const last = entries.at(-1)
    if (last === undefined || entries.length < limit) {
      // A member's document is there before META knows of it, and after.
      return members.filter(({ memberId }) => isMember(group, memberId))
    }
    range = { ...ALL_MEMBERS, from: `${last.key.sk} ` }
  }
}
