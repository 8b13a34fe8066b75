import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import {
  DEFAULT_PAGE_ROWS,
  MAX_ENCODED_NAME_BYTES,
  MAX_GROUP_PROTOCOLS,
  MAX_MEMBER_METADATA_BYTES,
  MAX_OFFERED_BYTES,
  MAX_PAGE_ROWS,
  MAX_REQUEST_GROUPS,
  MAX_REQUEST_MEMBERS,
} from '../limits.ts'
import { encodeName } from '../names.ts'
import { rowsOf } from './common.ts'

const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4

/** Any text of Kafka's, but short enough for a key, where it stands percent-encoded. */
const text = z
  .string()
  .refine((value) => value.isWellFormed() && encodeName(value).length <= MAX_ENCODED_NAME_BYTES, {
    message: `must be well-formed and at most ${MAX_ENCODED_NAME_BYTES} bytes when percent-encoded`,
  })
/** A group's name. Whether it is empty is for the service to say. */
export const groupId = text
/** A member's id; '' for one that has none yet, or a client that is no member. */
export const memberId = text
/** Names a static member (KIP-345); null or absent for a dynamic one. */
export const groupInstanceId = text.min(1).nullable().default(null)
/** A generation; −1 for a client that is no member. */
export const generationId = z
  .int()
  .min(-1)
  .max(2 ** 31 - 1)
const timeoutMs = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
/** Opaque bytes of the members' own protocol in base64, as Kafka's ConsumerProtocol lays them out. */
const opaque = z.base64().max(base64Length(MAX_MEMBER_METADATA_BYTES))

/** Body of `POST /v1/join-group` (Kafka's JoinGroup, API key 11). */
export const joinGroupRequest = z.strictObject({
  groupId,
  memberId: memberId.default(''),
  groupInstanceId,
  sessionTimeoutMs: timeoutMs.default(45_000),
  rebalanceTimeoutMs: timeoutMs.default(60_000),
  protocolType: text.min(1),
  protocols: rowsOf(z.strictObject({ name: text.min(1), metadata: opaque }), MAX_GROUP_PROTOCOLS)
    .refine((protocols) => protocols.length > 0, { message: 'must name at least one' })
    .refine(
      (protocols) =>
        protocols.reduce((sum, { metadata }) => sum + metadata.length, 0) <= base64Length(MAX_OFFERED_BYTES),
      { message: `metadata must be at most ${MAX_OFFERED_BYTES} bytes in sum` },
    ),
})

export type JoinGroupRequest = z.infer<typeof joinGroupRequest>

/** A member as the leader sees it; `metadata` is that of the protocol which was chosen. */
export interface JoinedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly metadata: string
}

/**
 * A failed join carries `memberId` with MEMBER_ID_REQUIRED. REBALANCE_IN_PROGRESS comes with `retryAfterMs`: the same call is
 * to be made again, with the `memberId` of this answer: a static member without one would take its own place.
 */
export type JoinGroupResponse =
  | {
      readonly errorCode: 0
      readonly generationId: number
      readonly protocolType: string
      readonly protocolName: string
      readonly leader: string
      readonly memberId: string
      /** Empty for everyone but the leader. */
      readonly members: readonly JoinedMember[]
      /** The leader keeps the assignment that stands (KIP-814). */
      readonly skipAssignment: boolean
    }
  | (ErrorRow & { readonly memberId: string; readonly retryAfterMs?: number })

/** Body of `POST /v1/sync-group` (Kafka's SyncGroup, API key 14); only the leader sends assignments. */
export const syncGroupRequest = z.strictObject({
  groupId,
  generationId,
  memberId,
  groupInstanceId,
  protocolType: z.string().nullable().default(null),
  protocolName: z.string().nullable().default(null),
  assignments: rowsOf(z.strictObject({ memberId, assignment: opaque }), MAX_REQUEST_MEMBERS).default([]),
})

export type SyncGroupRequest = z.infer<typeof syncGroupRequest>

/** With `retryAfterMs` the same call is to be made again, without it REBALANCE_IN_PROGRESS means to join again. */
export type SyncGroupResponse =
  | {
      readonly errorCode: 0
      readonly protocolType: string
      readonly protocolName: string
      readonly assignment: string
    }
  | (ErrorRow & { readonly retryAfterMs?: number })

/** Body of `POST /v1/heartbeat` (Kafka's Heartbeat, API key 12). */
export const heartbeatRequest = z.strictObject({ groupId, generationId, memberId, groupInstanceId })

export type HeartbeatRequest = z.infer<typeof heartbeatRequest>
export type HeartbeatResponse = { readonly errorCode: 0 } | ErrorRow

/** Body of `POST /v1/leave-group` (Kafka's LeaveGroup, API key 13). */
export const leaveGroupRequest = z.strictObject({
  groupId,
  members: rowsOf(
    z.strictObject({
      memberId: memberId.default(''),
      groupInstanceId,
      reason: text.nullable().default(null),
    }),
    MAX_REQUEST_MEMBERS,
  ).refine((members) => members.length > 0, { message: 'must name at least one' }),
})

export type LeaveGroupRequest = z.infer<typeof leaveGroupRequest>

export type LeftMember = { readonly memberId: string; readonly groupInstanceId: string | null } & (
  | { readonly errorCode: 0 }
  | ErrorRow
)
export type LeaveGroupResponse = ({ readonly errorCode: 0 } | ErrorRow) & {
  readonly members: readonly LeftMember[]
}

/** What a group is doing, in Kafka's words (`ClassicGroupState`). */
export const GROUP_STATES = ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'] as const
export type GroupState = (typeof GROUP_STATES)[number]

/** Body of `POST /v1/list-groups` (Kafka's ListGroups, API key 16). */
export const listGroupsRequest = z.strictObject({
  statesFilter: z.array(z.enum(GROUP_STATES)).max(GROUP_STATES.length).default([]),
  limit: z.int().min(1).max(MAX_PAGE_ROWS).default(DEFAULT_PAGE_ROWS),
  nextToken: groupId.nullable().default(null),
})

export type ListGroupsRequest = z.infer<typeof listGroupsRequest>

export interface ListGroupsResponse {
  readonly groups: readonly {
    readonly groupId: string
    readonly protocolType: string
    readonly groupState: GroupState
  }[]
  readonly nextToken: string | null
}

/** Body of `POST /v1/describe-groups` (Kafka's DescribeGroups, API key 15). */
export const describeGroupsRequest = z.strictObject({ groups: rowsOf(groupId, MAX_REQUEST_GROUPS) })

export type DescribeGroupsRequest = z.infer<typeof describeGroupsRequest>

export interface DescribedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly metadata: string
  readonly assignment: string
}

/** A group that nobody knows is Dead and carries GROUP_ID_NOT_FOUND (KIP-1043). */
export type DescribedGroup = ({ readonly errorCode: 0 } | ErrorRow) & {
  readonly groupId: string
  readonly groupState: GroupState
  readonly protocolType: string
  readonly protocolName: string
  readonly generationId: number
  readonly members: readonly DescribedMember[]
}

export interface DescribeGroupsResponse {
  readonly groups: readonly DescribedGroup[]
}

/** Body of `POST /v1/delete-groups` (Kafka's DeleteGroups, API key 42). */
export const deleteGroupsRequest = z.strictObject({ groups: rowsOf(groupId, MAX_REQUEST_GROUPS) })

export type DeleteGroupsRequest = z.infer<typeof deleteGroupsRequest>

export interface DeleteGroupsResponse {
  readonly results: readonly ({ readonly groupId: string } & ({ readonly errorCode: 0 } | ErrorRow))[]
}
