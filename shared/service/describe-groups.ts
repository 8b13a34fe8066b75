import type { Group, Member } from '../core/group/group.ts'
import { isMember } from '../core/group/membership-checks.ts'
import { metadataOf } from '../core/group/membership-protocols.ts'
import type {
  DescribedGroup,
  DescribedMember,
  DescribeGroupsRequest,
  DescribeGroupsResponse,
} from '../protocol/api/groups.ts'
import { type ErrorRow, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { settleGroup } from './group-settle.ts'
import { listMembers, loadGroup } from './group-store.ts'
import { refuseTwice } from './named-twice.ts'
import { eachRow, rowOf } from './rows.ts'

const NO_GROUP = {
  groupState: 'Dead',
  protocolType: '',
  protocolName: '',
  generationId: -1,
  members: [],
} as const

/**
 * Groups and their members (Kafka's DescribeGroups, API key 15). A group that nobody knows is Dead, with
 * GROUP_ID_NOT_FOUND (KIP-1043).
 *
 * @throws KafkaError INVALID_REQUEST when a group stands in the request twice
 */
export async function describeGroups(
  deps: Deps,
  { groups }: DescribeGroupsRequest,
): Promise<DescribeGroupsResponse> {
  refuseTwice('group', groups)
  const rows = await eachRow(deps, groups, async (groupId): Promise<DescribedGroup> => {
    const described = await rowOf(deps, () => describe(deps, groupId))
    if ('errorName' in described) return { groupId, ...NO_GROUP, ...(described as ErrorRow) }
    return { groupId, ...NO_ERROR, ...described }
  })
  return { groups: rows }
}

async function describe(deps: Deps, groupId: string) {
  const stored = await settleGroup(deps, groupId, await loadGroup(deps, groupId, 'strong'))
  if (stored === undefined || stored.group.state === 'Dead') {
    throw new KafkaError('GROUP_ID_NOT_FOUND', `unknown group groupId=${groupId}`)
  }
  const { group } = stored
  const members = group.state === 'Empty' ? [] : await listMembers(deps, groupId)
  return {
    groupState: group.state,
    protocolType: group.protocolType,
    protocolName: group.state === 'Stable' ? group.protocolName : '',
    generationId: group.generationId,
    // A member's document is there before META knows of it, and after.
    members: members.flatMap(({ member }) =>
      isMember(group, member.memberId) ? [describeMember(group, member)] : [],
    ),
  }
}

/** Metadata and assignment are those of the generation; none of them counts while the next one is being made (Kafka: `describeNoMetadata`). */
function describeMember(group: Group, member: Member): DescribedMember {
  const { memberId, groupInstanceId, clientId, assignedGeneration, assignment } = member
  const isStable = group.state === 'Stable'
  return {
    memberId,
    groupInstanceId: groupInstanceId ?? null,
    clientId,
    metadata: isStable ? metadataOf(member, group.protocolName) : '',
    assignment: isStable && assignedGeneration === group.generationId ? assignment : '',
  }
}
