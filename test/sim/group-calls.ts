import type { AssignorMember } from '../../client/assignors/assignor.ts'
import { ASSIGNORS } from '../../client/assignors/assignors.ts'
import { fromBase64, toBase64 } from '../../client/consumer/base64.ts'
import type { JoinGroupResponse } from '../../shared/protocol/api/groups.ts'
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type TopicPartitions,
} from '../../shared/protocol/consumer-protocol.ts'
import { joinGroup } from '../../shared/service/join-group.ts'
import { syncGroup } from '../../shared/service/sync-group.ts'
import { NO_ANSWER } from './company.ts'
import { commitOwned } from './group-commits.ts'
import { callAs, endLife, type Groups, type Life, placeOf } from './group-company.ts'

type Joined = Extract<JoinGroupResponse, { errorCode: 0 }>

/** One leader in so many does not wait for what it assigns to be stored: it joins again meanwhile, and may assign anew. */
const HASTY = 6

/** Joins, and is assigned partitions, however often that takes. */
export async function becomeMember(groups: Groups, life: Life): Promise<TopicPartitions> {
  for (;;) {
    const joined = await join(groups, life)
    life.generationId = joined.generationId
    life.isLeader = joined.leader === joined.memberId
    life.counts = undefined
    life.mustJoin = false
    // Who keeps what it has goes on committing that, too.
    if (groups.company.cluster.scheduler.chance(3)) await commitOwned(groups, life, [...life.owned.values()])
    const assigned = await sync(groups, life, joined)
    if (assigned === undefined) continue
    life.assigned = assigned
    life.ownedIn = life.generationId
    return assigned
  }
}

/** The member is none any more: others have its partitions. */
export function loseAll(life: Life): void {
  life.memberId = ''
  life.generationId = -1
  life.ownedIn = -1
  life.owned.clear()
  life.assigned = new Map()
}

async function join(groups: Groups, life: Life): Promise<Joined> {
  const { company, configuration } = groups
  const { count, scheduler } = company.cluster
  const { sessionTimeoutMs, rebalanceTimeoutMs } = configuration
  for (;;) {
    if (groups.isStopped()) throw endLife(groups, life, 'stopped')
    const request = {
      groupId: life.group,
      memberId: life.memberId,
      groupInstanceId: life.instance,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocols: life.assignors.map((name) => ({ name, metadata: subscriptionOf(life, name) })),
    }
    const answer = await callAs(groups, life, 'join', (deps) => joinGroup(deps, request, 'sim'))
    if (answer === NO_ANSWER || 'thrown' in answer) {
      await company.pause(scheduler.random.integer(50, 500))
      continue
    }
    if (!('errorName' in answer)) {
      count('group: join ok')
      life.memberId = answer.memberId
      return answer
    }
    const { errorName, memberId, retryAfterMs } = answer
    count(`group: join ${errorName}`)
    if (errorName === 'MEMBER_ID_REQUIRED') life.memberId = memberId
    else if (errorName === 'UNKNOWN_MEMBER_ID') loseAll(life)
    else if (errorName === 'FENCED_INSTANCE_ID') throw endLife(groups, life, 'fenced')
    else {
      // A static member that waits has an id by now.
      if (retryAfterMs !== undefined) life.memberId = memberId
      await company.pause(retryAfterMs ?? scheduler.random.integer(50, 500))
    }
  }
}

/** The member's partitions; undefined when it is to join again. */
async function sync(groups: Groups, life: Life, joined: Joined): Promise<TopicPartitions | undefined> {
  const { company, history } = groups
  const { count, scheduler } = company.cluster
  const isAssigning = joined.leader === joined.memberId && !joined.skipAssignment
  const request = {
    groupId: life.group,
    generationId: joined.generationId,
    memberId: joined.memberId,
    groupInstanceId: life.instance,
    protocolType: joined.protocolType,
    protocolName: joined.protocolName,
    assignments: isAssigning ? await assign(groups, life, joined) : [],
  }
  for (;;) {
    const isHasty = isAssigning && !groups.isOver() && scheduler.chance(HASTY)
    const timeoutMs = isHasty ? scheduler.random.integer(5, 100) : undefined
    const answer = await callAs(groups, life, 'sync', (deps) => syncGroup(deps, request), timeoutMs)
    if (answer === NO_ANSWER || 'thrown' in answer) {
      // Joined again, a leader may assign something else in the same generation.
      if (scheduler.chance(2)) return undefined
      await company.pause(scheduler.random.integer(50, 500))
      continue
    }
    if (!('errorName' in answer)) {
      count('group: sync ok')
      const { assignedPartitions } = decodeAssignment(fromBase64(answer.assignment))
      const places = [...assignedPartitions].flatMap(([name, partitions]) =>
        partitions.map((partition) => placeOf(name, partition)),
      )
      const { group, instance } = life
      const { generationId, memberId } = joined
      const completedAt = scheduler.steps()
      history.assigned.push({ group, generationId, memberId, instance, places, completedAt })
      return assignedPartitions
    }
    const { errorName, retryAfterMs } = answer
    count(`group: sync ${errorName}`)
    if (retryAfterMs !== undefined) {
      await company.pause(retryAfterMs)
      continue
    }
    if (errorName === 'FENCED_INSTANCE_ID') throw endLife(groups, life, 'fenced')
    if (errorName === 'UNKNOWN_MEMBER_ID') loseAll(life)
    if (JOIN_AGAIN.has(errorName)) return undefined
    await company.pause(scheduler.random.integer(50, 500))
    // As Kafka's consumer does after any error.
    if (scheduler.chance(2)) return undefined
  }
}

const JOIN_AGAIN: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
  'INCONSISTENT_GROUP_PROTOCOL',
])

/** What the leader gives to everybody, by the assignor that was chosen. */
async function assign(groups: Groups, life: Life, { members, protocolName, generationId }: Joined) {
  const assignor = ASSIGNORS.find(({ name }) => name === protocolName)
  if (assignor === undefined) throw new Error(`no assignor ${protocolName}`)
  const known = members.map(({ memberId, groupInstanceId, metadata }): AssignorMember => {
    const { topics, ownedPartitions, generationId, userData } = decodeSubscription(fromBase64(metadata))
    return { memberId, groupInstanceId, topics, ownedPartitions, generationId, userData }
  })
  const counts = await countPartitions(
    groups,
    known.flatMap(({ topics }) => topics),
  )
  life.counts = counts
  const assigned = [...assignor.assign(known, counts)]
  const given = assigned.map(([, assignedPartitions]) => assignedPartitions)
  const isAgain = life.assignedIn === generationId
  life.assignedIn = generationId
  if (isAgain) groups.company.cluster.count('group: assigned again')
  // Nobody says that an assignor comes to the same twice; one that cooperates must not take anything away so.
  if (isAgain && !life.isCooperative) given.push(...given.splice(0, 1))
  return assigned.map(([memberId], at) => ({
    memberId,
    assignment: toBase64(
      encodeAssignment({ assignedPartitions: given[at] ?? new Map<string, number[]>(), userData: null }),
    ),
  }))
}

/** How many partitions topics have, as some handler has it; 0 of one that is not there. */
export async function countPartitions(
  { company }: Groups,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const name of [...new Set(names)].sort()) {
    counts.set(name, (await company.lookUp(name))?.partitions ?? 0)
  }
  return counts
}

function subscriptionOf(
  { topics, owned, assigned, ownedIn: generationId, isCooperative }: Life,
  name: string,
): string {
  const assignor = ASSIGNORS.find((known) => known.name === name)
  const ownedPartitions = new Map<string, number[]>()
  for (const one of isCooperative ? owned.values() : [])
    ownedPartitions.set(one.name, [...(ownedPartitions.get(one.name) ?? []), one.partition])
  const userData = assignor?.subscriptionUserData(assigned, generationId) ?? null
  return toBase64(encodeSubscription({ topics, userData, ownedPartitions, generationId, rackId: null }))
}
