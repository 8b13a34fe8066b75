import { fromBase64 } from '../../client/consumer/base64.ts'
import type { Group, GroupOffsets, Member } from '../../shared/core/group/group.ts'
import { memberIds } from '../../shared/core/group/membership-checks.ts'
import { utf8Bytes } from '../../shared/core/group/offsets.ts'
import type { Item } from '../../shared/core/update-plan.ts'
import { decodeAssignment, decodeSubscription } from '../../shared/protocol/consumer-protocol.ts'
import type { Key } from '../../shared/store/document-store.ts'
import { decodeGroup } from '../../shared/store/items/group-item.ts'
import { decodeGroupOffsets } from '../../shared/store/items/group-offsets-item.ts'
import { decodeMember } from '../../shared/store/items/member-item.ts'
import { decodeTopic, isBeingDeleted } from '../../shared/store/items/topic-item.ts'
import { groupMetaKey, groupOfPk, groupPk, TOPICS, topicOfOffsets } from '../../shared/store/keys.ts'
import type { Cluster } from './cluster.ts'
import { placeOf } from './group-company.ts'
import type { Birth, Commit, GroupHistory } from './group-history.ts'
import type { MemoryDocuments } from './memory-documents.ts'

interface Stored {
  readonly group: Group
  readonly version: number
}

/** One write of a group's document, before and after. */
interface Write {
  readonly groupId: string
  readonly key: Key
  readonly before: Item | undefined
  readonly after: Item | undefined
}

/**
 * Checks after each write of a group what must be true of it: I3 of its generation, I10, I11 and the fence of commits. It
 * notes in `history` when members and offsets come and go.
 */
export function watchGroups(cluster: Cluster, history: GroupHistory, say: (broken: string) => void): void {
  const { documents, count, scheduler } = cluster
  const others = cluster.onWrite
  const lives = new Map<string, number>()
  const lifeOf = (groupId: string) => lives.get(groupId) ?? 0
  cluster.onWrite = (key, before, after, plan) => {
    others(key, before, after, plan)
    if (key.pk === TOPICS && before !== undefined && after === undefined)
      history.goneTopics.set(decodeTopic(key.sk, before).topicId, scheduler.steps())
    const groupId = groupOfPk(key.pk)
    if (groupId === undefined) return
    const write = { groupId, key, before, after }
    const broken: string[] = []
    if (key.sk === 'META') {
      broken.push(...metaWritten(documents, write))
      noteMeta(write, { history, count, birth: { life: lifeOf(groupId), at: scheduler.steps() } })
      if (after === undefined) lives.set(groupId, lifeOf(groupId) + 1)
    } else if (key.sk.startsWith('OFFSETS#')) {
      broken.push(...offsetsWritten(documents, write, history.commits))
      noteOffsets(write, { history, count, at: scheduler.steps() })
    } else if (key.sk.startsWith('MEMBER#')) {
      broken.push(...memberWritten(documents, write, lifeOf(groupId)))
      const latestMs = scheduler.nowMs() + cluster.configuration.skewMs
      broken.push(...goneTooSoon(documents, write, latestMs))
    }
    for (const fact of broken) say(`${fact} (${key.pk} ${key.sk})`)
  }
}

function metaWritten(documents: MemoryDocuments, { groupId, before, after }: Write): readonly string[] {
  const was = before === undefined ? undefined : decodeGroup(before)
  if (after === undefined) {
    const left = offsetsOf(documents, groupId)
    const broken = left.map(({ topicName }) => `offsets of ${topicName} outlive their group`)
    return was?.group.state === 'Dead' ? broken : [...broken, `a group was removed in ${was?.group.state}`]
  }
  const now = decodeGroup(after)
  const broken = [...brokenInGroup(now.group)]
  if (was === undefined) {
    if (now.group.generationId !== 0) broken.push(`a group began in generation ${now.group.generationId}`)
  } else broken.push(...moved(was, now))
  const isNewlyStable = now.group.state === 'Stable' && was?.group.state !== 'Stable'
  if (isNewlyStable) broken.push(...notFenced(documents, groupId, now.group))
  if (isNewlyStable) broken.push(...notAssigned(documents, groupId, now.group))
  if (was?.group.state === 'PreparingRebalance' && now.group.state === 'CompletingRebalance')
    broken.push(...leftOut(documents, groupId, was.group, now.group))
  if (now.group.state === 'Stable') broken.push(...assignedTwice(documents, groupId, now.group))
  return broken
}

/** What a write may make of a group. */
function moved(was: Stored, now: Stored): readonly string[] {
  const [a, b] = [was.group, now.group]
  const broken: string[] = []
  if (b.generationId < a.generationId)
    broken.push(`I3: generation fell from ${a.generationId} to ${b.generationId}`)
  if (now.version < was.version) broken.push(`the version fell from ${was.version} to ${now.version}`)
  const step = `${a.state} ${b.state}`
  if (a.state !== b.state && !STEPS.has(step)) broken.push(`a group went from ${a.state} to ${b.state}`)
  // The leader assigns to those that it was told of.
  const isCompleting = a.state === 'CompletingRebalance' && b.state !== 'PreparingRebalance'
  if (isCompleting && String(memberIds(a)) !== String(memberIds(b)))
    broken.push(`members changed from ${memberIds(a)} to ${memberIds(b)} amid generation ${b.generationId}`)
  if (a.state === 'Dead') broken.push('a dead group was written')
  const rises = COMPLETES.has(step) ? 1 : 0
  if (b.generationId > a.generationId + rises || (rises === 1 && b.generationId === a.generationId))
    broken.push(`generation ${b.generationId} follows ${a.generationId}, ${step}`)
  return broken
}

/** A rebalance that completes, and so begins a generation. */
const COMPLETES: ReadonlySet<string> = new Set([
  'PreparingRebalance CompletingRebalance',
  'PreparingRebalance Empty',
])
const STEPS: ReadonlySet<string> = new Set([
  ...COMPLETES,
  'Empty PreparingRebalance',
  'CompletingRebalance PreparingRebalance',
  'CompletingRebalance Stable',
  'Stable PreparingRebalance',
  'Empty Dead',
])

function brokenInGroup(group: Group): readonly string[] {
  const { state, joined, awaited, instances, leader } = group
  const members = memberIds(group)
  const broken: string[] = []
  const both = Object.keys(joined).filter((memberId) => Object.hasOwn(awaited, memberId))
  if (both.length > 0) broken.push(`${both} joined and is awaited`)
  for (const [instance, memberId] of Object.entries(instances))
    if (!members.includes(memberId)) broken.push(`${instance} stands for ${memberId}, which is no member`)
  if (leader !== '' && !members.includes(leader)) broken.push(`the leader ${leader} is no member`)
  const hasGeneration = state === 'CompletingRebalance' || state === 'Stable'
  if (hasGeneration && !Object.hasOwn(joined, leader)) broken.push(`${state} without a leader`)
  if (state !== 'PreparingRebalance' && Object.keys(awaited).length > 0)
    broken.push(`${state} awaits members`)
  if ((state === 'Empty' || state === 'Dead') && members.length > 0) broken.push(`${state} with members`)
  return broken
}

/** Before members learn what is theirs, no commit of an earlier generation may succeed any more. */
function notFenced(documents: MemoryDocuments, groupId: string, { generationId }: Group): readonly string[] {
  return offsetsOf(documents, groupId).flatMap(({ topicName, fence }) =>
    fence.generationId === generationId
      ? []
      : [`fence of ${topicName} is at ${fence.generationId} in the stable generation ${generationId}`],
  )
}

/** Who is a member of a stable generation learns what it has. */
function notAssigned(documents: MemoryDocuments, groupId: string, group: Group): readonly string[] {
  return membersOf(documents, groupId).flatMap(({ memberId, assignedGeneration }) =>
    Object.hasOwn(group.joined, memberId) && assignedGeneration !== group.generationId
      ? [`${memberId} has no assignment in the stable generation ${group.generationId}`]
      : [],
  )
}

/** Who joined a rebalance, and did not expire since, is in the generation that completes it. */
function leftOut(documents: MemoryDocuments, groupId: string, was: Group, now: Group): readonly string[] {
  return membersOf(documents, groupId).flatMap(({ memberId }) =>
    Object.hasOwn(was.joined, memberId) && !Object.hasOwn(now.joined, memberId)
      ? [`${memberId} joined, and is not in generation ${now.generationId}`]
      : [],
  )
}

/** I11, of the members of a stable group. */
function assignedTwice(documents: MemoryDocuments, groupId: string, group: Group): readonly string[] {
  const owners = new Map<string, string>()
  const broken: string[] = []
  for (const { memberId, assignedGeneration, assignment } of membersOf(documents, groupId)) {
    if (!Object.hasOwn(group.joined, memberId) || assignedGeneration !== group.generationId) continue
    for (const place of placesOf(assignment)) {
      const other = owners.get(place)
      if (other !== undefined) broken.push(`I11: ${place} is ${other}'s and ${memberId}'s`)
      owners.set(place, memberId)
    }
  }
  return broken
}

function offsetsWritten(
  documents: MemoryDocuments,
  { groupId, key, before, after }: Write,
  commits: ReadonlyMap<string, Commit>,
): readonly string[] {
  const stored = documents.peek(groupMetaKey(groupId))
  const meta = stored === undefined ? undefined : decodeGroup(stored)
  if (after === undefined) {
    const isListed = documents.all(TOPICS).some(({ key: { sk }, item }) => {
      return decodeTopic(sk, item).topicId === topicOfOffsets(key.sk) && !isBeingDeleted(item)
    })
    const isOver = meta === undefined || meta.group.state === 'Dead'
    return isListed && !isOver ? [`offsets of a topic that there is were removed in ${meta.group.state}`] : []
  }
  const was = before === undefined ? undefined : decodeGroupOffsets(before).document
  const now = decodeGroupOffsets(after).document
  if (meta === undefined) return ['offsets were written, and there is no group']
  const broken: string[] = []
  const { fence } = now
  if (fence.bornAtMs !== meta.group.bornAtMs)
    broken.push(`I10: fence of a group made at ${fence.bornAtMs}, this one was at ${meta.group.bornAtMs}`)
  if (fence.generationId > meta.group.generationId)
    broken.push(`I10: fence at ${fence.generationId}, the group in ${meta.group.generationId}`)
  if (fence.groupVersion > meta.version)
    broken.push(`fence of version ${fence.groupVersion}, the group's is ${meta.version}`)
  if (meta.group.state === 'Stable' && fence.generationId !== meta.group.generationId)
    broken.push(`fence at ${fence.generationId} in the stable generation ${meta.group.generationId}`)
  if (was === undefined && fence.groupVersion !== meta.version)
    broken.push(
      `offsets made with the fence of version ${fence.groupVersion}, the group's is ${meta.version}`,
    )
  const isDeleted = Object.keys(was?.offsets ?? {}).some((partition) => now.offsets[partition] === undefined)
  if (isDeleted && subscribers(documents, groupId, meta.group, now.topicName).length > 0)
    broken.push(`offsets of ${now.topicName} were deleted, to which members are subscribed`)
  if (was !== undefined && fence.groupVersion < was.fence.groupVersion)
    broken.push(`fence fell from version ${was.fence.groupVersion} to ${fence.groupVersion}`)
  if (was !== undefined && fence.generationId < was.fence.generationId)
    broken.push(`I3: fence fell from generation ${was.fence.generationId} to ${fence.generationId}`)
  const bytes = Object.values(now.offsets).reduce((sum, { metadata }) => sum + utf8Bytes(metadata), 0)
  if (now.metadataBytes < bytes) broken.push(`metadata of ${bytes} bytes counts as ${now.metadataBytes}`)
  return [
    ...broken,
    ...newlyCommitted(was, now).flatMap((token) => wrongCommit(commits.get(token), now, meta.group)),
  ]
}

/** Members of a group that want the topic. */
function subscribers(
  documents: MemoryDocuments,
  groupId: string,
  group: Group,
  topic: string,
): readonly Member[] {
  return membersOf(documents, groupId).filter(
    ({ memberId, protocols }) =>
      memberIds(group).includes(memberId) &&
      protocols.some(({ metadata }) => decodeSubscription(fromBase64(metadata)).topics.includes(topic)),
  )
}

/** I10: whose commit is taken is of the generation that the fence has, or of nobody in a group without members. */
function wrongCommit(commit: Commit | undefined, { fence }: GroupOffsets, group: Group): readonly string[] {
  if (commit === undefined) return ['an offset that nobody commits']
  const { generationId, token, instance, memberId } = commit
  if (generationId < 0) {
    return group.state === 'Empty' ? [] : [`${token} of no member was taken in ${group.state}`]
  }
  if (generationId !== fence.generationId)
    return [`I10: ${token} of generation ${generationId} was taken, the fence is at ${fence.generationId}`]
  const holder = instance === null ? memberId : fence.instances[instance]
  return holder === memberId ? [] : [`${token} of ${memberId} was taken, ${instance} is ${holder}`]
}

function newlyCommitted(was: GroupOffsets | undefined, now: GroupOffsets): readonly string[] {
  return Object.entries(now.offsets).flatMap(([partition, { metadata }]) =>
    was?.offsets[partition]?.metadata === metadata ? [] : [metadata],
  )
}

function memberWritten(
  documents: MemoryDocuments,
  { groupId, before, after }: Write,
  life: number,
): readonly string[] {
  if (after === undefined) return []
  const now = decodeMember(after)
  const item = documents.peek(groupMetaKey(groupId))
  const generationId = item === undefined ? undefined : decodeGroup(item).group.generationId
  const { assignedGeneration, syncedGeneration, assignment, memberId } = now.member
  const broken: string[] = []
  // Who is left over of a deleted group may have been in a later one.
  if (before === undefined) return broken
  const was = decodeMember(before)
  // A leader that slept until its group was made anew may still assign: that costs the new one a generation.
  const isFirst = generationId !== undefined && life === 0
  if (isFirst && Object.hasOwn(decodeGroup(item ?? {}).group.joined, memberId)) {
    if (assignedGeneration > generationId)
      broken.push(`assigned in ${assignedGeneration}, the group is in ${generationId}`)
  }
  if (now.version < was.version) broken.push('the version of a member fell')
  if (assignedGeneration < was.member.assignedGeneration) broken.push('I3: the assigned generation fell')
  if (syncedGeneration < was.member.syncedGeneration) broken.push('I3: the synced generation fell')
  if (assignedGeneration === was.member.assignedGeneration && assignment !== was.member.assignment)
    broken.push(`I11: ${memberId} was assigned twice in generation ${assignedGeneration}`)
  return broken
}

/** A member that the group has is only removed when nothing was heard of it, by whatever clock. */
function goneTooSoon(
  documents: MemoryDocuments,
  { groupId, before, after }: Write,
  latestMs: number,
): readonly string[] {
  const meta = documents.peek(groupMetaKey(groupId))
  if (before === undefined || after !== undefined || meta === undefined) return []
  const { memberId, expiresAtMs } = decodeMember(before).member
  const isTooSoon = expiresAtMs > latestMs && memberIds(decodeGroup(meta).group).includes(memberId)
  return isTooSoon ? [`${memberId} was removed, and had ${expiresAtMs - latestMs} ms to go`] : []
}

/** Counts what a write of a group brought about, and notes who became a member. */
function noteMeta(
  { groupId, before, after }: Write,
  { history, count, birth }: { history: GroupHistory; count(what: string): void; birth: Birth },
): void {
  const was = before === undefined ? undefined : decodeGroup(before).group
  const now = after === undefined ? undefined : decodeGroup(after).group
  if (was === undefined && birth.life > 0) count('group: made anew')
  if (now === undefined) {
    count('group: removed')
    return
  }
  const former = was === undefined ? [] : memberIds(was)
  for (const memberId of memberIds(now).filter((id) => !former.includes(id))) {
    const name = `${groupId}/${memberId}`
    history.births.set(name, [...(history.births.get(name) ?? []), birth])
  }
  if (was?.generationId !== now.generationId)
    history.generations.push({ ...birth, group: groupId, generationId: now.generationId })
  if (was === undefined) return
  const isSame = was.state === now.state
  if (!isSame && now.state === 'Stable')
    history.stableAt.set(`${groupId} ${birth.life} ${now.generationId}`, birth.at)
  if (!isSame) count(`group: ${now.state}`)
  // Of one that nobody asked to delete.
  const isAsked = history.deletesAsked.has(groupId)
  if (!isSame && now.state === 'Dead' && !isAsked) count('group: expired')
  if (now.generationId > was.generationId) count('group: generations')
  if (now.state === 'PreparingRebalance' && was.state === 'CompletingRebalance') count('group: begun anew')
  for (const [instance, memberId] of Object.entries(now.instances)) {
    const holder = was.instances[instance]
    if (holder !== undefined && holder !== memberId) count(`group: static member replaced in ${was.state}`)
  }
}

function noteOffsets(
  { groupId, key, before, after }: Write,
  { history, count, at }: { history: GroupHistory; count(what: string): void; at: number },
): void {
  const was = before === undefined ? undefined : decodeGroupOffsets(before).document
  const now = after === undefined ? undefined : decodeGroupOffsets(after).document
  if (was === undefined) count('group: offsets created')
  if (was !== undefined && now !== undefined) {
    const rises = now.fence.generationId > was.fence.generationId
    if (rises) count('group: fence raised')
    if (rises && newlyCommitted(was, now).length > 0) count('group: fence raised by a commit')
  }
  const isDropped = history.goneTopics.has(topicOfOffsets(key.sk))
  for (const partition of Object.keys(was?.offsets ?? {})) {
    if (now?.offsets[partition] !== undefined) continue
    count('group: offsets removed')
    if (now === undefined && isDropped) count('group: offsets of a deleted topic dropped')
    history.removals.push({ group: groupId, key: `${topicOfOffsets(key.sk)}/${partition}`, at })
  }
}

const offsetsOf = (documents: MemoryDocuments, groupId: string): readonly GroupOffsets[] =>
  documents
    .all(groupPk(groupId))
    .flatMap(({ key, item }) => (key.sk.startsWith('OFFSETS#') ? [decodeGroupOffsets(item).document] : []))

const membersOf = (documents: MemoryDocuments, groupId: string): readonly Member[] =>
  documents
    .all(groupPk(groupId))
    .flatMap(({ key, item }) => (key.sk.startsWith('MEMBER#') ? [decodeMember(item).member] : []))

const placesOf = (assignment: string): readonly string[] =>
  [...decodeAssignment(fromBase64(assignment)).assignedPartitions].flatMap(([name, partitions]) =>
    partitions.map((partition) => placeOf(name, partition)),
  )
