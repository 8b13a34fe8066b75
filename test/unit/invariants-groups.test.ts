import { describe, expect, test } from 'vitest'
import { toBase64 } from '../../client/consumer/base64.ts'
import {
  type Group,
  type GroupOffsets,
  type Member,
  NEW_GROUP,
  type OffsetsFence,
} from '../../shared/core/group/group.ts'
import type { Item } from '../../shared/core/update-plan.ts'
import { encodeAssignment, encodeSubscription } from '../../shared/protocol/consumer-protocol.ts'
import type { Key } from '../../shared/store/document-store.ts'
import { encodeGroup } from '../../shared/store/items/group-item.ts'
import { encodeGroupOffsets } from '../../shared/store/items/group-offsets-item.ts'
import { encodeMember } from '../../shared/store/items/member-item.ts'
import { encodeTopic } from '../../shared/store/items/topic-item.ts'
import { groupMetaKey, memberKey, offsetsKey, topicKey } from '../../shared/store/keys.ts'
import type { Cluster } from '../sim/cluster.ts'
import { type Commit, newGroupHistory } from '../sim/group-history.ts'
import { watchGroups } from '../sim/invariants-groups.ts'
import { memoryDocuments } from '../sim/memory-documents.ts'

const META = groupMetaKey('g')
const OFFSETS = offsetsKey('g', 't', 0)
const A = memberKey('g', 'a')

const NOW_MS = 1000

const STABLE: Group = {
  ...NEW_GROUP,
  state: 'Stable',
  generationId: 3,
  leader: 'a',
  joined: { a: true, b: true },
  instances: { s: 'b' },
}
const EMPTY: Group = { ...NEW_GROUP, generationId: 3 }
const COMPLETING: Group = { ...STABLE, state: 'CompletingRebalance' }
const PREPARING: Group = { ...STABLE, state: 'PreparingRebalance', joined: { a: true }, awaited: { b: true } }

/** Writes to a group's documents, watched from the first one on. */
function watched() {
  const documents = memoryDocuments()
  const broken: string[] = []
  const counts: Record<string, number> = {}
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1
  }
  let at = 0
  const scheduler = { steps: () => at, nowMs: () => NOW_MS }
  const configuration = { skewMs: 10 }
  const cluster = {
    documents,
    count,
    scheduler,
    configuration,
    onWrite: () => undefined,
  } as unknown as Cluster
  const history = newGroupHistory()
  watchGroups(cluster, history, (fact) => broken.push(fact))
  const write = async (key: Key, item: Item | undefined) => {
    at += 1
    const before = documents.peek(key)
    if (item === undefined) await documents.delete(key, [])
    else await documents.put(key, item, before === undefined ? 'absent' : Number(before.ver))
    cluster.onWrite(key, before, documents.peek(key))
  }
  const group = (value: Group | undefined) =>
    write(META, value === undefined ? undefined : encodeGroup(value, { groupId: 'g', retentionMs: 0 }))
  /** A group that went through `states`, with nothing said about how. */
  const inState = async (value: Group) => {
    await group(value)
    broken.length = 0
  }
  const offsets = (fence: Partial<OffsetsFence>, token?: string) => {
    const committed = { offset: 1, leaderEpoch: -1, metadata: token ?? '', committedAtMs: 0 }
    const document: GroupOffsets = {
      topicName: 'log',
      fence: { bornAtMs: 0, generationId: 3, groupVersion: 1, instances: { s: 'b' }, ...fence },
      metadataBytes: 10,
      offsets: token === undefined ? {} : { 0: committed },
    }
    return write(OFFSETS, encodeGroupOffsets(document))
  }
  const committing = (token: string, more: Partial<Commit>) =>
    history.commits.set(token, { token, generationId: 3, memberId: 'a', instance: null, ...more } as Commit)
  const topic = () => {
    const of = { topicId: 't', partitionCount: 1, replicationFactor: 1, startIndex: 0, configs: {} }
    return write(topicKey('log'), encodeTopic({ name: 'log', ...of }))
  }
  return { write, group, inState, offsets, committing, topic, broken, counts, history }
}

const memberOf = (memberId: string, more: Partial<Member> = {}): Item =>
  encodeMember({
    memberId,
    groupInstanceId: undefined,
    clientId: '',
    sessionTimeoutMs: 1,
    rebalanceTimeoutMs: 1,
    protocolType: 'consumer',
    protocols: [],
    offeredGeneration: -1,
    expiresAtMs: 0,
    syncedGeneration: 3,
    assignedGeneration: 3,
    assignment: '',
    ...more,
  })
const assignmentOf = (partition: number) =>
  toBase64(encodeAssignment({ assignedPartitions: new Map([['log', [partition]]]), userData: null }))

test('a group that goes on as it must is nothing to be told of', async () => {
  const { write, group, offsets, committing, broken, counts, history } = watched()
  committing('t1', { generationId: 1 })
  committing('t2', { generationId: -1, memberId: '' })
  const joining: Group = { ...PREPARING, generationId: 0, joined: { a: true, b: true }, awaited: {} }
  await group(joining)
  await write(A, memberOf('a', { syncedGeneration: -1, assignedGeneration: -1 }))
  await group({ ...COMPLETING, generationId: 1 })
  await write(A, memberOf('a', { syncedGeneration: 1, assignedGeneration: 1, assignment: assignmentOf(0) }))
  await group({ ...STABLE, generationId: 1 })
  await offsets({ generationId: 1, groupVersion: 3 }, 't1')
  await group({ ...PREPARING, generationId: 1, joined: {}, awaited: { a: true, b: true } })
  await group({ ...EMPTY, generationId: 2 })
  await write(A, undefined)
  await offsets({ generationId: 2, groupVersion: 5, instances: {} }, 't2')
  await group({ ...EMPTY, generationId: 2, state: 'Dead' })
  await write(OFFSETS, undefined)
  await group(undefined)
  await group({ ...NEW_GROUP })
  expect(broken).toEqual([])
  expect(history.births.get('g/a')).toEqual([{ life: 0, at: 1 }])
  expect(history.generations.map(({ life, generationId }) => [life, generationId])).toEqual([
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 0],
  ])
  expect(history.removals).toEqual([{ group: 'g', key: 't/0', at: 12 }])
  expect(counts).toMatchObject({ 'group: generations': 2, 'group: fence raised': 1, 'group: made anew': 1 })
})

describe('of META', () => {
  test.each<{ name: string; from: Group; to: Group | undefined; says: string }>([
    {
      name: 'a generation that falls',
      from: EMPTY,
      to: { ...EMPTY, generationId: 2 },
      says: 'I3: generation fell',
    },
    {
      name: 'a state that does not follow',
      from: PREPARING,
      to: STABLE,
      says: 'went from PreparingRebalance to Stable',
    },
    {
      name: 'a generation without a rebalance',
      from: STABLE,
      to: { ...STABLE, generationId: 4 },
      says: 'generation 4 follows 3',
    },
    {
      name: 'a rebalance without a generation',
      from: PREPARING,
      to: COMPLETING,
      says: 'generation 3 follows 3',
    },
    {
      name: 'a dead group that lives on',
      from: { ...EMPTY, state: 'Dead' },
      to: EMPTY,
      says: 'a dead group was written',
    },
    { name: 'a group that is removed alive', from: EMPTY, to: undefined, says: 'removed in Empty' },
    {
      name: 'a member that comes while a generation completes',
      from: COMPLETING,
      to: { ...STABLE, joined: { a: true, b: true, c: true } },
      says: 'members changed from a,b to a,b,c',
    },
    {
      name: 'a name of nobody',
      from: STABLE,
      to: { ...STABLE, instances: { s: 'x' } },
      says: 'x, which is no member',
    },
    {
      name: 'a leader from outside',
      from: STABLE,
      to: { ...STABLE, leader: 'x' },
      says: 'leader x is no member',
    },
    { name: 'nobody that leads', from: STABLE, to: { ...STABLE, leader: '' }, says: 'without a leader' },
    {
      name: 'members of no group',
      from: EMPTY,
      to: { ...EMPTY, joined: { a: true } },
      says: 'Empty with members',
    },
    {
      name: 'who joined and is awaited',
      from: PREPARING,
      to: { ...PREPARING, awaited: { a: true, b: true } },
      says: 'a joined and is awaited',
    },
    {
      name: 'who is awaited for ever',
      from: STABLE,
      to: { ...STABLE, joined: { a: true }, awaited: { b: true } },
      says: 'Stable awaits',
    },
  ])('$name is found', async ({ from, to, says }) => {
    const { inState, group, broken } = watched()
    await inState(from)
    await group(to)
    expect(broken.join()).toContain(says)
  })

  test('a stable group whose commits are not fenced is found', async () => {
    const { inState, group, offsets, broken } = watched()
    await inState(COMPLETING)
    await offsets({ generationId: 2 })
    await group(STABLE)
    expect(broken.join()).toContain('fence of log is at 2 in the stable generation 3')
  })

  test('I11: a partition of two members is found', async () => {
    const { inState, write, group, broken } = watched()
    await inState(COMPLETING)
    await write(A, memberOf('a', { assignment: assignmentOf(0) }))
    await write(memberKey('g', 'b'), memberOf('b', { assignment: assignmentOf(0) }))
    await group(STABLE)
    expect(broken.join()).toContain("I11: log/0 is a's and b's")
  })

  test('offsets that outlive their group are found', async () => {
    const { inState, offsets, group, broken } = watched()
    await inState({ ...EMPTY, state: 'Dead' })
    await offsets({})
    await group(undefined)
    expect(broken.join()).toContain('offsets of log outlive their group')
  })
})

describe('of committed offsets', () => {
  test.each<{
    name: string
    of: Group
    commit: Partial<Commit>
    fence?: Partial<OffsetsFence>
    says: string
  }>([
    {
      name: 'I10: a fence ahead of its group',
      of: STABLE,
      commit: {},
      fence: { generationId: 4 },
      says: 'I10: fence at 4',
    },
    {
      name: 'I10: a fence of another group of that name',
      of: STABLE,
      commit: {},
      fence: { bornAtMs: 7 },
      says: 'I10: fence of a group made at 7',
    },
    {
      name: 'a fence of a later version',
      of: STABLE,
      commit: {},
      fence: { groupVersion: 2 },
      says: "the group's is 1",
    },
    {
      name: 'I10: a commit of another generation',
      of: STABLE,
      commit: { generationId: 2 },
      says: 'I10: t1 of generation 2',
    },
    {
      name: 'a commit of nobody',
      of: STABLE,
      commit: { generationId: -1 },
      says: 't1 of no member was taken in Stable',
    },
    {
      name: 'a commit of a former self',
      of: STABLE,
      commit: { instance: 's' },
      says: 't1 of a was taken, s is b',
    },
  ])('$name is found', async ({ of, commit, fence = {}, says }) => {
    const { inState, committing, offsets, broken } = watched()
    await inState(of)
    committing('t1', commit)
    await offsets(fence, 't1')
    expect(broken.join()).toContain(says)
  })

  test('a fence that falls is found', async () => {
    const { inState, offsets, broken } = watched()
    await inState(STABLE)
    await offsets({})
    await offsets({ generationId: 2, groupVersion: 0 })
    expect(broken.join()).toContain('fence fell from version 1 to 0')
    expect(broken.join()).toContain('I3: fence fell from generation 3 to 2')
  })

  test('an offset that nobody commits, and one without a group, are found', async () => {
    const { inState, offsets, group, write, broken } = watched()
    await inState(STABLE)
    await offsets({}, 't9')
    expect(broken.join()).toContain('an offset that nobody commits')
    await write(OFFSETS, undefined)
    await group(undefined)
    await offsets({})
    expect(broken.join()).toContain('there is no group')
  })

  test('offsets of a topic that members are subscribed to are not deleted', async () => {
    const { inState, committing, offsets, write, broken } = watched()
    const none = { userData: null, ownedPartitions: new Map(), generationId: -1, rackId: null }
    const metadata = toBase64(encodeSubscription({ topics: ['log'], ...none }))
    await inState(STABLE)
    committing('t1', {})
    await write(A, memberOf('a', { protocols: [{ name: 'range', metadata }] }))
    await offsets({}, 't1')
    await offsets({})
    expect(broken).toEqual([expect.stringContaining('offsets of log were deleted')])
  })

  test('offsets of a topic that there is are not removed', async () => {
    const { inState, offsets, topic, write, broken } = watched()
    await inState(STABLE)
    await topic()
    await offsets({})
    await write(OFFSETS, undefined)
    expect(broken.join()).toContain('offsets of a topic that there is were removed in Stable')
  })
})

describe('of a member', () => {
  test.each([
    { name: 'is removed by no clock of the cluster', expiresAtMs: NOW_MS + 11, broken: 1 },
    { name: 'may be removed by the clock that is ahead', expiresAtMs: NOW_MS + 10, broken: 0 },
  ])('whose session goes on $name', async ({ expiresAtMs, broken: times }) => {
    const { inState, write, broken } = watched()
    await inState(STABLE)
    await write(A, memberOf('a', { expiresAtMs }))
    await write(A, undefined)
    expect(broken).toHaveLength(times)
  })

  test('who joined is in the generation, and has an assignment once it is stable', async () => {
    const { inState, write, group, broken } = watched()
    await inState({ ...PREPARING, joined: { a: true, b: true }, awaited: {}, generationId: 2 })
    await write(A, memberOf('a', { assignedGeneration: 1 }))
    await group({ ...COMPLETING, leader: 'b', joined: { b: true } })
    expect(broken.join()).toContain('a joined, and is not in generation 3')
    await inState(COMPLETING)
    await group(STABLE)
    expect(broken.join()).toContain('a has no assignment in the stable generation 3')
  })

  test.each<{ name: string; more: Partial<Member>; says: string }>([
    {
      name: 'I11: a second assignment',
      more: { assignment: assignmentOf(1) },
      says: 'I11: a was assigned twice',
    },
    {
      name: 'an assigned generation that falls',
      more: { assignedGeneration: 2 },
      says: 'assigned generation fell',
    },
    { name: 'a synced generation that falls', more: { syncedGeneration: 2 }, says: 'synced generation fell' },
    { name: 'an assignment ahead of the group', more: { assignedGeneration: 4 }, says: 'assigned in 4' },
  ])('$name is found', async ({ more, says }) => {
    const { inState, write, broken } = watched()
    await inState(STABLE)
    await write(A, memberOf('a', { assignment: assignmentOf(0) }))
    await write(A, memberOf('a', { assignment: assignmentOf(0), ...more }))
    expect(broken.join()).toContain(says)
  })
})
