import { describe, expect, test } from 'vitest'
import { type Group, NEW_GROUP } from '../../shared/core/group/group.ts'
import { offsetCommitRequest } from '../../shared/protocol/api/group-offsets.ts'
import { offsetCommit } from '../../shared/service/offset-commit.ts'
import { memberKey } from '../../shared/store/keys.ts'
import { runBefore } from '../support/calls.ts'
import {
  commit,
  committed,
  type From,
  GROUP,
  inState,
  M1,
  M2,
  moveGroup,
  NOBODY,
  offsetsDocuments,
  S1,
  STABLE,
  storeGroup,
  storeMember,
  storeTopic,
} from '../support/group-offsets.ts'
import { TOPIC } from '../support/log-requests.ts'
import { START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

/** A cluster with the topic `orders` of three partitions. */
async function cluster(group?: Group): Promise<TestDeps> {
  const deps = await testDeps()
  await storeTopic(deps, TOPIC)
  if (group !== undefined) await storeGroup(deps, group)
  deps.documents.faults.calls.length = 0
  return deps
}
const methods = (deps: TestDeps) => deps.documents.faults.calls.map(({ method, sk }) => `${method} ${sk}`)

interface Rule {
  readonly name: string
  /** undefined: no group. */
  readonly group: Group | undefined
  readonly from: From
  readonly errorName?: string
}

const EMPTY: Group = { ...NEW_GROUP, generationId: 5, protocolType: 'consumer', emptySinceMs: START_MS }
const DEAD: Group = { ...EMPTY, state: 'Dead' }
const PREPARING = inState('PreparingRebalance')
const COMPLETING = inState('CompletingRebalance')

const RULES: readonly Rule[] = [
  // 1. Dead
  { name: 'a member, of a dead group', group: DEAD, from: M1, errorName: 'COORDINATOR_NOT_AVAILABLE' },
  { name: 'nobody, to a dead group', group: DEAD, from: NOBODY, errorName: 'COORDINATOR_NOT_AVAILABLE' },
  // 2. generation below 0 and Empty, or no group at all
  { name: 'nobody, to an empty group', group: EMPTY, from: NOBODY },
  { name: 'nobody, to a group that is not there', group: undefined, from: NOBODY },
  { name: 'a member id alone, to an empty group', group: EMPTY, from: { memberId: 'm1' } },
  // 3. The member must be current, and the generation too.
  { name: 'a member, of no group', group: undefined, from: M1, errorName: 'ILLEGAL_GENERATION' },
  { name: 'a member, of an empty group', group: EMPTY, from: M1, errorName: 'UNKNOWN_MEMBER_ID' },
  {
    name: 'somebody unknown with the right generation',
    group: STABLE,
    from: { generationId: 5, memberId: 'other' },
    errorName: 'UNKNOWN_MEMBER_ID',
  },
  {
    name: 'the right generation alone',
    group: STABLE,
    from: { generationId: 5, memberId: '' },
    errorName: 'UNKNOWN_MEMBER_ID',
  },
  {
    name: 'an unknown instance',
    group: STABLE,
    from: { ...M1, groupInstanceId: 'i9' },
    errorName: 'UNKNOWN_MEMBER_ID',
  },
  {
    name: 'an instance of another member',
    group: STABLE,
    from: { ...M1, groupInstanceId: 'i1' },
    errorName: 'FENCED_INSTANCE_ID',
  },
  {
    name: 'an instance without a member id',
    group: STABLE,
    from: { ...S1, memberId: '' },
    errorName: 'FENCED_INSTANCE_ID',
  },
  {
    name: 'a member with an older generation',
    group: STABLE,
    from: { ...M1, generationId: 4 },
    errorName: 'ILLEGAL_GENERATION',
  },
  {
    name: 'a member with a newer generation',
    group: STABLE,
    from: { ...M1, generationId: 6 },
    errorName: 'ILLEGAL_GENERATION',
  },
  {
    name: 'a member without its generation',
    group: STABLE,
    from: { memberId: 'm1' },
    errorName: 'ILLEGAL_GENERATION',
  },
  {
    name: 'an instance without its generation',
    group: STABLE,
    from: { memberId: 's1', groupInstanceId: 'i1' },
    errorName: 'ILLEGAL_GENERATION',
  },
  // 4. Nobody, and there are members.
  ...[STABLE, PREPARING, COMPLETING].map((group) => ({
    name: `nobody, to a group that is ${group.state}`,
    group,
    from: NOBODY,
    errorName: 'UNKNOWN_MEMBER_ID',
  })),
  // 5. By state.
  {
    name: 'a member, while its generation completes',
    group: COMPLETING,
    from: M1,
    errorName: 'REBALANCE_IN_PROGRESS',
  },
  { name: 'a member, while a rebalance is prepared', group: PREPARING, from: M1 },
  { name: 'a member of a stable group', group: STABLE, from: M2 },
  { name: 'a static member of a stable group', group: STABLE, from: S1 },
]

describe('a commit is taken or refused as by Kafka', () => {
  test.each(RULES)('of $name: $errorName', async ({ group, from, errorName }) => {
    const deps = await cluster(group)
    expect(await commit(deps, from, { 0: 7, 1: 8 })).toEqual([errorName, errorName])
    expect(await committed(deps)).toEqual(errorName === undefined ? { 'orders-0': 7, 'orders-1': 8 } : {})
  })

  test.each(RULES.filter(({ group }) => group !== undefined && group.state !== 'Dead'))(
    'of $name, to a document that is behind the group: $errorName',
    async ({ group, from, errorName }) => {
      const deps = await cluster({ ...STABLE, generationId: 3 })
      expect(await commit(deps, { ...M1, generationId: 3 }, { 0: 1 })).toEqual([undefined])
      await storeGroup(deps, group ?? STABLE)
      expect(await commit(deps, from, { 0: 7 })).toEqual([errorName])
      expect(await committed(deps)).toEqual({ 'orders-0': errorName === undefined ? 7 : 1 })
      const [document] = await offsetsDocuments(deps)
      expect(document?.fence.generationId).toBe(errorName === undefined ? 5 : 3)
    },
  )
})

describe('rows that are wrong whatever the group is', () => {
  test.each([
    { name: 'an unknown topic', row: { topic: 'none' }, errorName: 'UNKNOWN_TOPIC_OR_PARTITION' },
    { name: 'an impossible topic', row: { topic: 'a b' }, errorName: 'INVALID_TOPIC_EXCEPTION' },
    { name: 'an unknown partition', row: { partition: 3 }, errorName: 'UNKNOWN_TOPIC_OR_PARTITION' },
    {
      name: 'another topic id',
      row: { topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
      errorName: 'INCONSISTENT_TOPIC_ID',
    },
    {
      name: 'the id of no topic',
      row: { topic: 'none', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
      errorName: 'UNKNOWN_TOPIC_ID',
    },
    {
      name: 'metadata of 4,097 bytes',
      row: { metadata: `${'é'.repeat(2048)}a` },
      errorName: 'OFFSET_METADATA_TOO_LARGE',
    },
    { name: 'metadata of 4,096 bytes', row: { metadata: 'é'.repeat(2048) }, errorName: undefined },
    { name: 'an offset below 0', row: { offset: -1 }, errorName: 'INVALID_REQUEST' },
    { name: 'the greatest offset', row: { offset: Number.MAX_SAFE_INTEGER }, errorName: undefined },
  ])('$name: $errorName', async ({ row, errorName }) => {
    const {
      partition = 0,
      offset = 1,
      ...more
    } = { ...row } as {
      partition?: number
      offset?: number
      topic?: string
    }
    const deps = await cluster(STABLE)
    expect(await commit(deps, M1, { [partition]: offset }, more)).toEqual([errorName])
    expect(Object.keys(await committed(deps))).toHaveLength(errorName === undefined ? 1 : 0)
  })

  test('do not keep the others from being committed', async () => {
    const deps = await cluster(STABLE)
    expect(await commit(deps, M1, { 0: 1, 2: 3, 3: 1 })).toEqual([
      undefined,
      undefined,
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
    expect(await committed(deps)).toEqual({ 'orders-0': 1, 'orders-2': 3 })
  })

  test('a partition twice is refused as a whole', async () => {
    const deps = await cluster(STABLE)
    const partitions = [0, 0].map((partitionIndex) => ({ partitionIndex, committedOffset: 1 }))
    const request = { groupId: GROUP, ...M1, topics: [{ name: TOPIC, partitions }] }
    const refused = offsetCommit(deps, offsetCommitRequest.parse(request))
    await expect(refused).rejects.toMatchObject({ errorName: 'INVALID_REQUEST' })
  })

  test('a group without a name has no offsets', async () => {
    const rows = await commit(await cluster(), NOBODY, { 0: 1, 9: 1 }, { groupId: '' })
    expect(rows).toEqual(['INVALID_GROUP_ID', 'INVALID_GROUP_ID'])
  })
})

describe('what a commit costs', () => {
  test('warm, two requests at once and no read; a client that is no member reads META and the document first', async () => {
    const deps = await cluster(STABLE)
    await storeMember(deps, 'm1')
    await commit(deps, M1, { 0: 1 })
    deps.documents.faults.calls.length = 0
    await commit(deps, M1, { 0: 2, 1: 3 })
    expect(methods(deps).sort()).toEqual(['update MEMBER#m1', expect.stringMatching(/^update OFFSETS#/)])
    await storeGroup(deps, EMPTY)
    deps.documents.faults.calls.length = 0
    await commit(deps, NOBODY, { 0: 3 })
    expect(methods(deps)).toHaveLength(3)
  })

  test('the first to a document is refused by it, reads META, and makes the document in one transaction', async () => {
    const deps = await cluster(STABLE)
    await storeMember(deps, 'm1')
    await commit(deps, NOBODY, { 0: 1 }, { groupId: 'another' })
    deps.documents.faults.calls.length = 0
    await commit(deps, M1, { 0: 1 })
    expect(methods(deps).map((call) => call.split(' ')[0])).toEqual(['update', 'update', 'get', 'transact'])
  })

  test('a commit counts as a heartbeat', async () => {
    const deps = await cluster(STABLE)
    await storeMember(deps, 'm1')
    deps.clock.set(START_MS + 30_000)
    // It is over only when the touch is: nothing runs on after the answer of a Lambda.
    deps.documents.faults.once(
      ({ sk }) => sk === 'MEMBER#m1',
      runBefore(() => new Promise((resolve) => setTimeout(resolve, 20))),
    )
    await commit(deps, M1, { 0: 1 })
    const member = await deps.documents.store.get(memberKey(GROUP, 'm1'), 'strong')
    expect(member).toMatchObject({ expiresAtMs: START_MS + 75_000, ver: 2 })
  })

  test('of a member that is gone is taken until the fence moves, and makes it no member again', async () => {
    const deps = await cluster(STABLE)
    await commit(deps, M1, { 0: 1 })
    await storeGroup(deps, { ...PREPARING, awaited: { m2: true } })
    expect(await commit(deps, M1, { 0: 2 })).toEqual([undefined])
    expect(await deps.documents.store.get(memberKey(GROUP, 'm1'), 'strong')).toBeUndefined()
    await moveGroup(deps, { ...STABLE, generationId: 6, joined: { m2: true } })
    expect(await commit(deps, M1, { 0: 3 })).toEqual(['UNKNOWN_MEMBER_ID'])
    expect(await committed(deps)).toEqual({ 'orders-0': 2 })
  })
})
