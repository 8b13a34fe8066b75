import type { Group, Member } from '../core/group/group.ts'
import {
  checkMember,
  hasJoined,
  holderOf,
  isMember,
  isSameMember,
  offersSame,
  requireGroup,
} from '../core/group/membership-checks.ts'
import { decideJoin, type JoinCommand, type JoinDecision } from '../core/group/membership-join.ts'
import { metadataOf } from '../core/group/membership-protocols.ts'
import { type RebalanceRules, recountProtocols } from '../core/group/membership-rebalance.ts'
import { isToBeTouched } from '../core/group/membership-sync.ts'
import type { JoinGroupResponse } from '../protocol/api/groups.ts'
import type { ErrorName } from '../protocol/error-table.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { raiseFence } from './group-fence.ts'
import { fenceOf, type StoredGroup } from './group-offsets.ts'
import { settleGroup } from './group-settle.ts'
import {
  listMembers,
  loadGroup,
  putGroup,
  putMember,
  readMember,
  replaceMember,
  type StoredMember,
  updateGroup,
} from './group-store.ts'
import { awaitGroup, stillRebalancing, touchInTime } from './group-wait.ts'

/** A join under way. */
export interface Joining {
  readonly groupId: string
  readonly untilMs: number
  /** Has the member's id once that is settled. */
  command: JoinCommand
  /** Whether what the members have in common was counted anew. */
  isRecounted: boolean
  /** Whether a document of a new id may be stored. */
  isWritten: boolean
  /** Whether the member's document may offer something that the group was not told. */
  isOfferOpen: boolean
  /** The member as it was stored last. */
  heard: Member | undefined
}

/** What is stored, once all that was due is done. */
interface View {
  readonly stored: StoredGroup | undefined
  readonly own: StoredMember | undefined
  readonly members: readonly Member[]
}

/**
 * Gives a dynamic member its id, for which nothing is written.
 *
 * @throws KafkaError MEMBER_ID_REQUIRED, or what else Kafka says to a new member
 */
export async function requireMemberId(deps: Deps, joining: Joining): Promise<void> {
  const { groupId, command } = joining
  const glance = await loadGroup(deps, groupId, 'eventual')
  try {
    decideJoin(
      { group: glance?.group, own: undefined, members: [] },
      command,
      deps.clock.nowMs(),
      rulesOf(deps),
    )
  } catch (thrown) {
    if (isNamed(thrown, 'MEMBER_ID_REQUIRED')) throw thrown
  }
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    await decide(deps, joining, await readView(deps, joining))
  }
}

/**
 * Joins, and waits for the generation; again while others are faster.
 *
 * @throws KafkaError as `decideJoin` does
 */
export async function join(deps: Deps, joining: Joining): Promise<JoinGroupResponse> {
  let joined: StoredGroup | undefined
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    const view = await readView(deps, joining)
    const decision = await decide(deps, joining, view)
    if (decision === undefined) continue
    joined = await carryOut(deps, joining, decision, view)
    if (joined === undefined) continue
    if (decision.next === 'answer') return answer(deps, joining, joined)
    // The leader of a stable group keeps what it assigned (KIP-814).
    if (joined.group.state === 'Stable') return answer(deps, joining, joined)
    const completed = await awaitGeneration(deps, joining, joined)
    if (completed !== undefined) return answer(deps, joining, completed)
    if (deps.clock.nowMs() >= joining.untilMs) break
  }
  const { memberId, sessionTimeoutMs } = joining.command
  const { retryAfterMs, ...row } = stillRebalancing(deps, joined?.group)
  // Its session goes on meanwhile.
  return { ...row, retryAfterMs: Math.min(retryAfterMs, Math.ceil(sessionTimeoutMs / 3)), memberId }
}

async function readView(deps: Deps, joining: Joining): Promise<View> {
  const { groupId, command, isWritten } = joining
  const ownId = command.memberId === '' && isWritten ? command.newMemberId : command.memberId
  const [read, own] = await Promise.all([
    loadGroup(deps, groupId, 'strong'),
    ownId === '' ? undefined : readMember(deps, groupId, ownId),
  ])
  const stored = await settleGroup(deps, groupId, read)
  const holder = stored === undefined ? undefined : holderOf(stored.group, command.groupInstanceId ?? '')
  if (command.memberId !== '' || holder === undefined) return { stored, own, members: [] }
  // An earlier try of this very join made it a member.
  if (holder === command.newMemberId) {
    joining.command = { ...command, memberId: holder }
    return { stored, own, members: [] }
  }
  const members = await listMembers(deps, groupId)
  return { stored, own, members: members.map(({ member }) => member) }
}

/** Undefined when the group was changed so that it is worth another try. */
async function decide(deps: Deps, joining: Joining, view: View): Promise<JoinDecision | undefined> {
  const { stored, members } = view
  const { command, groupId } = joining
  try {
    const stands = { group: stored?.group, own: standing(joining, view), members }
    return decideJoin(stands, command, deps.clock.nowMs(), rulesOf(deps))
  } catch (thrown) {
    if (!isNamed(thrown, 'INCONSISTENT_GROUP_PROTOCOL') || stored === undefined) throw thrown
    if (joining.isRecounted) throw thrown
    joining.isRecounted = true
    const listed = await listMembers(deps, groupId)
    const recounted = recountProtocols(
      stored.group,
      listed.map(({ member }) => member),
      command,
    )
    if (recounted === undefined) throw thrown
    await putGroup(deps, groupId, recounted, stored)
    return undefined
  }
}

/** The member as it stands; what it offers counts for the group only where that was told. */
function standing({ isOfferOpen }: Joining, { stored, own }: View): Member | undefined {
  if (own === undefined || !isOfferOpen) return own?.member
  return { ...own.member, offeredGeneration: stored?.group.generationId ?? 0 }
}

/** Stores what was decided; undefined when somebody else was faster, or may have been. */
async function carryOut(
  deps: Deps,
  joining: Joining,
  decision: JoinDecision,
  { stored, own }: View,
): Promise<StoredGroup | undefined> {
  const { groupId, command } = joining
  if (decision.next === 'answer' || decision.next === 'wait') {
    if (own !== undefined) joining.heard = await touchInTime(deps, groupId, own.member)
    // An earlier try of this join may have put it in the place of its former self.
    if (joining.isWritten && stored?.group.state === 'Stable')
      await raiseFence(deps, groupId, fenceOf(stored))
    return stored
  }
  const { member } = decision
  joining.isWritten = true
  if (own !== undefined && !offersSame(own.member, member.protocols)) joining.isOfferOpen = true
  const after =
    decision.next === 'replace'
      ? stored && (await replaceMember(deps, groupId, decision, { stored, own }))
      : await storeMember(deps, groupId, decision, { stored, own })
  if (after === undefined) return undefined
  joining.isOfferOpen = false
  joining.command = { ...command, memberId: member.memberId }
  joining.heard = member
  // The former member may commit no more once the new one has its answer.
  if (after.group.state === 'Stable') await raiseFence(deps, groupId, fenceOf(after))
  return after
}

async function storeMember(
  deps: Deps,
  groupId: string,
  decision: Extract<JoinDecision, { next: 'join' | 'rebalance' }>,
  { stored, own }: Pick<View, 'stored' | 'own'>,
): Promise<StoredGroup | undefined> {
  // An earlier try, which somebody else was faster than, may have stored it.
  const isStored =
    own !== undefined &&
    isSameMember(own.member, decision.member) &&
    !isToBeTouched(own.member, deps.clock.nowMs())
  if (!isStored && !(await putMember(deps, groupId, decision.member, own))) return undefined
  return decision.next === 'join'
    ? updateGroup(deps, groupId, decision.plan)
    : putGroup(deps, groupId, decision.group, stored)
}

/**
 * Waits for the generation that a member joined; undefined when its time is over, or when it missed that and is to join the
 * next one.
 *
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID when it is no member any more
 */
async function awaitGeneration(
  deps: Deps,
  { groupId, untilMs, command, heard }: Joining,
  joined: StoredGroup,
): Promise<StoredGroup | undefined> {
  const { generationId } = joined.group
  const goesOn = (group: Group) =>
    group.state === 'PreparingRebalance' &&
    group.generationId === generationId &&
    hasJoined(group, command.memberId)
  const wait = { untilMs, memberId: command.memberId, heard, goesOn }
  const stored = await awaitGroup(deps, groupId, joined, wait)
  const group = requireGroup(stored?.group)
  checkMember(group, command)
  return group.state === 'PreparingRebalance' ? undefined : stored
}

async function answer(
  deps: Deps,
  { groupId, command: { memberId } }: Joining,
  { group }: StoredGroup,
): Promise<JoinGroupResponse> {
  const { generationId, protocolType, protocolName, leader } = group
  const members = leader === memberId ? await listMembers(deps, groupId) : []
  return {
    ...NO_ERROR,
    generationId,
    protocolType,
    protocolName,
    leader,
    memberId,
    members: members.flatMap(({ member }) => {
      if (!isMember(group, member.memberId)) return []
      const groupInstanceId = member.groupInstanceId ?? null
      return [{ memberId: member.memberId, groupInstanceId, metadata: metadataOf(member, protocolName) }]
    }),
    skipAssignment: leader === memberId && group.state === 'Stable',
  }
}

const rulesOf = ({ configs, limits }: Deps): RebalanceRules => ({
  initialDelayMs: configs['group.initial.rebalance.delay.ms'],
  maxMembers: limits.maxGroupMembers,
})

const isNamed = (thrown: unknown, name: ErrorName): boolean =>
  thrown instanceof KafkaError && thrown.errorName === name
