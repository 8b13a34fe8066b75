import type { Group, Member } from '../core/group/group.ts'
import { dueStep } from '../core/group/membership-rebalance.ts'
import { isToBeTouched, touchedAgainAtMs, touchPlan } from '../core/group/membership-sync.ts'
import { type ErrorRow, errorRow, KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import type { StoredGroup } from './group-offsets.ts'
import { settleGroup } from './group-settle.ts'
import { loadGroup, updateMember } from './group-store.ts'

/** For what a request waits, and for how long at most. */
interface Wait {
  readonly untilMs: number
  readonly memberId: string
  /** Who waits, as it was heard of last; undefined where its document is gone. */
  readonly heard: Member | undefined
  /** Whether the group is still to be waited for. */
  readonly goesOn: (group: Group) => boolean
}

/**
 * Waits for other members: looks at the group now and then, and does what becomes due meanwhile. Answers the group as soon as
 * it is worth it, or as it is when the time is over, which `goesOn` tells apart; undefined when it is gone. Who waits does
 * not expire (Kafka's `hasSatisfiedHeartbeat`).
 */
export async function awaitGroup(
  deps: Deps,
  groupId: string,
  read: StoredGroup | undefined,
  { untilMs, memberId, heard, goesOn }: Wait,
): Promise<StoredGroup | undefined> {
  const { clock, limits } = deps
  let stored = await settleGroup(deps, groupId, read)
  let own = heard
  for (let pauseMs = limits.minGroupPollMs; ; pauseMs = Math.min(pauseMs * 2, limits.maxGroupPollMs)) {
    const nowMs = clock.nowMs()
    if (stored === undefined || !goesOn(stored.group) || nowMs >= untilMs) return stored
    const untilTouchMs = own === undefined ? untilMs : Math.max(touchedAgainAtMs(own) - nowMs, 1)
    const untilLookMs = pauseOf(deps, stored.group, { memberId, pauseMs })
    await clock.sleep(Math.min(untilLookMs, untilTouchMs, untilMs - nowMs))
    if (own !== undefined) own = await touchInTime(deps, groupId, own)
    stored = await lookAgain(deps, groupId, stored, goesOn)
  }
}

/** What a member is told whose wait is over: it is to make the same call again. */
export function stillRebalancing(
  deps: Deps,
  group: Group | undefined,
): ErrorRow & { readonly retryAfterMs: number } {
  const { groupRetryMs, groupWaitMs } = deps.limits
  const isInitial = group?.state === 'PreparingRebalance' && group.initialSinceMs > 0
  const leftMs = isInitial ? group.rebalanceEndsAtMs - deps.clock.nowMs() : 0
  const row = errorRow(new KafkaError('REBALANCE_IN_PROGRESS', 'group waits for other members: ask again'))
  return { ...row, retryAfterMs: Math.min(Math.max(leftMs, groupRetryMs), groupWaitMs) }
}

/** The member as it is heard of now, if a third of its session is over. */
export async function touchInTime(deps: Deps, groupId: string, member: Member): Promise<Member> {
  const nowMs = deps.clock.nowMs()
  if (!isToBeTouched(member, nowMs)) return member
  await updateMember(deps, groupId, member.memberId, touchPlan(nowMs))
  return { ...member, expiresAtMs: nowMs + member.sessionTimeoutMs }
}

/** An eventual read shows whether a strong one is worth it: others that join raise the version, and are no reason. */
async function lookAgain(
  deps: Deps,
  groupId: string,
  stored: StoredGroup,
  goesOn: Wait['goesOn'],
): Promise<StoredGroup | undefined> {
  const glance = await loadGroup(deps, groupId, 'eventual')
  const isOld = glance === undefined || glance.version < stored.version
  const seen = isOld ? stored : glance
  if (glance !== undefined && goesOn(seen.group)) {
    if (dueStep(seen.group, deps.clock.nowMs()) === undefined) return seen
  }
  return settleGroup(deps, groupId, await loadGroup(deps, groupId, 'strong'))
}

/**
 * Chance keeps apart members that would all complete the rebalance at once, and the more of them wait, the less often each
 * looks. Before its time a first rebalance does not end: then its leader looks first.
 */
function pauseOf(
  { clock, limits, randomBytes }: Deps,
  group: Group,
  { memberId, pauseMs }: { memberId: string; pauseMs: number },
): number {
  const [random = 0] = randomBytes(1)
  if (group.state !== 'PreparingRebalance' || group.initialSinceMs === 0) {
    const members = Object.keys(group.joined).length
    return Math.ceil(Math.max(pauseMs, members * limits.groupPollMsPerMember) * (0.5 + random / 512))
  }
  const leftMs = Math.max(group.rebalanceEndsAtMs - clock.nowMs(), 0)
  if (memberId === group.leader) return leftMs
  return leftMs + Math.ceil(limits.minGroupPollMs + (limits.maxGroupPollMs * random) / 256)
}
