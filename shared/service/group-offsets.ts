import type { Group, GroupOffsets, OffsetsFence } from '../core/group/group.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Key } from '../store/document-store.ts'
import { decodeGroupOffsets } from '../store/items/group-offsets-item.ts'
import { ALL_OFFSETS, groupPk, topicOfOffsets } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { readTopic, type Topic } from './topics.ts'

/** A group, and the version it was read at. */
export interface StoredGroup {
  readonly group: Group
  readonly version: number
}

/** What commits are checked against when META is at `version`. */
export const fenceOf = ({ group, version }: StoredGroup): OffsetsFence => ({
  bornAtMs: group.bornAtMs,
  generationId: group.generationId,
  groupVersion: version,
  instances: group.instances,
})

/**
 * Checks that a group is named.
 *
 * @throws KafkaError INVALID_GROUP_ID when its name is empty (KIP-289)
 */
export function requireGroupId(groupId: string): void {
  if (groupId === '') throw new KafkaError('INVALID_GROUP_ID', 'groupId must not be empty')
}

/**
 * The topic that stands under a name now, whatever is remembered: offsets of a topic before it are not the new one's.
 *
 * @throws KafkaError as `requestedTopic` does
 */
export async function currentTopic(
  deps: Deps,
  { name, topicId }: { name: string; topicId?: string | undefined },
): Promise<Topic> {
  const topic = await readTopic(deps, name).catch((error: unknown) => {
    const isUnknown = error instanceof KafkaError && error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION'
    if (!isUnknown || topicId === undefined) throw error
    throw new KafkaError('UNKNOWN_TOPIC_ID', `unknown topic topic=${name} topicId=${topicId}`, {
      cause: error,
    })
  })
  if (topicId === undefined || topic.topicId === topicId) return topic
  throw new KafkaError(
    'INCONSISTENT_TOPIC_ID',
    `topic has another id topic=${name} topicId=${topic.topicId} sent=${topicId}`,
  )
}

/** One document of committed offsets. */
export interface StoredOffsets {
  readonly key: Key
  readonly topicId: string
  readonly document: GroupOffsets
}

/**
 * Every document of committed offsets that a group has, page by page. A document that is made meanwhile may be missing.
 */
export async function* listGroupOffsets(
  deps: Deps,
  groupId: string,
): AsyncGenerator<readonly StoredOffsets[]> {
  const { listPage: limit } = deps.limits
  for (let range = ALL_OFFSETS; ; ) {
    await deps.clock.giveWay()
    const entries = await deps.documents.list(groupPk(groupId), { ...range, limit, direction: 'ascending' })
    yield entries.map(({ key, item }) => ({
      key,
      topicId: topicOfOffsets(key.sk),
      document: decodeGroupOffsets(item).document,
    }))
    const last = entries.at(-1)
    if (last === undefined || entries.length < limit) return
    range = { ...ALL_OFFSETS, from: `${last.key.sk} ` }
  }
}
