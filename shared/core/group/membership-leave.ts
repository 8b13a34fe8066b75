import { MAX_COMMUTING_DEPARTURES } from '../../protocol/limits.ts'
import {
  absent,
  type Change,
  type Check,
  copyPlus,
  equal,
  remove,
  set,
  type UpdatePlan,
} from '../update-plan.ts'
import type { Group, Member } from './group.ts'
import { checkMember, holderOf, isMember, memberIds, unknownMember } from './membership-checks.ts'
import { prepareRebalance, without } from './membership-rebalance.ts'

/** Who is to leave: by id, or a static member by its name alone, as an operator knows it. */
export interface Leaving {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/**
 * The member that leaves; undefined when none does and that is fine (one that was given an id and never joined).
 *
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID as Kafka does
 */
export function leavingMember(
  group: Group | undefined,
  { memberId, groupInstanceId }: Leaving,
  isPending: boolean,
): string | undefined {
  if (memberId === '') {
    const holder =
      group === undefined || groupInstanceId === null ? undefined : holderOf(group, groupInstanceId)
    if (holder === undefined) throw unknownMember(memberId)
    return holder
  }
  const isNoMember = group === undefined || !isMember(group, memberId)
  if (isPending && groupInstanceId === null && isNoMember) return undefined
  if (group === undefined) throw unknownMember(memberId)
  checkMember(group, { memberId, groupInstanceId })
  return memberId
}

/** What members that are gone make of a group: a plan that others' plans commute with, or a rebalance. */
export type Departure =
  | { readonly next: 'leave'; readonly plan: UpdatePlan }
  | { readonly next: 'rebalance'; readonly group: Group }

/** Members left or expired: the others have to join again, or need not wait for them any more. */
export function departure(group: Group, leaving: readonly string[], nowMs: number): Departure {
  if (group.state !== 'PreparingRebalance') {
    return { next: 'rebalance', group: prepareRebalance(group, { leaving }, nowMs) }
  }
  if (leaving.length > MAX_COMMUTING_DEPARTURES) return { next: 'rebalance', group: without(group, leaving) }
  const instances = Object.entries(group.instances).filter(([, memberId]) => leaving.includes(memberId))
  const leads = leaving.includes(group.leader)
  const checks: Check[] = [
    equal(['state'], group.state),
    equal(['generationId'], group.generationId),
    ...instances.map(([name, memberId]) => equal(['instances', name], memberId)),
    // Who joined as the first since, and leads, may be among them.
    group.leader === '' ? absent(['leader']) : equal(['leader'], group.leader),
  ]
  const changes: Change[] = [
    ...leaving.flatMap((memberId) => [remove(['joined', memberId]), remove(['awaited', memberId])]),
    ...instances.map(([name]) => remove(['instances', name])),
    ...(leads ? [remove(['leader'])] : []),
    set(['nextExpiryCheckMs'], group.nextExpiryCheckMs),
    set(['dueAtMs'], expiryDueAtMs(group.nextExpiryCheckMs)),
    copyPlus(['ver'], ['ver'], 1),
  ]
  return { next: 'leave', plan: { checks, changes } }
}

/** What a look at all members' documents shows. */
export interface Expiry {
  /** Documents of members that nothing was heard of for too long, and of who is no member. */
  readonly expired: readonly Member[]
  /** Members without a document: who removed that did not come to say so. */
  readonly missing: readonly string[]
  /** When the next member may expire. */
  readonly nextCheckMs: number
}

/** Finds the members that are gone: a session time-out is found by who touches the group next. */
export function findExpired(group: Group, members: readonly Member[], nowMs: number): Expiry {
  const found = new Set(members.map(({ memberId }) => memberId))
  const alive = members.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
  return {
    expired: members.filter(({ expiresAtMs }) => expiresAtMs <= nowMs),
    missing: memberIds(group).filter((memberId) => !found.has(memberId)),
    nextCheckMs: alive.reduce(
      (earliest, { expiresAtMs }) => Math.min(earliest, expiresAtMs),
      nowMs + (alive.length === 0 ? DUE_STEP_MS : LONGEST_CHECK_MS),
    ),
  }
}

/** A group whose members never expire is looked at nevertheless; soon where nobody is left who could say so. */
const LONGEST_CHECK_MS = 3_600_000
const DUE_STEP_MS = 300_000

/**
 * When a group with members is due for a look although nobody calls. Whoever touches it looks in time: the index, where each
 * change costs two writes, need not follow every check.
 */
export function expiryDueAtMs(nextExpiryCheckMs: number): number {
  return Math.ceil(nextExpiryCheckMs / DUE_STEP_MS) * DUE_STEP_MS
}

/** Nobody expired: nobody need look before then. Others may have written meanwhile, but not another time to look. */
export function nextCheckPlan(group: Group, nextCheckMs: number): UpdatePlan {
  return {
    checks: [
      equal(['state'], group.state),
      equal(['generationId'], group.generationId),
      equal(['nextExpiryCheckMs'], group.nextExpiryCheckMs),
    ],
    changes: [set(['nextExpiryCheckMs'], nextCheckMs), set(['dueAtMs'], expiryDueAtMs(nextCheckMs))],
  }
}
