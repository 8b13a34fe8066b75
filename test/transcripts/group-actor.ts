import {
  type HeartbeatResponse,
  heartbeatRequest,
  type JoinGroupResponse,
  joinGroupRequest,
  type LeaveGroupResponse,
  leaveGroupRequest,
  type SyncGroupResponse,
  syncGroupRequest,
} from '../../shared/protocol/api/groups.ts'
import { heartbeat } from '../../shared/service/heartbeat.ts'
import { joinGroup } from '../../shared/service/join-group.ts'
import { leaveGroup } from '../../shared/service/leave-group.ts'
import { syncGroup } from '../../shared/service/sync-group.ts'
import type { TestDeps } from '../support/test-deps.ts'

export const GROUP = 'billing'

/** A client of a group: it remembers what the coordinator told it, and nothing else. */
export interface Actor {
  readonly name: string
  memberId: string
  generationId: number
}

export const newActor = (name: string): Actor => ({ name, memberId: '', generationId: -1 })

/** What a request says other than what the client remembers. */
export interface JoinOptions {
  readonly groupId?: string
  readonly memberId?: string
  readonly instance?: string
  readonly protocols?: readonly string[]
  readonly protocolType?: string
  readonly sessionMs?: number
  readonly rebalanceMs?: number
  /** What it subscribes to: the metadata of every protocol. */
  readonly metadata?: string
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')
export const textOf = (bytes: string): string => Buffer.from(bytes, 'base64').toString()

/** One JoinGroup. */
export async function join(
  deps: TestDeps,
  actor: Actor,
  options: JoinOptions = {},
): Promise<JoinGroupResponse> {
  const { protocols = ['range'], metadata = actor.name } = options
  const request = joinGroupRequest.parse({
    groupId: options.groupId ?? GROUP,
    memberId: options.memberId ?? actor.memberId,
    groupInstanceId: options.instance ?? null,
    sessionTimeoutMs: options.sessionMs ?? 10_000,
    rebalanceTimeoutMs: options.rebalanceMs ?? 30_000,
    protocolType: options.protocolType ?? 'consumer',
    protocols: protocols.map((name) => ({ name, metadata: base64(metadata) })),
  })
  const answer = await joinGroup(deps, request, actor.name)
  if (answer.memberId !== '') actor.memberId = answer.memberId
  if (!('errorName' in answer)) actor.generationId = answer.generationId
  return answer
}

/** Joins as a client does: again with the id that it is given, and again while it is told to wait. */
export async function joins(
  deps: TestDeps,
  actor: Actor,
  options: JoinOptions = {},
): Promise<JoinGroupResponse> {
  for (;;) {
    const answer = await join(deps, actor, options)
    if (!('errorName' in answer)) return answer
    if (answer.retryAfterMs !== undefined) await deps.clock.sleep(answer.retryAfterMs)
    else if (answer.errorName !== 'MEMBER_ID_REQUIRED') return answer
  }
}

export interface SyncOptions {
  readonly groupId?: string
  readonly memberId?: string
  readonly instance?: string
  readonly generationId?: number
  readonly protocolType?: string
  readonly protocolName?: string
  /** By member id. */
  readonly assignments?: Readonly<Record<string, string>>
}

/** One SyncGroup. */
export function sync(deps: TestDeps, actor: Actor, options: SyncOptions = {}): Promise<SyncGroupResponse> {
  const assignments = Object.entries(options.assignments ?? {})
  return syncGroup(
    deps,
    syncGroupRequest.parse({
      groupId: options.groupId ?? GROUP,
      generationId: options.generationId ?? actor.generationId,
      memberId: options.memberId ?? actor.memberId,
      groupInstanceId: options.instance ?? null,
      protocolType: options.protocolType ?? null,
      protocolName: options.protocolName ?? null,
      assignments: assignments.map(([memberId, assignment]) => ({
        memberId,
        assignment: base64(assignment),
      })),
    }),
  )
}

/** Syncs as a client does: again while it is told to wait. */
export async function syncs(
  deps: TestDeps,
  actor: Actor,
  options: SyncOptions = {},
): Promise<SyncGroupResponse> {
  for (;;) {
    const answer = await sync(deps, actor, options)
    if (!('errorName' in answer) || answer.retryAfterMs === undefined) return answer
    await deps.clock.sleep(answer.retryAfterMs)
  }
}

/** One Heartbeat. */
export function beat(deps: TestDeps, actor: Actor, options: SyncOptions = {}): Promise<HeartbeatResponse> {
  return heartbeat(
    deps,
    heartbeatRequest.parse({
      groupId: options.groupId ?? GROUP,
      generationId: options.generationId ?? actor.generationId,
      memberId: options.memberId ?? actor.memberId,
      groupInstanceId: options.instance ?? null,
    }),
  )
}

/** One LeaveGroup of several members. */
export function leave(
  deps: TestDeps,
  members: readonly { readonly memberId?: string; readonly groupInstanceId?: string }[],
  groupId: string = GROUP,
): Promise<LeaveGroupResponse> {
  return leaveGroup(deps, leaveGroupRequest.parse({ groupId, members }))
}
