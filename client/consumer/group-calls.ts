import type {
  JoinGroupRequest,
  JoinGroupResponse,
  SyncGroupRequest,
} from '../../shared/protocol/api/groups.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type TopicPartitions,
} from '../../shared/protocol/consumer-protocol.ts'
import type { Assignor, AssignorMember, GroupAssignment } from '../assignors/assignor.ts'
import { type AnsweredRow, rowError, StratologError } from '../errors.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { sortedPartitions, type TopicPartition } from './consumer-record.ts'

/** A join that succeeded. */
export type Joined = Extract<JoinGroupResponse, { errorCode: 0 }>

/** What a group's API answered: well, or with an error and when to make the same call again, if it is to be. */
export type Answered<T> =
  | { readonly answer: T }
  | { readonly error: StratologError; readonly retryAfterMs: number | undefined; readonly memberId?: string }

/**
 * Sorts an answer, or the failure of the whole request, into one of two.
 *
 * @throws unknown what is no StratologError: the signal's reason
 */
export async function groupAnswer<T extends AnsweredRow>(
  call: Promise<T>,
): Promise<Answered<Extract<T, { readonly errorCode: 0 }>>> {
  try {
    const answer = await call
    const error = rowError(answer)
    if (error === undefined) return { answer: answer as Extract<T, { readonly errorCode: 0 }> }
    const { retryAfterMs, memberId } = answer as { retryAfterMs?: number; memberId?: string }
    return { error, retryAfterMs, ...(memberId === undefined ? {} : { memberId }) }
  } catch (error) {
    if (error instanceof StratologError) return { error, retryAfterMs: undefined }
    throw error
  }
}

/** What a member has, or had before it revoked it, and in which generation it was assigned it. */
export interface Owned {
  readonly partitions: readonly TopicPartition[]
  readonly generationId: number
}

/** What a member offers when it joins: a subscription for each assignor. `owned` is empty for one that revoked all. */
export function joinProtocols(
  assignors: readonly Assignor[],
  topics: readonly string[],
  member: { readonly owned: Owned; readonly previous: Owned },
): JoinGroupRequest['protocols'] {
  const { owned, previous } = member
  return assignors.map(({ name, subscriptionUserData }) => {
    const userData = subscriptionUserData(topicPartitionsOf(previous.partitions), previous.generationId)
    const ownedPartitions = topicPartitionsOf(owned.partitions)
    const { generationId } = owned
    const subscription = { topics, userData, ownedPartitions, generationId, rackId: null }
    return { name, metadata: toBase64(encodeSubscription(subscription)) }
  })
}

/** The members of a group as an assignor takes them. */
export function assignorMembers(joined: Joined): AssignorMember[] {
  return joined.members.map(({ memberId, groupInstanceId, metadata }) => {
    const { topics, userData, ownedPartitions, generationId } = decodeSubscription(fromBase64(metadata))
    return { memberId, groupInstanceId, topics, userData, ownedPartitions, generationId }
  })
}

/** What a leader sends. */
export function assignmentsOf(assignment: GroupAssignment): SyncGroupRequest['assignments'] {
  return [...assignment].map(([memberId, assignedPartitions]) => ({
    memberId,
    assignment: toBase64(encodeAssignment({ assignedPartitions, userData: null })),
  }))
}

/** What a member is assigned. */
export function assignedIn(assignment: string): TopicPartition[] {
  const { assignedPartitions } = decodeAssignment(fromBase64(assignment))
  return sortedPartitions(
    [...assignedPartitions].flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
  )
}

function topicPartitionsOf(partitions: readonly TopicPartition[]): TopicPartitions {
  const topics = Map.groupBy(partitions, ({ topic }) => topic)
  return new Map([...topics].map(([topic, rows]) => [topic, rows.map(({ partition }) => partition)]))
}
