import type { Group, Member } from '../core/group/group.ts'
import { isMember } from '../core/group/membership-checks.ts'
import { CONSUMER_PROTOCOL_TYPE, decodeSubscription } from '../protocol/consumer-protocol.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { listMembers } from './group-store.ts'

/** Names of topics; `all` where a member's metadata cannot be read, so that nobody knows. */
export type SubscribedTopics = ReadonlySet<string> | 'all'

/**
 * What the members of a group are subscribed to (Kafka's `ClassicGroup.isSubscribedToTopic`), by what they joined with.
 *
 * @throws KafkaError NON_EMPTY_GROUP when it has members that are no consumers
 */
export async function subscribedTopics(deps: Deps, groupId: string, group: Group): Promise<SubscribedTopics> {
  if (group.state === 'Empty') return new Set()
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) {
    throw new KafkaError(
      'NON_EMPTY_GROUP',
      `group has members that are no consumers groupId=${groupId} protocolType=${group.protocolType}`,
    )
  }
  const members = (await listMembers(deps, groupId)).filter(({ member }) => isMember(group, member.memberId))
  const topics = members.flatMap(({ member }) => member.protocols.map(({ metadata }) => topicsOf(metadata)))
  return topics.includes(undefined) ? 'all' : new Set(topics.flatMap((names) => names ?? []))
}

/** The topics of a member's metadata; undefined when it is not laid out as a consumer's. */
function topicsOf(metadata: Member['protocols'][number]['metadata']): readonly string[] | undefined {
  try {
    return decodeSubscription(Uint8Array.from(atob(metadata), (letter) => letter.charCodeAt(0))).topics
  } catch (error) {
    if (error instanceof KafkaError && error.errorName === 'CORRUPT_MESSAGE') return undefined
    throw error
  }
}
