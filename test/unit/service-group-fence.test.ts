import { describe, expect, test } from 'vitest'
import { type Group, NEW_GROUP } from '../../shared/core/group/group.ts'
import { raiseFence } from '../../shared/service/group-fence.ts'
import { fenceOf } from '../../shared/service/group-offsets.ts'
import { groupMetaKey, groupPk, offsetsKey } from '../../shared/store/keys.ts'
import { runAfter, runBefore } from '../support/calls.ts'
import type { DocumentCall, DocumentFault } from '../support/faulty-store.ts'
import {
  commit,
  committed,
  type From,
  GROUP,
  isCommit,
  M1,
  M2,
  moveGroup,
  offsetsDocuments,
  S1,
  STABLE,
  storeGroup,
  storeTopic,
} from '../support/group-offsets.ts'
import { TOPIC } from '../support/log-requests.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

const NEXT: Group = { ...STABLE, generationId: 6 }
const isTransaction = ({ method }: DocumentCall) => method === 'transact'
const isMetaRead = ({ method, sk }: DocumentCall) => method === 'get' && sk === 'META'

/** A stable group of generation 5 and a topic of 200 partitions: four documents, once they are there. */
async function cluster(): Promise<TestDeps> {
  const deps = await testDeps()
  await storeTopic(deps, TOPIC, 200)
  await storeGroup(deps, STABLE)
  return deps
}
const EVERYWHERE = { 0: 1, 50: 1, 100: 1, 150: 1 }
const LATER = { 0: 3, 50: 3, 100: 3, 150: 3 }
const generations = async (deps: TestDeps) =>
  (await offsetsDocuments(deps)).map(({ fence }) => fence.generationId)

describe('members of one generation', () => {
  test('commit to one document at once, and none of them is cancelled', async () => {
    const deps = await cluster()
    await commit(deps, M1, { 0: 0 })
    const rows = await Promise.all(
      Array.from({ length: 20 }, (_, partition) =>
        commit(otherEnvironment(deps), partition % 2 === 0 ? M1 : M2, { [partition]: partition }),
      ),
    )
    expect(rows.flat().every((error) => error === undefined)).toBe(true)
    expect(Object.values(await committed(deps))).toEqual(Array.from({ length: 20 }, (_, at) => at))
  })

  test('make a document at once, and each of them has its offset there', async () => {
    const deps = await cluster()
    const other = otherEnvironment(deps)
    deps.documents.faults.once(
      isTransaction,
      runBefore(async () => expect(await commit(other, M2, { 1: 8 })).toEqual([undefined])),
    )
    expect(await commit(deps, M1, { 0: 7 })).toEqual([undefined])
    expect(await committed(deps)).toEqual({ 'orders-0': 7, 'orders-1': 8 })
  })

  test('meet at META when they make documents: what the store refuses is tried again', async () => {
    const deps = await cluster()
    deps.documents.faults.once(isTransaction, { fault: 'throttled' })
    deps.documents.faults.once(isTransaction, { fault: 'throttled' })
    expect(await commit(deps, M1, { 0: 7 })).toEqual([undefined])
    expect(deps.clock.sleptMs).toHaveLength(2)
    deps.documents.faults.always((call) => (isTransaction(call) ? { fault: 'throttled' } : undefined))
    expect(await commit(deps, M1, { 60: 7 })).toEqual(['KAFKA_STORAGE_ERROR'])
  })

  test('join while a document is made, which changes META: it is made all the same', async () => {
    const deps = await cluster()
    deps.documents.faults.once(
      isTransaction,
      runBefore(() => storeGroup(deps, { ...STABLE, state: 'PreparingRebalance' })),
    )
    expect(await commit(deps, M1, { 0: 7 })).toEqual([undefined])
    expect(await committed(deps)).toEqual({ 'orders-0': 7 })
  })
})

interface Change {
  readonly name: string
  readonly zombie: From
  readonly group: Group
  readonly errorName: string
}
const CHANGES: readonly Change[] = [
  { name: 'a rebalance it was part of', zombie: M1, group: NEXT, errorName: 'ILLEGAL_GENERATION' },
  {
    name: 'a rebalance without it',
    zombie: M1,
    group: { ...NEXT, leader: 'm2', joined: { m2: true, s1: true } },
    errorName: 'UNKNOWN_MEMBER_ID',
  },
  {
    name: 'the next generation, which has no assignment yet',
    zombie: M1,
    group: { ...NEXT, state: 'CompletingRebalance' },
    errorName: 'ILLEGAL_GENERATION',
  },
  {
    name: 'the leave of all',
    zombie: M1,
    group: { ...NEW_GROUP, generationId: 6, protocolType: 'consumer', emptySinceMs: START_MS },
    errorName: 'UNKNOWN_MEMBER_ID',
  },
  {
    name: 'another process that took its static name',
    zombie: S1,
    group: { ...STABLE, joined: { m1: true, m2: true, s2: true }, instances: { i1: 's2' } },
    errorName: 'FENCED_INSTANCE_ID',
  },
  {
    name: 'another process that took its static name, and a rebalance',
    zombie: S1,
    group: { ...NEXT, joined: { m1: true, m2: true, s2: true }, instances: { i1: 's2' } },
    errorName: 'FENCED_INSTANCE_ID',
  },
  {
    name: 'the end of its static name',
    zombie: S1,
    group: { ...NEXT, joined: { m1: true }, instances: {} },
    errorName: 'UNKNOWN_MEMBER_ID',
  },
]

describe.each(CHANGES)('a zombie after $name', ({ zombie, group, errorName }) => {
  test('changes nothing in a document that is there', async () => {
    const deps = await cluster()
    await commit(deps, M2, EVERYWHERE)
    await moveGroup(deps, group)
    const before = await offsetsDocuments(deps)
    expect(await commit(deps, zombie, { 0: 9, 50: 9 })).toEqual([errorName, errorName])
    expect(await offsetsDocuments(deps)).toEqual(before)
  })

  test('makes no document', async () => {
    const deps = await cluster()
    await moveGroup(deps, group)
    expect(await commit(deps, zombie, { 0: 9 })).toEqual([errorName])
    expect(await offsetsDocuments(deps)).toEqual([])
  })

  test('makes no document with what it read of META before', async () => {
    const deps = await cluster()
    deps.documents.faults.once(
      isTransaction,
      runBefore(() => moveGroup(deps, group)),
    )
    expect(await commit(deps, zombie, { 0: 9 })).toEqual([errorName])
    expect(await offsetsDocuments(deps)).toEqual([])
  })

  test('is too late with a commit that was on its way as the fence moved', async () => {
    const deps = await cluster()
    await commit(deps, M2, EVERYWHERE)
    deps.documents.faults.once(
      isCommit,
      runBefore(() => moveGroup(deps, group)),
    )
    expect(await commit(deps, zombie, { 0: 9 })).toEqual([errorName])
    expect(await committed(deps)).toMatchObject({ 'orders-0': 1 })
  })

  test('does not undo what a client that is no member set', async () => {
    const deps = await cluster()
    await commit(deps, M2, EVERYWHERE)
    // META is stored, and who stored it died before the fences moved.
    await storeGroup(deps, group)
    const rows = await commit(deps, { generationId: -1 }, { 0: 3 })
    expect(rows).toEqual([group.state === 'Empty' ? undefined : 'UNKNOWN_MEMBER_ID'])
    const late = await commit(deps, zombie, { 0: 9 })
    // While there are members, a removed one is heard until the fence moves: nobody else has its partitions before.
    expect(late).toEqual([group.state === 'Empty' ? errorName : undefined])
    expect(await committed(deps)).toMatchObject({ 'orders-0': group.state === 'Empty' ? 3 : 9 })
  })
})

describe('a fence that is raised', () => {
  test('lets the new generation commit, and only that', async () => {
    const deps = await cluster()
    await commit(deps, M1, EVERYWHERE)
    await moveGroup(deps, NEXT)
    expect(await generations(deps)).toEqual([6, 6, 6, 6])
    expect(await commit(deps, { ...M1, generationId: 6 }, { 0: 2 })).toEqual([undefined])
  })

  test('takes in a commit that comes before it, and none after it, at each document', async () => {
    const deps = await cluster()
    await commit(deps, M1, EVERYWHERE)
    const stored = await storeGroup(deps, NEXT)
    const other = { ...otherEnvironment(deps), documents: deps.documents.store }
    const rows: unknown[] = []
    for (const [at, partition] of [0, 50, 100, 150].entries()) {
      const commits = async () => rows.push(...(await commit(other, M1, { [partition]: 2 })))
      deps.documents.faults.once(isCommit, at % 2 === 0 ? runBefore(commits) : runAfter(commits))
    }
    await raiseFence({ ...deps, limits: { ...deps.limits, parallelDocuments: 1 } }, GROUP, fenceOf(stored))
    expect(rows).toEqual([undefined, 'ILLEGAL_GENERATION', undefined, 'ILLEGAL_GENERATION'])
    expect(Object.values(await committed(deps))).toEqual([2, 1, 2, 1])
    expect(await generations(deps)).toEqual([6, 6, 6, 6])
    expect(await commit(deps, M1, LATER)).toEqual(Array(4).fill('ILLEGAL_GENERATION'))
  })

  test('of an older version changes nothing: of two swaps of one static member the later one counts', async () => {
    const deps = await cluster()
    await commit(deps, M1, EVERYWHERE)
    const first = await storeGroup(deps, { ...STABLE, instances: { i1: 's2' } })
    const second = await storeGroup(deps, { ...STABLE, joined: { s3: true }, instances: { i1: 's3' } })
    const other = { ...otherEnvironment(deps), documents: deps.documents.store }
    deps.documents.faults.once(
      isCommit,
      runBefore(() => raiseFence(other, GROUP, fenceOf(second))),
    )
    await raiseFence(deps, GROUP, fenceOf(first))
    await raiseFence(deps, GROUP, fenceOf(first))
    expect((await offsetsDocuments(deps)).map(({ fence }) => fence.instances.i1)).toEqual(Array(4).fill('s3'))
    expect(await commit(deps, { ...S1, memberId: 's2' }, { 0: 9 })).toEqual(['FENCED_INSTANCE_ID'])
    expect(await commit(deps, { ...S1, memberId: 's3' }, { 0: 9 })).toEqual([undefined])
  })

  test('does not stop a document from being made meanwhile, which has the new fence', async () => {
    const deps = await cluster()
    await commit(deps, M1, { 150: 1 })
    const stored = await storeGroup(deps, NEXT)
    const other = otherEnvironment(deps)
    deps.documents.faults.once(
      ({ method }) => method === 'list',
      runAfter(async () =>
        expect(await commit(other, { ...M1, generationId: 6 }, { 0: 1 })).toEqual([undefined]),
      ),
    )
    await raiseFence(deps, GROUP, fenceOf(stored))
    expect(await generations(deps)).toEqual([6, 6])
  })

  test('goes through all pages', async () => {
    const deps = await cluster()
    await commit(deps, M1, EVERYWHERE)
    const stored = await storeGroup(deps, NEXT)
    for (const listPage of [1, 2, 3, 4, 5]) {
      await raiseFence({ ...deps, limits: { ...deps.limits, listPage } }, GROUP, {
        ...fenceOf(stored),
        groupVersion: stored.version + listPage,
      })
      const versions = (await offsetsDocuments(deps)).map(({ fence }) => fence.groupVersion)
      expect(versions).toEqual(Array(4).fill(stored.version + listPage))
    }
  })

  const FAULTS: readonly DocumentFault[] = [
    { fault: 'throttled' },
    { fault: 'callLost' },
    { fault: 'answerLost' },
    { fault: 'appliedLater', calls: 3 },
  ]
  test.each(FAULTS)('is gone on with by whoever comes next, whatever call ended as $fault', async (fault) => {
    for (let killedAt = 0; ; killedAt += 1) {
      const deps = await cluster()
      await commit(deps, M1, EVERYWHERE)
      const stored = await storeGroup(deps, NEXT)
      let calls = 0
      deps.documents.faults.always(() => {
        calls += 1
        return calls === killedAt + 1 ? fault : undefined
      })
      const killed = await raiseFence(deps, GROUP, fenceOf(stored)).then(
        () => false,
        () => true,
      )
      deps.documents.faults.always(undefined)
      await raiseFence(deps, GROUP, fenceOf(stored))
      expect(await generations(deps)).toEqual([6, 6, 6, 6])
      expect(await commit(deps, M1, LATER)).toEqual(Array(4).fill('ILLEGAL_GENERATION'))
      if (calls <= killedAt) return
      if (fault.fault === 'throttled') expect(killed).toBe(true)
    }
  })

  test('leaves alone what a group made anew has, whatever its version', async () => {
    const deps = await testDeps()
    const topicId = await storeTopic(deps, TOPIC)
    await storeGroup(deps, { ...STABLE, bornAtMs: deps.clock.nowMs() })
    await commit(deps, M1, { 0: 1 })
    const stored = await storeGroup(deps, { ...NEXT, bornAtMs: deps.clock.nowMs() })
    const makeAnew = async () => {
      for (const key of [offsetsKey(GROUP, topicId, 0), groupMetaKey(GROUP)])
        await deps.documents.store.delete(key, [])
      deps.clock.set(deps.clock.nowMs() + 1)
      expect(await commit(otherEnvironment(deps), { generationId: -1 }, { 0: 2 })).toEqual([undefined])
    }
    deps.documents.faults.once(isCommit, runBefore(makeAnew))
    await raiseFence(deps, GROUP, fenceOf(stored))
    expect(await generations(deps)).toEqual([0])
    // Who slept even longer finds the new document.
    await raiseFence(deps, GROUP, fenceOf(stored))
    expect(await generations(deps)).toEqual([0])
  })

  test('does not bring back a document that was removed', async () => {
    const deps = await cluster()
    const topicId = await storeTopic(deps, 'gone')
    await commit(deps, M1, { 0: 1 }, { topic: 'gone' })
    const stored = await storeGroup(deps, NEXT)
    deps.documents.faults.once(
      isCommit,
      runBefore(() => deps.documents.store.delete(offsetsKey(GROUP, topicId, 0), [])),
    )
    await raiseFence(deps, GROUP, fenceOf(stored))
    expect(await offsetsDocuments(deps)).toEqual([])
  })
})

describe('a document that is behind, or ahead of META', () => {
  test('gets the fence with the first commit that META takes', async () => {
    const deps = await cluster()
    await commit(deps, M1, EVERYWHERE)
    // No such thing was ever stable: who took it there died, and another rebalance began.
    await storeGroup(deps, { ...NEXT, state: 'PreparingRebalance' })
    expect(await commit(deps, { ...M1, generationId: 6 }, { 50: 2 })).toEqual([undefined])
    expect(await generations(deps)).toEqual([5, 6, 5, 5])
  })

  test('whose fence is ahead gets that of META', async () => {
    const deps = await cluster()
    await commit(deps, M1, EVERYWHERE)
    await raiseFence(deps, GROUP, { ...fenceOf({ group: STABLE, version: 1000 }), generationId: 9 })
    await moveGroup(deps, NEXT)
    expect(await commit(deps, { ...M1, generationId: 6 }, { 0: 2 })).toEqual([undefined])
    expect(await generations(deps)).toEqual([6, 9, 9, 9])
  })

  test('is tried again while META changes, and given up at last', async () => {
    const deps = await cluster()
    deps.documents.faults.always((call) =>
      isMetaRead(call) ? runAfter(() => storeGroup(deps, STABLE)) : undefined,
    )
    expect(await commit(deps, M1, { 0: 1 })).toEqual(['KAFKA_STORAGE_ERROR'])
    expect(deps.documents.faults.calls.filter(isTransaction)).toHaveLength(deps.limits.maxUpdateTries)
    expect(
      deps.documents.faults.calls.every(({ pk }) => pk.startsWith(groupPk(GROUP)) || pk === 'TOPICS'),
    ).toBe(true)
  })
})
