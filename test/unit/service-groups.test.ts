import { describe, expect, test } from 'vitest'
import { copyPlus } from '../../shared/core/update-plan.ts'
import { offsetCommitRequest } from '../../shared/protocol/api/group-offsets.ts'
import { controllerTick } from '../../shared/service/controller.ts'
import { expireGroup } from '../../shared/service/group-expiry.ts'
import { offsetCommit } from '../../shared/service/offset-commit.ts'
import { decodeGroupOffsets } from '../../shared/store/items/group-offsets-item.ts'
import { ALL_MEMBERS, GROUPS, groupMetaKey, groupPk, memberKey, offsetsKey } from '../../shared/store/keys.ts'
import { runBefore } from '../support/calls.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import { createTopic, TOPIC } from '../support/log-requests.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'
import { NO_DELAY, storedGroup, twoMembers } from '../support/two-members.ts'
import { type Actor, beat, GROUP, join, joins, newActor, sync } from '../transcripts/group-actor.ts'

const isMeta = ({ sk }: DocumentCall) => sk === 'META'
const isMetaPut = (call: DocumentCall) => call.method === 'put' && isMeta(call)
const isMetaUpdate = (call: DocumentCall) => call.method === 'update' && isMeta(call)
const isMemberDelete = ({ method, sk }: DocumentCall) => method === 'delete' && sk.startsWith('MEMBER#')
const isMemberList = ({ method, pk }: DocumentCall) => method === 'list' && pk === groupPk(GROUP)

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

async function memberDocuments(deps: TestDeps): Promise<number> {
  const query = { ...ALL_MEMBERS, limit: 100, direction: 'ascending' } as const
  return (await deps.documents.store.list(groupPk(GROUP), query)).length
}

describe('a rebalance', () => {
  test('takes in who joins between the look at the members and the write', async () => {
    const { deps, a, b } = await twoMembers()
    const c = newActor('c')
    await join(deps, c)
    await join(deps, c)
    await join(deps, a)
    const late = newActor('late')
    await join(deps, late)
    const gate = Promise.withResolvers<void>()
    const last = Promise.withResolvers<void>()
    const { faults } = deps.documents
    faults.once(isMetaUpdate, { fault: 'before', run: () => gate.promise })
    const joinedLate = join(otherEnvironment(deps), late)
    await turns(5)
    faults.once(isMemberList, {
      fault: 'after',
      run: async () => {
        // It has joined by now, and is kept from completing the generation itself.
        faults.once(isMemberList, { fault: 'before', run: () => last.promise })
        gate.resolve()
        await turns(5)
      },
    })
    const joinedLast = join(deps, b)
    await turns(20)
    last.resolve()
    expect(await joinedLate).toMatchObject({ errorCode: 0, generationId: 3 })
    expect(await joinedLast).toMatchObject({ errorCode: 0, generationId: 3 })
    expect(Object.keys((await storedGroup(deps))?.joined ?? {})).toHaveLength(4)
  })

  test('raises the fence of commits after META took the generation, and before that is stable', async () => {
    const { deps, a, b } = await twoMembers()
    const topicId = await createTopic(deps, TOPIC)
    const partitions = [{ partitionIndex: 0, committedOffset: 7 }]
    const commit = (actor: Actor) =>
      offsetCommit(
        deps,
        offsetCommitRequest.parse({
          groupId: GROUP,
          generationId: actor.generationId,
          memberId: actor.memberId,
          topics: [{ name: TOPIC, partitions }],
        }),
      )
    await commit(a)
    const fence = async () => {
      const item = await deps.documents.store.get(offsetsKey(GROUP, topicId, 0), 'strong')
      return decodeGroupOffsets(item ?? {}).document.fence.generationId
    }
    expect(await fence()).toBe(2)
    await join(deps, a)
    await Promise.all([joins(deps, b), joins(deps, a)])
    expect(await fence()).toBe(2)
    const fences: number[] = []
    deps.documents.faults.always((call) =>
      isMetaPut(call) ? runBefore(async () => fences.push(await fence())) : undefined,
    )
    await sync(deps, a)
    deps.documents.faults.always(undefined)
    expect(fences).toEqual([3])
    expect((await storedGroup(deps))?.state).toBe('Stable')
  })
})

describe('a static member that comes back', () => {
  test('is told so once its former self cannot commit any more', async () => {
    const deps = await testDeps(NO_DELAY)
    const topicId = await createTopic(deps, TOPIC)
    const former = newActor('former')
    await joins(deps, former, { instance: 'i1' })
    await sync(deps, former, { assignments: { [former.memberId]: 'x' } })
    const commit = async ({ memberId, generationId }: Actor, committedOffset: number) => {
      const partitions = [{ partitionIndex: 0, committedOffset }]
      const topics = [{ name: TOPIC, partitions }]
      const request = { groupId: GROUP, generationId, memberId, groupInstanceId: 'i1', topics }
      return (await offsetCommit(deps, offsetCommitRequest.parse(request))).topics[0]?.partitions[0]
    }
    expect(await commit(former, 7)).toMatchObject({ errorCode: 0 })
    const back = newActor('back')
    expect(await join(deps, back, { instance: 'i1', metadata: 'former' })).toMatchObject({
      generationId: 1,
      skipAssignment: true,
    })
    const item = await deps.documents.store.get(offsetsKey(GROUP, topicId, 0), 'strong')
    expect(decodeGroupOffsets(item ?? {}).document.fence.instances).toEqual({ i1: back.memberId })
    expect(await commit(former, 8)).toMatchObject({ errorName: 'FENCED_INSTANCE_ID' })
    expect(await commit(back, 9)).toMatchObject({ errorCode: 0 })
  })
})

describe('a session', () => {
  test('that is over is gone on with by a heartbeat that comes before the member is removed', async () => {
    const { deps, a, b } = await twoMembers({ sessionMs: 6000 })
    deps.clock.set(deps.clock.nowMs() + 6000)
    deps.documents.faults.once(
      isMemberDelete,
      runBefore(() => beat(otherEnvironment(deps), b)),
    )
    expect(await beat(deps, a)).toEqual({ errorCode: 0 })
    expect(await storedGroup(deps)).toMatchObject({ state: 'Stable', generationId: 2 })
    // The one that came late is looked after as before.
    deps.clock.set(deps.clock.nowMs() + 6000)
    expect(await beat(deps, a)).toMatchObject({ errorName: 'REBALANCE_IN_PROGRESS' })
  })

  test('that was ended by one that died before it said so is ended by the next one', async () => {
    const { deps, a, b } = await twoMembers()
    await deps.documents.store.delete(memberKey(GROUP, b.memberId), [])
    expect(await beat(deps, a)).toEqual({ errorCode: 0 })
    deps.clock.set(deps.clock.nowMs() + 10_000)
    expect(await beat(deps, a)).toMatchObject({ errorName: 'REBALANCE_IN_PROGRESS' })
    expect(await joins(deps, a)).toMatchObject({ generationId: 3, leader: a.memberId })
  })

  test('of a member without a document is over for that member at once', async () => {
    const { deps, b } = await twoMembers()
    await deps.documents.store.delete(memberKey(GROUP, b.memberId), [])
    expect(await beat(deps, b)).toMatchObject({ errorName: 'UNKNOWN_MEMBER_ID' })
    expect(await sync(deps, b)).toMatchObject({ errorName: 'UNKNOWN_MEMBER_ID' })
  })
})

describe('a group that nobody touches', () => {
  test('is due: its members expire, and once its offsets do it is gone', async () => {
    const { deps } = await twoMembers()
    await controllerTick(deps)
    expect((await storedGroup(deps))?.state).toBe('Stable')
    deps.clock.set(deps.clock.nowMs() + 310_000)
    await controllerTick(deps)
    expect(await storedGroup(deps)).toMatchObject({ state: 'Empty', generationId: 3, joined: {} })
    expect(await memberDocuments(deps)).toBe(0)
    deps.clock.set(deps.clock.nowMs() + 7 * 86_400_000)
    await controllerTick(deps)
    expect((await storedGroup(deps))?.state).toBe('Empty')
    deps.clock.set(deps.clock.nowMs() + 120_000)
    await controllerTick(deps)
    expect(await storedGroup(deps)).toBeUndefined()
    const query = { from: '!', to: '~', limit: 10, direction: 'ascending' } as const
    expect(await deps.documents.store.list(GROUPS, query)).toEqual([])
    const due = await Promise.all(
      [0, 1, 2, 3].map((shard) => deps.documents.due(shard, { untilMs: Number.MAX_SAFE_INTEGER, limit: 10 })),
    )
    expect(due.flat()).toEqual([])
  })

  test('is left alone when it is not there any more', async () => {
    await expect(expireGroup(await testDeps(), GROUP)).resolves.toBeUndefined()
  })
})

describe('what it costs', () => {
  const counted = async (deps: TestDeps, run: () => Promise<unknown>) => {
    deps.documents.faults.calls.length = 0
    await run()
    return deps.documents.faults.calls.map(({ method }) => method).sort()
  }

  test('a heartbeat is one write, and a read at the same time', async () => {
    const { deps, b } = await twoMembers()
    expect(await counted(deps, () => beat(deps, b))).toEqual(['get', 'update'])
  })

  test('a look at its members that finds nobody expired seldom moves the group in the index of due work', async () => {
    const { deps, a, b } = await twoMembers()
    const dueAt = async () => (await deps.documents.store.get(groupMetaKey(GROUP), 'strong'))?.dueAtMs
    const seen = new Set([await dueAt()])
    const checks = new Set<number>()
    for (let ms = 0; ms < 600_000; ms += 4000) {
      deps.clock.set(deps.clock.nowMs() + 4000)
      for (const actor of [a, b]) expect(await beat(deps, actor)).toEqual({ errorCode: 0 })
      const next = (await storedGroup(deps))?.nextExpiryCheckMs ?? 0
      checks.add(next)
      seen.add(await dueAt())
      expect(await dueAt()).toBeGreaterThanOrEqual(next)
    }
    expect(checks.size).toBeGreaterThan(40)
    expect(seen.size).toBeLessThanOrEqual(3)
  })

  test('to be given an id costs a read and writes nothing', async () => {
    const { deps } = await twoMembers()
    expect(await counted(deps, () => join(deps, newActor('c')))).toEqual(['get'])
  })

  test('to join again costs two reads and a write, and more only for who completes the rebalance', async () => {
    const { deps, a, b } = await twoMembers()
    await join(deps, a)
    // The last one: the members are listed, the generation is stored.
    const calls = await counted(deps, () => join(deps, b))
    expect(calls).toEqual(['get', 'get', 'list', 'put', 'update'])
  })

  test('to wait costs one read for each look, however many others join meanwhile', async () => {
    const { deps, a } = await twoMembers()
    const raised = { checks: [], changes: [copyPlus(['ver'], ['ver'], 1)] }
    const isMetaRead = (call: DocumentCall) => call.method === 'get' && isMeta(call)
    let looks = 0
    deps.documents.faults.always((call) => {
      if (!isMetaRead(call)) return undefined
      looks += 1
      return runBefore(() => deps.documents.store.update(groupMetaKey(GROUP), raised))
    })
    deps.clock.sleptMs.length = 0
    expect(await join(deps, a)).toMatchObject({ errorName: 'REBALANCE_IN_PROGRESS' })
    deps.documents.faults.always(undefined)
    // One more begins it, and one follows a wait that was over.
    expect(looks).toBeLessThanOrEqual(deps.clock.sleptMs.length + 2)
  })

  test('a sync of a stable group costs two reads', async () => {
    const { deps, b } = await twoMembers()
    expect(await counted(deps, () => sync(deps, b))).toEqual(['get', 'get'])
  })
})
