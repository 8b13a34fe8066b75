import { KafkaError } from '../../protocol/kafka-error.ts'
import type { Group, Member } from './group.ts'

/** Who a request says that it is from. */
export interface MemberIdentity {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** What a member offers, the most wanted first. */
export type Protocols = Member['protocols']

export const hasJoined = (group: Group, memberId: string): boolean => Object.hasOwn(group.joined, memberId)

/** Whether the group counts it as a member, joined again or not. */
export const isMember = (group: Group, memberId: string): boolean =>
  hasJoined(group, memberId) || Object.hasOwn(group.awaited, memberId)

/** The ids of all members, in a fixed order: that of a stored map is nobody's. */
export const memberIds = (group: Group): readonly string[] =>
  [...Object.keys(group.joined), ...Object.keys(group.awaited)].sort()

/** The member that a static member's name stands for. */
export const holderOf = (group: Group, groupInstanceId: string): string | undefined =>
  Object.hasOwn(group.instances, groupInstanceId) ? group.instances[groupInstanceId] : undefined

/** A map with these names. */
export const namesOf = (names: Iterable<string>): Readonly<Record<string, true>> =>
  Object.fromEntries([...names].map((name) => [name, true]))

/**
 * The group, where it can have members (Kafka looks for its state first).
 *
 * @throws KafkaError UNKNOWN_MEMBER_ID when there is no such group
 * @throws KafkaError COORDINATOR_NOT_AVAILABLE when it is being deleted
 */
export function requireGroup(group: Group | undefined): Group {
  if (group === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID', 'group has no members')
  if (group.state === 'Dead') throw new KafkaError('COORDINATOR_NOT_AVAILABLE', 'group is being deleted')
  return group
}

/**
 * Kafka's `ClassicGroup.validateMember`.
 *
 * @throws KafkaError FENCED_INSTANCE_ID when the static member's name stands for another member by now
 * @throws KafkaError UNKNOWN_MEMBER_ID when the group has no such member
 */
export function checkMember(group: Group, { memberId, groupInstanceId }: MemberIdentity): void {
  if (groupInstanceId !== null) {
    const holder = holderOf(group, groupInstanceId)
    if (holder === undefined) throw unknownMember(memberId)
    if (holder !== memberId) {
      const facts = `groupInstanceId=${groupInstanceId} memberId=${memberId}`
      throw new KafkaError('FENCED_INSTANCE_ID', `static member came back under another id ${facts}`)
    }
  }
  if (!isMember(group, memberId)) throw unknownMember(memberId)
}

/**
 * The request is of the group's generation.
 *
 * @throws KafkaError ILLEGAL_GENERATION when it is not
 */
export function checkGeneration(group: Group, generationId: number): void {
  if (generationId === group.generationId) return
  const facts = `generationId=${group.generationId} sent=${generationId}`
  throw new KafkaError('ILLEGAL_GENERATION', `group is in another generation ${facts}`)
}

/** Whether a joining member offers what the others can work with (Kafka's `supportsProtocols`). */
export function supportsProtocols(
  group: Group,
  { protocolType, protocols }: { readonly protocolType: string; readonly protocols: Protocols },
): boolean {
  if (group.state === 'Empty') return true
  if (group.protocolType !== protocolType) return false
  return protocols.some(({ name }) => Object.hasOwn(group.commonProtocols, name))
}

/** Whether a member offers just this already (Kafka's `ClassicGroupMember.matches`). */
export function offersSame(member: Member | undefined, protocols: Protocols): boolean {
  return (
    member !== undefined &&
    member.protocols.length === protocols.length &&
    member.protocols.every(
      ({ name, metadata }, position) =>
        protocols[position]?.name === name && protocols[position].metadata === metadata,
    )
  )
}

/** Whether a member's document says the same but for when it was last heard of. */
export function isSameMember(one: Member, other: Member): boolean {
  return (
    offersSame(one, other.protocols) &&
    one.groupInstanceId === other.groupInstanceId &&
    one.clientId === other.clientId &&
    one.offeredGeneration === other.offeredGeneration &&
    one.protocolType === other.protocolType &&
    one.sessionTimeoutMs === other.sessionTimeoutMs &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs
  )
}

export function unknownMember(memberId: string): KafkaError {
  return new KafkaError('UNKNOWN_MEMBER_ID', `group has no such member memberId=${memberId}`)
}

/** The answer that has a member join again. */
export function rebalanceInProgress(): KafkaError {
  return new KafkaError('REBALANCE_IN_PROGRESS', 'group is rebalancing: join again')
}
