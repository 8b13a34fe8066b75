import type { Group, Member } from './group.ts'
import { namesOf } from './membership-checks.ts'
import { commonProtocolsOf, selectProtocol } from './membership-protocols.ts'
import { onlyOffered, prepareRebalance } from './membership-rebalance.ts'

/** A static member that is back. */
export interface Returning {
  readonly formerMemberId: string
  readonly member: Member
  /** All members, as they were stored. */
  readonly members: readonly Member[]
  readonly nowMs: number
}

/** What a static member's return comes to. */
export interface Replacement {
  readonly member: Member
  readonly formerMemberId: string
  readonly group: Group
}

/**
 * A static member came back without its id: another one takes its place everywhere, which fences the former one (Kafka's
 * `updateStaticMemberThenRebalanceOrCompleteJoin`). In a stable group that is all, unless what it offers now makes another
 * assignor win, or the assignment is gone with the former one's document. While a generation completes, the leader may have
 * assigned to the former id already: it must do so anew.
 */
export function replaceStaticMember(
  group: Group,
  { formerMemberId, member, members, nowMs }: Returning,
): Replacement {
  const nextExpiryCheckMs = Math.min(group.nextExpiryCheckMs, member.expiresAtMs)
  const replaced = { ...withReplaced(group, formerMemberId, member), nextExpiryCheckMs }
  const of = (next: Group): Replacement => ({ member, formerMemberId, group: next })
  if (group.state === 'PreparingRebalance') {
    const { joined, awaited } = replaced
    const others = Object.keys(awaited).filter((id) => id !== member.memberId)
    return of({
      ...replaced,
      leader: replaced.leader === '' ? member.memberId : replaced.leader,
      joined: { ...joined, [member.memberId]: true },
      awaited: namesOf(others),
      commonProtocols: onlyOffered(group, member),
    })
  }
  const others = members.filter(
    ({ memberId }) => Object.hasOwn(group.joined, memberId) && memberId !== formerMemberId,
  )
  const common = commonProtocolsOf([...others, member])
  const isUnchanged =
    group.state === 'Stable' && selectProtocol([...others, member], common) === group.protocolName
  const isAssigned = member.assignedGeneration === group.generationId
  return of(
    isUnchanged && isAssigned
      ? { ...replaced, commonProtocols: namesOf(common) }
      : prepareRebalance(replaced, { joiner: member }, nowMs),
  )
}

function withReplaced(group: Group, formerMemberId: string, { memberId, groupInstanceId }: Member): Group {
  const renamed = (members: Group['joined']) =>
    namesOf(Object.keys(members).map((id) => (id === formerMemberId ? memberId : id)))
  return {
    ...group,
    leader: group.leader === formerMemberId ? memberId : group.leader,
    joined: renamed(group.joined),
    awaited: renamed(group.awaited),
    instances:
      groupInstanceId === undefined ? group.instances : { ...group.instances, [groupInstanceId]: memberId },
  }
}
