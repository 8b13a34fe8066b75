import { describe, expect, test } from 'vitest'
import { type Group, NEW_GROUP } from '../../shared/core/group/group.ts'
import { describeGroupsRequest, listGroupsRequest } from '../../shared/protocol/api/groups.ts'
import { encodeSubscription } from '../../shared/protocol/consumer-protocol.ts'
import { deleteGroups } from '../../shared/service/delete-groups.ts'
import { describeGroups } from '../../shared/service/describe-groups.ts'
import { expireOffsets } from '../../shared/service/group-offsets-expiry.ts'
import { listGroups } from '../../shared/service/list-groups.ts'
import { offsetDelete } from '../../shared/service/offset-delete.ts'
import { groupMetaKey, groupPk } from '../../shared/store/keys.ts'
import { runBefore } from '../support/calls.ts'
import type { DocumentCall, DocumentFault } from '../support/faulty-store.ts'
import {
  commit,
  committed,
  GROUP,
  inState,
  M1,
  moveGroup,
  NOBODY,
  STABLE,
  storeGroup,
  storeMember,
  storeTopic,
} from '../support/group-offsets.ts'
import { errorOf, TOPIC } from '../support/log-requests.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

const EMPTY: Group = { ...NEW_GROUP, generationId: 6, protocolType: 'consumer', emptySinceMs: START_MS }
const DAY_MS = 86_400_000
const isTransaction = ({ method }: DocumentCall) => method === 'transact'

async function cluster(group?: Group): Promise<TestDeps> {
  const deps = await testDeps()
  await storeTopic(deps, TOPIC, 2000)
  await storeTopic(deps, 'other')
  if (group !== undefined) await storeGroup(deps, group)
  return deps
}
/** A group without members that has offsets in `documents` documents. */
async function emptyGroup(documents = 1): Promise<TestDeps> {
  const deps = await cluster(EMPTY)
  const offsets = Object.fromEntries(Array.from({ length: documents }, (_, at) => [at * 50, at]))
  expect(new Set(await commit(deps, NOBODY, offsets))).toEqual(new Set([undefined]))
  return deps
}
const metadataOf = (topics: readonly string[]) =>
  Buffer.from(
    encodeSubscription({
      topics,
      userData: null,
      ownedPartitions: new Map(),
      generationId: -1,
      rackId: null,
    }),
  ).toString('base64')
const subscribedTo = (...topics: string[]) => ({
  protocols: [{ name: 'range', metadata: metadataOf(topics) }],
})
/** Everything that is stored of a group. */
const documentsOf = async (deps: TestDeps, groupId = GROUP) => {
  const query = { from: '!', to: '~', limit: 1000, direction: 'ascending' } as const
  const own = await deps.documents.store.list(groupPk(groupId), query)
  const listed = await deps.documents.store.list('GROUPS', query)
  return [...own, ...listed].map(({ key }) => key.sk)
}

describe('offset-delete', () => {
  const remove = async (deps: TestDeps, partitions: readonly number[], topic: object = { name: TOPIC }) => {
    const topics = [
      { name: '', ...topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) },
    ]
    const answer = await offsetDelete(deps, { groupId: GROUP, topics })
    return (answer.topics[0]?.partitions ?? []).map(errorOf)
  }

  test('removes what it names from an empty group, and nothing else', async () => {
    const deps = await emptyGroup(3)
    expect(await remove(deps, [0, 50, 7])).toEqual([undefined, undefined, undefined])
    expect(await committed(deps)).toEqual({ 'orders-100': 2 })
  })

  test('keeps a commit that comes too late from bringing back what was removed', async () => {
    const deps = await cluster(STABLE)
    await commit(deps, M1, { 0: 1 })
    // Nobody is in the group any more, but its fences were not raised yet.
    await storeGroup(deps, EMPTY)
    expect(await remove(deps, [0])).toEqual([undefined])
    expect(await commit(deps, M1, { 0: 1 })).toEqual(['UNKNOWN_MEMBER_ID'])
    expect(await committed(deps)).toEqual({})
  })

  test.each([
    {
      name: 'of a topic that a member is subscribed to',
      topics: [[TOPIC], []],
      errorName: 'GROUP_SUBSCRIBED_TO_TOPIC',
    },
    {
      name: 'of a topic that nobody is subscribed to',
      topics: [['other'], ['another']],
      errorName: undefined,
    },
  ])('$name: $errorName', async ({ topics, errorName }) => {
    for (const state of ['Stable', 'PreparingRebalance', 'CompletingRebalance'] as const) {
      const deps = await cluster(STABLE)
      await commit(deps, M1, { 0: 1 })
      await storeGroup(deps, inState(state))
      for (const [at, names] of topics.entries())
        await storeMember(deps, `m${at + 1}`, subscribedTo(...names))
      expect(await remove(deps, [0])).toEqual([errorName])
      expect(await committed(deps)).toEqual(errorName === undefined ? {} : { 'orders-0': 1 })
    }
  })

  test('counts only who is a member, and counts on nothing where metadata cannot be read', async () => {
    const deps = await cluster(STABLE)
    await commit(deps, M1, { 0: 1, 1: 1 })
    await storeMember(deps, 'left', subscribedTo(TOPIC))
    expect(await remove(deps, [0])).toEqual([undefined])
    await storeMember(deps, 'm2', { protocols: [{ name: 'range', metadata: '//8=' }] })
    expect(await remove(deps, [1])).toEqual(['GROUP_SUBSCRIBED_TO_TOPIC'])
  })

  test.each([
    { name: 'of nobody', before: EMPTY },
    { name: 'that is being rebalanced', before: inState('PreparingRebalance') },
  ])('looks again when somebody joins a group $name before the removal', async ({ before }) => {
    const deps = await emptyGroup()
    await storeGroup(deps, before)
    deps.documents.faults.once(
      isTransaction,
      runBefore(async () => {
        await storeMember(deps, 'm1', subscribedTo(TOPIC))
        await storeGroup(deps, inState('PreparingRebalance'))
      }),
    )
    expect(await remove(deps, [0])).toEqual(['GROUP_SUBSCRIBED_TO_TOPIC'])
    expect(await committed(deps)).toEqual({ 'orders-0': 0 })
  })

  test.each([
    { name: 'no group', group: undefined, errorName: 'GROUP_ID_NOT_FOUND' },
    { name: 'a dead group', group: { ...EMPTY, state: 'Dead' } as const, errorName: 'GROUP_ID_NOT_FOUND' },
    {
      name: 'members that are no consumers',
      group: { ...STABLE, protocolType: 'connect' },
      errorName: 'NON_EMPTY_GROUP',
    },
  ])('of $name is $errorName', async ({ group, errorName }) => {
    expect(await remove(await cluster(group), [0, 1])).toEqual([errorName, errorName])
  })

  test('of a topic that is another one is told so', async () => {
    const deps = await emptyGroup()
    expect(await remove(deps, [0], { name: 'none' })).toEqual(['UNKNOWN_TOPIC_OR_PARTITION'])
    const topicId = 'AAAAAAAAAAAAAAAAAAAAAA'
    expect(await remove(deps, [0], { name: TOPIC, topicId })).toEqual(['INCONSISTENT_TOPIC_ID'])
    expect(await committed(deps)).toEqual({ 'orders-0': 0 })
  })

  test('is refused as a whole where a partition stands in it twice, and by row without a group', async () => {
    const deps = await cluster()
    const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0 }, { partitionIndex: 0 }] }]
    const twice = offsetDelete(deps, { groupId: GROUP, topics })
    await expect(twice).rejects.toMatchObject({ errorName: 'INVALID_REQUEST' })
    const unnamed = { groupId: '', topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0 }] }] }
    expect((await offsetDelete(deps, unnamed)).topics[0]?.partitions).toMatchObject([
      { errorName: 'INVALID_GROUP_ID' },
    ])
  })
})

describe('list-groups', () => {
  const list = (deps: TestDeps, request: object = {}) => listGroups(deps, listGroupsRequest.parse(request))

  test('lists groups by pages, with a token as long as there may be more', async () => {
    const deps = await cluster()
    const names = ['a', 'b b', 'c/ü', 'd', '~e']
    for (const name of names) await storeGroup(deps, STABLE, name)
    const found: string[] = []
    let nextToken: string | null = null
    let pages = 0
    do {
      const page: Awaited<ReturnType<typeof list>> = await list(deps, { limit: 2, nextToken })
      found.push(...page.groups.map(({ groupId }) => groupId))
      nextToken = page.nextToken
      pages += 1
    } while (nextToken !== null)
    expect(found.sort()).toEqual(names)
    expect(pages).toBe(3)
    expect((await list(deps)).groups[0]).toEqual({
      groupId: '~e',
      protocolType: 'consumer',
      groupState: 'Stable',
    })
  })

  test('lists those of some states alone; a page of none says that others follow', async () => {
    const deps = await cluster()
    await storeGroup(deps, STABLE, 'a')
    await storeGroup(deps, EMPTY, 'b')
    const first = await list(deps, { statesFilter: ['Empty'], limit: 1 })
    expect(first).toEqual({ groups: [], nextToken: 'a' })
    const rest = await list(deps, { statesFilter: ['Empty'], nextToken: 'a' })
    expect(rest).toEqual({
      groups: [{ groupId: 'b', protocolType: 'consumer', groupState: 'Empty' }],
      nextToken: null,
    })
  })

  test('lists a group that a commit made', async () => {
    const deps = await cluster()
    await commit(deps, NOBODY, { 0: 1 })
    expect((await list(deps)).groups).toEqual([{ groupId: GROUP, protocolType: '', groupState: 'Empty' }])
  })
})

describe('describe-groups', () => {
  const describeOne = async (deps: TestDeps, groupId = GROUP) =>
    (await describeGroups(deps, describeGroupsRequest.parse({ groups: [groupId] }))).groups[0]

  test('shows the members of a stable group with metadata and assignment of its generation', async () => {
    const deps = await cluster(STABLE)
    await storeMember(deps, 'm1', { ...subscribedTo(TOPIC), assignment: 'AAAA' })
    await storeMember(deps, 'm2', { assignedGeneration: 4, assignment: 'BBBB' })
    await storeMember(deps, 's1', {
      groupInstanceId: 'i1',
      protocols: [{ name: 'sticky', metadata: 'CCCC' }],
    })
    await storeMember(deps, 'left')
    expect(await describeOne(deps)).toEqual({
      errorCode: 0,
      groupId: GROUP,
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolName: 'range',
      generationId: 5,
      members: [
        {
          memberId: 'm1',
          groupInstanceId: null,
          clientId: 'client',
          metadata: metadataOf([TOPIC]),
          assignment: 'AAAA',
        },
        { memberId: 'm2', groupInstanceId: null, clientId: 'client', metadata: '', assignment: '' },
        { memberId: 's1', groupInstanceId: 'i1', clientId: 'client', metadata: '', assignment: '' },
      ],
    })
  })

  test('shows neither while the group is rebalanced', async () => {
    const deps = await cluster(inState('PreparingRebalance'))
    await storeMember(deps, 'm1', { ...subscribedTo(TOPIC), assignment: 'AAAA' })
    expect(await describeOne(deps)).toMatchObject({
      protocolName: '',
      members: [{ memberId: 'm1', metadata: '', assignment: '' }],
    })
  })

  test.each([undefined, { ...EMPTY, state: 'Dead' } as const])(
    'says that a group is dead that is not there, or about to go',
    async (group) => {
      expect(await describeOne(await cluster(group))).toMatchObject({
        errorName: 'GROUP_ID_NOT_FOUND',
        groupId: GROUP,
        groupState: 'Dead',
        members: [],
      })
    },
  )

  test('refuses a group that is named twice', async () => {
    const twice = describeGroups(await cluster(), { groups: ['a', 'a'] })
    await expect(twice).rejects.toMatchObject({ errorName: 'INVALID_REQUEST' })
  })
})

describe('delete-groups', () => {
  const remove = async (deps: TestDeps, groupId = GROUP) =>
    errorOf((await deleteGroups(deps, { groups: [groupId] })).results[0] ?? {})

  test('removes all that a group had', async () => {
    const deps = await emptyGroup(40)
    await storeMember(deps, 'on-its-way')
    expect(await remove(deps)).toBeUndefined()
    expect(await documentsOf(deps)).toEqual([])
    expect(await remove(deps)).toBe('GROUP_ID_NOT_FOUND')
  })

  test.each(['Stable', 'PreparingRebalance', 'CompletingRebalance'] as const)(
    'refuses a group that is %s',
    async (state) => {
      const deps = await cluster(inState(state))
      expect(await remove(deps)).toBe('NON_EMPTY_GROUP')
      expect(await documentsOf(deps)).toEqual(['META', GROUP])
    },
  )

  test('removes a group whose members expired, which nobody had noticed', async () => {
    const deps = await cluster(STABLE)
    await commit(deps, M1, { 0: 1 })
    for (const memberId of ['m1', 'm2', 's1']) await storeMember(deps, memberId)
    deps.clock.set(START_MS + 45_000)
    expect(await remove(deps)).toBeUndefined()
    expect(await documentsOf(deps)).toEqual([])
  })

  test('refuses a group that somebody joins at the same time', async () => {
    const deps = await emptyGroup()
    deps.documents.faults.once(
      ({ method, sk }) => method === 'put' && sk === 'META',
      runBefore(() => storeGroup(deps, STABLE)),
    )
    expect(await remove(deps)).toBe('NON_EMPTY_GROUP')
    expect(await committed(deps)).toEqual({ 'orders-0': 0 })
  })

  test('keeps its generation until it is gone, and takes no commit meanwhile', async () => {
    const deps = await emptyGroup()
    const other = { ...otherEnvironment(deps), documents: deps.documents.store }
    deps.documents.faults.once(
      isTransaction,
      runBefore(async () => {
        expect(await deps.documents.store.get(groupMetaKey(GROUP), 'strong')).toMatchObject({
          state: 'Dead',
          generationId: 6,
        })
        expect(await commit(other, NOBODY, { 60: 1 })).toEqual(['COORDINATOR_NOT_AVAILABLE'])
        expect(await commit(other, M1, { 60: 1 })).toEqual(['COORDINATOR_NOT_AVAILABLE'])
      }),
    )
    expect(await remove(deps)).toBeUndefined()
  })

  test('that was held up leaves alone what a new group of that name has', async () => {
    // Two of offsets, and the last one.
    for (let held = 0; held < 3; held += 1) {
      const deps = await emptyGroup(20)
      const other = { ...otherEnvironment(deps), documents: deps.documents.store }
      let transactions = 0
      deps.documents.faults.always((call) => {
        if (!isTransaction(call) || transactions++ !== held) return undefined
        return runBefore(async () => {
          expect(await remove(other as TestDeps)).toBeUndefined()
          expect(await commit(other, NOBODY, { 0: 9 })).toEqual([undefined])
        })
      })
      expect(await remove(deps)).toBeUndefined()
      expect(await committed(deps)).toEqual({ 'orders-0': 9 })
      expect(await documentsOf(deps)).toHaveLength(3)
    }
  })

  const FAULTS: readonly DocumentFault[] = [
    { fault: 'throttled' },
    { fault: 'callLost' },
    { fault: 'answerLost' },
    { fault: 'twice' },
  ]
  test.each(FAULTS)(
    'is gone on with, by a caller or as due work, whatever call ended as $fault',
    async (fault) => {
      for (let killedAt = 0; ; killedAt += 1) {
        const deps = await emptyGroup(20)
        let calls = 0
        deps.documents.faults.always(() => {
          calls += 1
          return calls === killedAt + 1 ? fault : undefined
        })
        const errorName = await remove(deps)
        deps.documents.faults.always(undefined)
        if (calls <= killedAt) {
          expect(errorName).toBeUndefined()
          return
        }
        const meta = await deps.documents.store.get(groupMetaKey(GROUP), 'strong')
        if (errorName === 'KAFKA_STORAGE_ERROR') expect(meta?.state).toBe('Empty')
        if (meta?.state === 'Empty') {
          expect(Object.keys(await committed(deps))).toHaveLength(20)
          expect(await remove(deps)).toBeUndefined()
        }
        await expireOffsets(deps, GROUP)
        expect(await documentsOf(deps)).toEqual([])
      }
    },
  )

  test('answers for each group by itself', async () => {
    const deps = await emptyGroup()
    await storeGroup(deps, STABLE, 'b')
    const { results } = await deleteGroups(deps, { groups: ['none', 'b', GROUP, ''] })
    expect(results.map(errorOf)).toEqual([
      'GROUP_ID_NOT_FOUND',
      'NON_EMPTY_GROUP',
      undefined,
      'GROUP_ID_NOT_FOUND',
    ])
    expect(results.map(({ groupId }) => groupId)).toEqual(['none', 'b', GROUP, ''])
  })
})

describe('the offsets of a group without members', () => {
  const sevenDays = START_MS + 7 * DAY_MS
  const expireAt = async (deps: TestDeps, nowMs: number) => {
    deps.clock.set(nowMs)
    await expireOffsets(deps, GROUP)
    return (await documentsOf(deps)).length > 0
  }

  test('are kept for offsets.retention.minutes, and about a minute', async () => {
    const deps = await emptyGroup(20)
    expect(await expireAt(deps, sevenDays + 59_999)).toBe(true)
    expect(Object.keys(await committed(deps))).toHaveLength(20)
    expect(await expireAt(deps, sevenDays + 60_000)).toBe(false)
  })

  test('are kept from the last commit on', async () => {
    const deps = await emptyGroup()
    deps.clock.set(START_MS + DAY_MS)
    await commit(deps, NOBODY, { 1: 1 })
    deps.clock.set(START_MS + DAY_MS + 59_999)
    await commit(deps, NOBODY, { 2: 1 })
    expect(await expireAt(deps, START_MS + 8 * DAY_MS + 59_999)).toBe(true)
    expect(await expireAt(deps, START_MS + 8 * DAY_MS + 60_000)).toBe(false)
  })

  test.each(['Stable', 'PreparingRebalance', 'CompletingRebalance'] as const)(
    'are kept for good where the group is %s',
    async (state) => {
      const deps = await emptyGroup()
      await moveGroup(deps, inState(state))
      expect(await expireAt(deps, START_MS + 100 * DAY_MS)).toBe(true)
      expect(await committed(deps)).toEqual({ 'orders-0': 0 })
    },
  )

  test.each([
    { name: 'a commit', run: (deps: TestDeps) => commit(deps, NOBODY, { 1: 1 }) },
    { name: 'a join', run: (deps: TestDeps) => storeGroup(deps, inState('PreparingRebalance')) },
  ])('are kept when $name comes before the group is dead', async ({ run }) => {
    const deps = await emptyGroup()
    deps.documents.faults.once(
      ({ method, sk }) => method === 'put' && sk === 'META',
      runBefore(() =>
        run({ ...otherEnvironment(deps), documents: { ...deps.documents, ...deps.documents.store } }),
      ),
    )
    expect(await expireAt(deps, sevenDays + 60_000)).toBe(true)
    expect(await committed(deps)).toMatchObject({ 'orders-0': 0 })
  })

  test('that are kept for longer than before make the group due later', async () => {
    const deps = await emptyGroup()
    const longer = { ...deps, configs: { ...deps.configs, 'offsets.retention.minutes': 20_160 } }
    const due = async (untilMs: number) => {
      const shards = [0, 1, 2, 3].map((shard) => deps.documents.due(shard, { untilMs, limit: 9 }))
      return (await Promise.all(shards)).flat().length
    }
    expect(await due(sevenDays + 60_000)).toBe(1)
    expect(await expireAt(longer, sevenDays + 60_000)).toBe(true)
    expect(await due(START_MS + 14 * DAY_MS + 59_999)).toBe(0)
    expect(await expireAt(longer, START_MS + 14 * DAY_MS + 60_000)).toBe(false)
  })

  test('go with a group that is due to be deleted', async () => {
    const deps = await emptyGroup(20)
    deps.documents.faults.always((call) => (isTransaction(call) ? { fault: 'throttled' } : undefined))
    const { results } = await deleteGroups(deps, { groups: [GROUP] })
    expect(results).toMatchObject([{ errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' }])
    deps.documents.faults.always(undefined)
    const due = await Promise.all(
      [0, 1, 2, 3].map((shard) => deps.documents.due(shard, { untilMs: START_MS, limit: 9 })),
    )
    expect(due.flat().map(({ key }) => key)).toEqual([groupMetaKey(GROUP)])
    expect(await expireAt(deps, START_MS)).toBe(false)
  })
})
