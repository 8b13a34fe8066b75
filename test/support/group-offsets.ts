import { type Group, type GroupOffsets, type Member, NEW_GROUP } from '../../shared/core/group/group.ts'
import { type OffsetCommitRequest, offsetCommitRequest } from '../../shared/protocol/api/group-offsets.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { raiseFence } from '../../shared/service/group-fence.ts'
import { fenceOf, listGroupOffsets, type StoredGroup } from '../../shared/service/group-offsets.ts'
import { loadGroup } from '../../shared/service/group-store.ts'
import { offsetCommit } from '../../shared/service/offset-commit.ts'
import { offsetFetch } from '../../shared/service/offset-fetch.ts'
import { encodeGroup } from '../../shared/store/items/group-item.ts'
import { encodeMember } from '../../shared/store/items/member-item.ts'
import { encodeTopic } from '../../shared/store/items/topic-item.ts'
import { groupListKey, groupMetaKey, memberKey, topicKey } from '../../shared/store/keys.ts'
import type { DocumentCall } from './faulty-store.ts'
import { errorOf, TOPIC } from './log-requests.ts'
import { START_MS, type TestDeps } from './test-deps.ts'

export const GROUP = 'billing'

/** A stable group of generation 5 with the dynamic members m1 and m2, and s1 as the static member i1. */
export const STABLE: Group = {
  ...NEW_GROUP,
  state: 'Stable',
  generationId: 5,
  protocolType: 'consumer',
  protocolName: 'range',
  leader: 'm1',
  joined: { m1: true, m2: true, s1: true },
  commonProtocols: { range: true },
  instances: { i1: 's1' },
  nextExpiryCheckMs: START_MS + 45_000,
}

/** The same members, with nothing due. */
export const inState = (state: 'Stable' | 'PreparingRebalance' | 'CompletingRebalance'): Group => {
  if (state === 'Stable') return STABLE
  const rebalancing = { ...STABLE, state, rebalanceEndsAtMs: START_MS + 60_000 }
  return state === 'CompletingRebalance'
    ? rebalancing
    : { ...rebalancing, joined: {}, awaited: STABLE.joined }
}

/** Stores the group as a coordinator would, whatever it was; answers it with its version. */
export async function storeGroup(
  deps: TestDeps,
  group: Group,
  groupId: string = GROUP,
): Promise<StoredGroup> {
  const { store } = deps.documents
  const item = encodeGroup(group, { groupId, retentionMs: 1 })
  for (let applied = false; !applied; ) {
    const read = await store.get(groupMetaKey(groupId), 'strong')
    const expected = read === undefined ? 'absent' : Number(read.ver)
    applied = (await store.put(groupMetaKey(groupId), item, expected)).applied
  }
  await store.update(groupListKey(groupId), {
    checks: [],
    changes: [{ change: 'set', path: ['groupId'], value: groupId, ifAbsent: false }],
  })
  const stored = await loadGroup({ ...deps, documents: store }, groupId, 'strong')
  if (stored === undefined) throw new Error('group was not stored')
  return stored
}

/** Stores the group and then raises the fences of its offsets to it. */
export async function moveGroup(deps: TestDeps, group: Group, groupId: string = GROUP): Promise<void> {
  const stored = await storeGroup(deps, group, groupId)
  await raiseFence({ ...deps, documents: deps.documents.store }, groupId, fenceOf(stored))
}

/** Stores a member's own document. */
export async function storeMember(
  deps: TestDeps,
  memberId: string,
  changes: Partial<Member> = {},
): Promise<void> {
  const member: Member = {
    memberId,
    groupInstanceId: undefined,
    clientId: 'client',
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: '' }],
    offeredGeneration: 4,
    expiresAtMs: START_MS + 45_000,
    syncedGeneration: 5,
    assignedGeneration: 5,
    assignment: '',
    ...changes,
  }
  await deps.documents.store.put(memberKey(GROUP, memberId), encodeMember(member), 'absent')
}

/** A topic as far as its document goes: nothing here needs its heads. */
export async function storeTopic(
  deps: TestDeps,
  name: string,
  partitionCount = 3,
  digit = '0',
): Promise<string> {
  const topicId = `${name.padEnd(21, '_').slice(0, 21)}${digit}`
  const topic = { name, topicId, partitionCount, replicationFactor: 3, startIndex: 0, configs: {} }
  await deps.documents.store.put(topicKey(name), encodeTopic(topic), 'absent')
  return topicId
}

/** Who commits. */
export type From = Partial<Pick<OffsetCommitRequest, 'generationId' | 'memberId' | 'groupInstanceId'>>

/** The members of `STABLE`, and a client that is no member. */
export const M1: From = { generationId: 5, memberId: 'm1' }
export const M2: From = { generationId: 5, memberId: 'm2' }
export const S1: From = { generationId: 5, memberId: 's1', groupInstanceId: 'i1' }
export const NOBODY: From = { generationId: -1, memberId: '' }

/** The write of a warm commit. */
export const isCommit = ({ method, sk }: DocumentCall) => method === 'update' && sk.startsWith('OFFSETS#')

/** Commits offsets of partitions of one topic; answers the error of each, in the order of `offsets`. */
export async function commit(
  deps: Deps,
  from: From,
  offsets: Readonly<Record<number, number>>,
  more: { groupId?: string; topic?: string; topicId?: string; metadata?: string } = {},
) {
  const { groupId = GROUP, topic: name = TOPIC, topicId, metadata = null } = more
  const partitions = Object.entries(offsets).map(([partition, committedOffset]) => ({
    partitionIndex: Number(partition),
    committedOffset,
    committedMetadata: metadata,
  }))
  const topics = [{ name, ...(topicId === undefined ? {} : { topicId }), partitions }]
  const answer = await offsetCommit(deps, offsetCommitRequest.parse({ groupId, ...from, topics }))
  return (answer.topics[0]?.partitions ?? []).map(errorOf)
}

/** All that is committed, by topic and partition. */
export async function committed(deps: Deps, groupId: string = GROUP): Promise<Record<string, number>> {
  const { topics } = await offsetFetch(deps, { groupId, topics: null, requireStable: false })
  return Object.fromEntries(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, committedOffset }) => [`${name}-${partitionIndex}`, committedOffset]),
    ),
  )
}

/** The documents of a group's offsets. */
export async function offsetsDocuments(
  deps: TestDeps,
  groupId: string = GROUP,
): Promise<readonly GroupOffsets[]> {
  const documents: GroupOffsets[] = []
  for await (const page of listGroupOffsets({ ...deps, documents: deps.documents.store }, groupId)) {
    documents.push(...page.map(({ document }) => document))
  }
  return documents
}
