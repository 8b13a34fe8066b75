import { KafkaError } from '../../protocol/kafka-error.ts'
import { MAX_GROUP_NAME_BYTES } from '../../protocol/limits.ts'
import { encodeName } from '../../protocol/names.ts'
import {
  absent,
  anyOf,
  type Change,
  type Check,
  copyPlus,
  equal,
  fewer,
  present,
  remove,
  set,
  setIfAbsent,
  type UpdatePlan,
} from '../update-plan.ts'
import { type Group, type Member, NEW_GROUP } from './group.ts'
import {
  checkMember,
  hasJoined,
  holderOf,
  isMember,
  offersSame,
  type Protocols,
  requireGroup,
  supportsProtocols,
} from './membership-checks.ts'
import { isPendingMemberId } from './membership-id.ts'
import {
  extendedInitialEnd,
  firstRebalance,
  prepareRebalance,
  type RebalanceRules,
} from './membership-rebalance.ts'
import { replaceStaticMember } from './membership-static.ts'

/** A member that joins. */
export interface JoinCommand {
  /** '' for one that has no id yet. */
  readonly memberId: string
  /** The id that it then gets. */
  readonly newMemberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: Protocols
}

/** What a join comes to. The member's own document, `member`, is stored before the group's. */
export type JoinDecision =
  /** The generation that there is serves. */
  | { readonly next: 'answer' }
  /** It joined before; the others are waited for. */
  | { readonly next: 'wait' }
  /** One more member of a rebalance that is prepared: such plans commute. */
  | { readonly next: 'join'; readonly member: Member; readonly plan: UpdatePlan }
  /** A rebalance begins. */
  | { readonly next: 'rebalance'; readonly member: Member; readonly group: Group }
  /** A static member came back: its new document takes the place of the former one in the same transaction as the group. */
  | {
      readonly next: 'replace'
      readonly member: Member
      readonly formerMemberId: string
      readonly group: Group
    }

/** What is stored: the group, the member's own document, and for a static member without an id those of all members. */
export interface JoinView {
  readonly group: Group | undefined
  readonly own: Member | undefined
  readonly members: readonly Member[]
}

/**
 * Decides a join as Kafka's `classicGroupJoinToClassicGroup` does.
 *
 * @throws KafkaError MEMBER_ID_REQUIRED when a dynamic member is to join again with `newMemberId`
 * @throws KafkaError GROUP_MAX_SIZE_REACHED, INCONSISTENT_GROUP_PROTOCOL, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
 *   COORDINATOR_NOT_AVAILABLE as Kafka does
 */
export function decideJoin(
  view: JoinView,
  command: JoinCommand,
  nowMs: number,
  rules: RebalanceRules,
): JoinDecision {
  const group = view.group ?? NEW_GROUP
  checkSize(group, command, rules)
  requireGroup(group)
  if (!supportsProtocols(group, command)) throw inconsistentProtocol(group, command)
  if (command.memberId === '') return decideNewMember(group, view, command, nowMs, rules)
  const { memberId, groupInstanceId, sessionTimeoutMs } = command
  const isPending = groupInstanceId === null && isPendingMemberId(memberId, nowMs, sessionTimeoutMs)
  if (isMember(group, memberId) || !isPending) checkMember(group, command)
  const isOffered = offersSame(view.own, command.protocols)
  const member = {
    ...joiningMember(command, view.own, nowMs),
    offeredGeneration: Math.min(
      isOffered ? offeredGenerationOf(view.own) : group.generationId,
      group.generationId,
    ),
  }
  if (group.state === 'PreparingRebalance') {
    if (hasJoined(group, memberId) && offersSame(view.own, command.protocols)) return { next: 'wait' }
    return { next: 'join', member, plan: joinPlan(group, member, nowMs, rules) }
  }
  if (group.state === 'Empty') {
    return { next: 'rebalance', member, group: firstRebalance(group, member, nowMs, rules) }
  }
  // A leader that joins again wants another assignment: what it assigns may have changed, unless it did not assign yet.
  const mayStay = group.state === 'CompletingRebalance' || group.leader !== memberId
  // It may have begun to offer this in this very generation, and died before the group was told.
  const counts = isOffered && offeredGenerationOf(view.own) < group.generationId
  if (isMember(group, memberId) && mayStay && counts) return { next: 'answer' }
  return { next: 'rebalance', member, group: prepareRebalance(group, { joiner: member }, nowMs) }
}

function decideNewMember(
  group: Group,
  view: JoinView,
  command: JoinCommand,
  nowMs: number,
  rules: RebalanceRules,
): JoinDecision {
  const { groupInstanceId, newMemberId } = command
  if (groupInstanceId === null) {
    throw new KafkaError('MEMBER_ID_REQUIRED', `join again with the member id memberId=${newMemberId}`)
  }
  const formerMemberId = holderOf(group, groupInstanceId)
  const joining = { ...command, memberId: newMemberId }
  if (formerMemberId !== undefined) {
    const { members } = view
    const former = members.find(({ memberId }) => memberId === formerMemberId)
    const member = joiningMember(joining, former, nowMs)
    return { next: 'replace', ...replaceStaticMember(group, { formerMemberId, member, members, nowMs }) }
  }
  const member = joiningMember(joining, undefined, nowMs)
  if (group.state === 'PreparingRebalance') {
    return { next: 'join', member, plan: joinPlan(group, member, nowMs, rules) }
  }
  const next =
    group.state === 'Empty'
      ? firstRebalance(group, member, nowMs, rules)
      : prepareRebalance(group, { joiner: member }, nowMs)
  return { next: 'rebalance', member, group: next }
}

/** The document of a member that joins; `known` is what it, or its former self, had. */
function joiningMember(command: JoinCommand, known: Member | undefined, nowMs: number): Member {
  const { memberId, clientId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols } = command
  return {
    memberId,
    groupInstanceId: command.groupInstanceId ?? known?.groupInstanceId,
    clientId,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocolType,
    protocols,
    expiresAtMs: nowMs + sessionTimeoutMs,
    syncedGeneration: known?.syncedGeneration ?? -1,
    assignedGeneration: known?.assignedGeneration ?? -1,
    assignment: known?.assignment ?? '',
    offeredGeneration: offeredGenerationOf(known),
  }
}

const offeredGenerationOf = (known: Member | undefined): number => known?.offeredGeneration ?? -1

/**
 * One more member of the rebalance that is prepared. It holds for whatever others of this rebalance did meanwhile: it
 * raises the version without checking it, so that who completes the rebalance with what it read before is refused.
 */
function joinPlan(group: Group, member: Member, nowMs: number, rules: RebalanceRules): UpdatePlan {
  const { memberId, groupInstanceId, protocols } = member
  const offered = protocols.map(({ name }) => name)
  const isNew = !isMember(group, memberId)
  const instance = groupInstanceId === undefined ? undefined : ['instances', groupInstanceId]
  const checks: Check[] = [
    equal(['state'], 'PreparingRebalance'),
    equal(['generationId'], group.generationId),
    equal(['protocolType'], member.protocolType),
    anyOf(offered.map((name) => present(['commonProtocols', name]))),
    isNew
      ? fewer(['joined'], rules.maxMembers)
      : anyOf([present(['joined', memberId]), present(['awaited', memberId])]),
  ]
  if (instance !== undefined) checks.push(isNew ? absent(instance) : equal(instance, memberId))
  const changes: Change[] = [
    set(['joined', memberId], true),
    remove(['awaited', memberId]),
    setIfAbsent(['leader'], memberId),
    ...Object.keys(group.commonProtocols)
      .filter((name) => !offered.includes(name))
      .map((name) => remove(['commonProtocols', name])),
    copyPlus(['ver'], ['ver'], 1),
  ]
  if (instance !== undefined && isNew) changes.push(set(instance, memberId))
  if (isNew && group.initialSinceMs > 0) {
    changes.push(set(['rebalanceEndsAtMs'], extendedInitialEnd(group, nowMs, rules)))
  }
  return { checks, changes }
}

/** Kafka's `acceptJoiningMember`. */
function checkSize(
  group: Group,
  { memberId, groupInstanceId }: JoinCommand,
  { maxMembers }: RebalanceRules,
): void {
  if (group.state === 'Empty' || group.state === 'Dead') return
  const counts = group.state === 'PreparingRebalance' ? hasJoined(group, memberId) : isMember(group, memberId)
  const members = Object.keys(group.joined).length
  if (!counts && members >= maxMembers) {
    const facts = `members=${members} max=${maxMembers}`
    throw new KafkaError('GROUP_MAX_SIZE_REACHED', `group has too many members ${facts}`)
  }
  // Kafka knows no such bound: here the names of all stand in one document.
  const isBack = groupInstanceId !== null && holderOf(group, groupInstanceId) !== undefined
  if (isBack || isMember(group, memberId)) return
  const bytes = nameBytes(group)
  if (bytes <= MAX_GROUP_NAME_BYTES) return
  throw new KafkaError(
    'GROUP_MAX_SIZE_REACHED',
    `names of the members are too long in sum bytes=${bytes} max=${MAX_GROUP_NAME_BYTES}`,
  )
}

/** Bytes of all names in a group's document, in percent-encoding, which is longer. */
function nameBytes({ joined, awaited, instances }: Group): number {
  const names = [Object.keys(joined), Object.keys(awaited), ...Object.entries(instances)].flat()
  return names.reduce((sum, name) => sum + encodeName(name).length, 0)
}

function inconsistentProtocol(group: Group, { protocolType, protocols }: JoinCommand): KafkaError {
  const facts = `protocolType=${group.protocolType} protocols=${Object.keys(group.commonProtocols).join()}`
  const offered = `offered=${protocolType}:${protocols.map(({ name }) => name).join()}`
  return new KafkaError(
    'INCONSISTENT_GROUP_PROTOCOL',
    `members offer no assignor in common ${facts} ${offered}`,
  )
}
