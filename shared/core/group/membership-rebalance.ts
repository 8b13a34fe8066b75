import { type Group, type Member, NEW_GROUP } from './group.ts'
import { hasJoined, holderOf, isMember, namesOf } from './membership-checks.ts'
import { commonProtocolsOf, selectProtocol } from './membership-protocols.ts'

/** What the cluster's configs say about a rebalance. */
export interface RebalanceRules {
  /** `group.initial.rebalance.delay.ms`. */
  readonly initialDelayMs: number
  readonly maxMembers: number
}

/** When a group was made: now, if nothing was stored of it yet. */
const bornAtMsOf = ({ bornAtMs }: Group, nowMs: number): number => (bornAtMs === 0 ? nowMs : bornAtMs)

/** The first member of an empty group came: others may be on their way (Kafka's initial rebalance). */
export function firstRebalance(group: Group, joiner: Member, nowMs: number, rules: RebalanceRules): Group {
  return {
    ...group,
    bornAtMs: bornAtMsOf(group, nowMs),
    state: 'PreparingRebalance',
    protocolType: joiner.protocolType,
    protocolName: '',
    leader: joiner.memberId,
    joined: namesOf([joiner.memberId]),
    awaited: {},
    commonProtocols: namesOf(joiner.protocols.map(({ name }) => name)),
    instances: withInstance({}, joiner),
    rebalanceTimeoutMs: joiner.rebalanceTimeoutMs,
    initialSinceMs: nowMs,
    rebalanceEndsAtMs: nowMs + rules.initialDelayMs,
    nextExpiryCheckMs: joiner.expiresAtMs,
    emptySinceMs: 0,
  }
}

/**
 * When the wait for more first members ends once another one came: each time window in which somebody came is followed by
 * one more, up to the rebalance time-out (Kafka's `tryCompleteInitialRebalanceElseSchedule`).
 */
export function extendedInitialEnd(group: Group, nowMs: number, { initialDelayMs }: RebalanceRules): number {
  if (initialDelayMs === 0) return group.rebalanceEndsAtMs
  const windowsOver = Math.floor((nowMs - group.initialSinceMs) / initialDelayMs)
  const endMs = group.initialSinceMs + (windowsOver + 2) * initialDelayMs
  const lastMs = group.initialSinceMs + Math.max(group.rebalanceTimeoutMs, initialDelayMs)
  return Math.max(group.rebalanceEndsAtMs, Math.min(endMs, lastMs))
}

/** Who makes a group of CompletingRebalance or Stable rebalance. */
export interface RebalanceCause {
  /** Who joins, and so need not be waited for. */
  readonly joiner?: Member
  /** Members that are gone. */
  readonly leaving?: readonly string[]
}

/** All members have to join again (Kafka's `prepareRebalance`). */
export function prepareRebalance(
  group: Group,
  { joiner, leaving = [] }: RebalanceCause,
  nowMs: number,
): Group {
  const stayed = without(group, leaving)
  const rebalanceTimeoutMs = Math.max(group.rebalanceTimeoutMs, joiner?.rebalanceTimeoutMs ?? 0)
  const joined = joiner === undefined ? [] : [joiner.memberId]
  return {
    ...stayed,
    state: 'PreparingRebalance',
    leader: stayed.leader === '' ? (joined[0] ?? '') : stayed.leader,
    joined: namesOf(joined),
    awaited: namesOf(
      [...Object.keys(stayed.joined), ...Object.keys(stayed.awaited)].filter((id) => !joined.includes(id)),
    ),
    commonProtocols: joiner === undefined ? group.commonProtocols : onlyOffered(group, joiner),
    instances: joiner === undefined ? stayed.instances : withInstance(stayed.instances, joiner),
    rebalanceTimeoutMs,
    initialSinceMs: 0,
    rebalanceEndsAtMs: nowMs + rebalanceTimeoutMs,
  }
}

/** The group without these members; who leads is open if the leader was one of them. */
export function without(group: Group, leaving: readonly string[]): Group {
  const isGone = (memberId: string) => leaving.includes(memberId)
  const staying = (members: Group['joined']) => namesOf(Object.keys(members).filter((id) => !isGone(id)))
  return {
    ...group,
    leader: isGone(group.leader) ? '' : group.leader,
    joined: staying(group.joined),
    awaited: staying(group.awaited),
    instances: Object.fromEntries(
      Object.entries(group.instances).filter(([, memberId]) => !isGone(memberId)),
    ),
  }
}

/** What whoever touches a group is to do first: members may have expired, or a rebalance goes on without anybody's request. */
export type DueStep = 'expire' | 'complete' | 'begin anew'

/** What is due by now. A prepared rebalance completes when its time is over, or everybody joined and nobody else is expected. */
export function dueStep(group: Group, nowMs: number): DueStep | undefined {
  const { state } = group
  if (state === 'Empty' || state === 'Dead') return undefined
  if (nowMs >= group.nextExpiryCheckMs) return 'expire'
  const isOver = nowMs >= group.rebalanceEndsAtMs
  if (state === 'CompletingRebalance') return isOver ? 'begin anew' : undefined
  if (state === 'Stable') return undefined
  const isComplete = group.initialSinceMs === 0 && Object.keys(group.awaited).length === 0
  return isOver || isComplete ? 'complete' : undefined
}

/**
 * Completes a prepared rebalance with those that joined (Kafka's `completeClassicGroupJoin`): the next generation, or an
 * empty group. Static members that did not join again stay; with nobody else the group goes on waiting. `members` are the
 * documents of the members; who has none any more is gone.
 */
export function completeRebalance(group: Group, members: readonly Member[], nowMs: number): Group {
  const waitsFor = (member: Member) => isStatic(group, member) && !hasJoined(group, member.memberId)
  const joined = members.filter(({ memberId }) => hasJoined(group, memberId))
  const common = commonProtocolsOf([...joined, ...members.filter(waitsFor)])
  // A member whose last offer was refused wrote it down nevertheless.
  const protocols = common.length > 0 ? common : Object.keys(group.commonProtocols)
  const fits = (member: Member) => member.protocols.some(({ name }) => protocols.includes(name))
  const present = joined.filter(fits)
  const kept = members.filter((member) => waitsFor(member) && fits(member))
  const staying = new Set([...present, ...kept].map(({ memberId }) => memberId))
  const gone = [...Object.keys(group.joined), ...Object.keys(group.awaited)].filter((id) => !staying.has(id))
  const left = without(group, gone)
  const rebalanceTimeoutMs = Math.max(0, ...[...present, ...kept].map((member) => member.rebalanceTimeoutMs))
  if (present.length === 0 && kept.length > 0) {
    return { ...left, rebalanceTimeoutMs, rebalanceEndsAtMs: nowMs + Math.max(rebalanceTimeoutMs, 1) }
  }
  if (present.length === 0) return emptied(group, nowMs)
  const first = present.map(({ memberId }) => memberId).sort()[0] ?? ''
  return {
    ...left,
    state: 'CompletingRebalance',
    generationId: group.generationId + 1,
    protocolName: selectProtocol([...present, ...kept], protocols),
    leader: present.some(({ memberId }) => memberId === left.leader) ? left.leader : first,
    joined: namesOf([...staying].sort()),
    awaited: {},
    commonProtocols: namesOf(protocols),
    rebalanceTimeoutMs,
    initialSinceMs: 0,
    rebalanceEndsAtMs: nowMs + rebalanceTimeoutMs,
    nextExpiryCheckMs: Math.min(...[...present, ...kept].map(({ expiresAtMs }) => expiresAtMs)),
  }
}

/** Nobody is left: a generation of its own, so that no member of an earlier one is taken for current. */
function emptied({ bornAtMs, generationId, protocolType }: Group, nowMs: number): Group {
  return { ...NEW_GROUP, bornAtMs, generationId: generationId + 1, protocolType, emptySinceMs: nowMs }
}

/**
 * The same group with what its members have in common counted anew: some may have left, or offer more than before. Undefined
 * where the joiner offers nothing of that.
 */
export function recountProtocols(
  group: Group,
  members: readonly Member[],
  joiner: { readonly protocolType: string; readonly protocols: Member['protocols'] },
): Group | undefined {
  const offered = joiner.protocols.map(({ name }) => name)
  const counted = members.filter(({ memberId }) => isMember(group, memberId))
  if (counted.length === 0) {
    return { ...group, protocolType: joiner.protocolType, commonProtocols: namesOf(offered) }
  }
  const common = commonProtocolsOf(counted)
  if (joiner.protocolType !== group.protocolType || !offered.some((name) => common.includes(name))) {
    return undefined
  }
  return { ...group, commonProtocols: namesOf(common) }
}

function isStatic(group: Group, { memberId, groupInstanceId }: Member): boolean {
  return groupInstanceId !== undefined && holderOf(group, groupInstanceId) === memberId
}

function withInstance(
  instances: Group['instances'],
  { memberId, groupInstanceId }: Member,
): Group['instances'] {
  return groupInstanceId === undefined ? instances : { ...instances, [groupInstanceId]: memberId }
}

/** What the others have in common with this member. */
export function onlyOffered(group: Group, { protocols }: Member): Group['commonProtocols'] {
  return namesOf(
    protocols.map(({ name }) => name).filter((name) => Object.hasOwn(group.commonProtocols, name)),
  )
}
