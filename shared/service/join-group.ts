import { newMemberId } from '../core/group/membership-id.ts'
import type { JoinCommand } from '../core/group/membership-join.ts'
import { ULID_RANDOM_BYTES, ulidBytes, ulidText } from '../core/ulid.ts'
import type { JoinGroupRequest, JoinGroupResponse } from '../protocol/api/groups.ts'
import { errorRow, KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { type Joining, join, requireMemberId } from './group-join.ts'
import { requireGroupId } from './group-offsets.ts'
import { asKafkaError } from './rows.ts'

/** Kafka's consumer calls itself so when nobody gave it a name. */
const UNNAMED = 'consumer'

/**
 * A member joins a group, and waits a little for the others (Kafka's JoinGroup). A join that is repeated with the same member
 * id and protocols restarts nothing. What the request fails with is in the answer.
 */
export async function joinGroup(
  deps: Deps,
  request: JoinGroupRequest,
  clientId: string,
): Promise<JoinGroupResponse> {
  const joining: Joining = {
    groupId: request.groupId,
    untilMs: deps.clock.nowMs() + deps.limits.groupWaitMs,
    command: joinCommand(deps, request, clientId),
    isRecounted: false,
    isWritten: false,
    isOfferOpen: false,
    heard: undefined,
  }
  try {
    requireGroupId(request.groupId)
    checkSessionTimeout(deps, request)
    if (request.memberId === '' && request.groupInstanceId === null) await requireMemberId(deps, joining)
    return await join(deps, joining)
  } catch (thrown) {
    const error = asKafkaError(deps, thrown, { groupId: request.groupId })
    const { memberId, newMemberId: given } = joining.command
    return { ...errorRow(error), memberId: error.errorName === 'MEMBER_ID_REQUIRED' ? given : memberId }
  }
}

function joinCommand({ clock, randomBytes }: Deps, request: JoinGroupRequest, clientId: string): JoinCommand {
  const { groupId: _group, ...command } = request
  const ulid = ulidText(ulidBytes(clock.nowMs(), randomBytes(ULID_RANDOM_BYTES)))
  const name = request.groupInstanceId ?? (clientId === '' ? UNNAMED : clientId)
  return { ...command, clientId, newMemberId: newMemberId(name, ulid) }
}

function checkSessionTimeout({ configs }: Deps, { sessionTimeoutMs }: JoinGroupRequest): void {
  const min = configs['group.min.session.timeout.ms']
  const max = configs['group.max.session.timeout.ms']
  if (sessionTimeoutMs >= min && sessionTimeoutMs <= max) return
  const facts = `sessionTimeoutMs=${sessionTimeoutMs} min=${min} max=${max}`
  throw new KafkaError('INVALID_SESSION_TIMEOUT', `session time-out is out of range ${facts}`)
}
