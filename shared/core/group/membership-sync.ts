import { KafkaError } from '../../protocol/kafka-error.ts'
import { type Change, copyPlus, less, lessOrEqual, present, set, type UpdatePlan } from '../update-plan.ts'
import type { Group, Member } from './group.ts'
import {
  checkGeneration,
  checkMember,
  type MemberIdentity,
  rebalanceInProgress,
  requireGroup,
} from './membership-checks.ts'

/** A member that asks for its assignment. */
export interface SyncCommand extends MemberIdentity {
  readonly generationId: number
  /** What it believes was chosen; null where it does not say. */
  readonly protocolType: string | null
  readonly protocolName: string | null
}

/** The leader's assignments are stored; others wait for that; then everybody gets its own. */
export type SyncDecision = 'assign' | 'wait' | 'answer'

/**
 * Decides a sync as Kafka's `classicGroupSyncToClassicGroup` does.
 *
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL,
 *   COORDINATOR_NOT_AVAILABLE as Kafka does
 * @throws KafkaError REBALANCE_IN_PROGRESS when the member is to join again
 */
export function decideSync(stored: Group | undefined, command: SyncCommand): SyncDecision {
  const group = requireGroup(stored)
  checkMember(group, command)
  checkGeneration(group, command.generationId)
  const isOther = (said: string | null, chosen: string) => said !== null && said !== chosen
  if (
    isOther(command.protocolType, group.protocolType) ||
    isOther(command.protocolName, group.protocolName)
  ) {
    const chosen = `protocolType=${group.protocolType} protocolName=${group.protocolName}`
    throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', `group chose another assignor ${chosen}`)
  }
  if (group.state === 'PreparingRebalance') throw rebalanceInProgress()
  if (group.state === 'Stable') return 'answer'
  return command.memberId === group.leader ? 'assign' : 'wait'
}

/**
 * A heartbeat is answered: the member is current, and nothing asks for its attention.
 *
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, COORDINATOR_NOT_AVAILABLE as Kafka does
 * @throws KafkaError REBALANCE_IN_PROGRESS when the member is to join again
 */
export function checkHeartbeat(
  stored: Group | undefined,
  command: MemberIdentity & { readonly generationId: number },
): void {
  const group = requireGroup(stored)
  checkMember(group, command)
  checkGeneration(group, command.generationId)
  if (group.state === 'PreparingRebalance') throw rebalanceInProgress()
}

/** Something was heard of a member: its session begins anew. Refused when it is none any more. */
export function touchPlan(nowMs: number): UpdatePlan {
  return { checks: [present(['memberId'])], changes: heardOf(nowMs) }
}

/** Whether so much of a member's session is over that a waiting one should say that it is still there. */
export function isToBeTouched(member: Member, nowMs: number): boolean {
  return nowMs >= touchedAgainAtMs(member)
}

/** When a third of a member's session is over. */
export function touchedAgainAtMs({ expiresAtMs, sessionTimeoutMs }: Member): number {
  return expiresAtMs - Math.floor((sessionTimeoutMs * 2) / 3)
}

/** The version rises: who would remove the member by what it read before is refused. */
const heardOf = (nowMs: number): readonly Change[] => [
  copyPlus(['expiresAtMs'], ['sessionTimeoutMs'], nowMs),
  copyPlus(['ver'], ['ver'], 1),
]

/** A member asks for its assignment of a generation: it is not among those that keep the others waiting. */
export function syncedPlan(generationId: number, nowMs: number): UpdatePlan {
  return {
    checks: [present(['memberId']), lessOrEqual(['syncedGeneration'], generationId)],
    changes: [set(['syncedGeneration'], generationId), ...heardOf(nowMs)],
  }
}

/** What the leader of a generation assigns to a member; the first that it says holds. */
export function assignPlan(generationId: number, assignment: string): UpdatePlan {
  return {
    checks: [present(['memberId']), less(['assignedGeneration'], generationId)],
    changes: [
      set(['assignedGeneration'], generationId),
      set(['assignment'], assignment),
      copyPlus(['ver'], ['ver'], 1),
    ],
  }
}

/** Whether a member has just this assignment. */
export function isAssigned(member: Member, generationId: number, assignment: string): boolean {
  return member.assignedGeneration === generationId && member.assignment === assignment
}

/** Every member has its assignment: the group is stable. */
export function stable(group: Group): Group {
  return { ...group, state: 'Stable', rebalanceEndsAtMs: 0 }
}

/** Members of a generation that completes which have not asked for their assignment in all its time (Kafka's `expirePendingSync`). */
export function withoutSync(group: Group, members: readonly Member[]): readonly string[] {
  const synced = new Set(
    members.flatMap(({ memberId, syncedGeneration }) =>
      syncedGeneration === group.generationId ? [memberId] : [],
    ),
  )
  return Object.keys(group.joined).filter((memberId) => !synced.has(memberId))
}
