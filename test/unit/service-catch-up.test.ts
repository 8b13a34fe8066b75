import { describe, expect, test } from 'vitest'
import { fence } from '../../shared/core/election.ts'
import { type Head, validBatches } from '../../shared/core/head.ts'
import { changeIsr, joinReplica } from '../../shared/core/isr-commands.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'
import { walKey } from '../../shared/core/wal-object.ts'
import { catchUp } from '../../shared/service/catch-up.ts'
import { controllerTick, runController } from '../../shared/service/controller.ts'
import { deleteTopics } from '../../shared/service/delete-topics.ts'
import { fillHoles } from '../../shared/service/fill-holes.ts'
import { readHead, updateHead } from '../../shared/service/heads.ts'
import { produce } from '../../shared/service/produce.ts'
import { readTopic } from '../../shared/service/topics.ts'
import { headKey } from '../../shared/store/keys.ts'
import { appendMissing } from '../support/append-missing.ts'
import { changeHead, isHeadUpdate, runBefore } from '../support/calls.ts'
import { batchOf, createTopic, fetchAll, produceOne, TOPIC } from '../support/log-requests.ts'
import { asTimePasses, nodeNow, nodeTroubles, runTriggered } from '../support/node-troubles.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, testDeps } from '../support/test-deps.ts'

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
const control = (deps: TestDeps) => asTimePasses(deps, runController(deps))
const values = async (deps: TestDeps) => (await fetchAll(otherEnvironment(deps))).map(({ value }) => value)
const copies = (deps: TestDeps) =>
  [...deps.nodes.values()].flatMap((node) => node.faults.calls).filter(({ method }) => method === 'copyFrom')
const messages = (deps: TestDeps) => deps.logged.map(({ message }) => message)

/** The last batch's object at a replica has another byte than was put. */
async function damage(deps: TestDeps, topicId: string, replica: string): Promise<void> {
  const { tail, lineage } = await storedHead(deps, topicId)
  const reference = validBatches(tail, lineage).at(-1)?.reference
  const store = deps.nodes.get(Number(replica[0]))?.store
  if (reference === undefined || store === undefined) throw new Error('there is no such copy')
  const { signal } = new AbortController()
  const bytes = await store.get(walKey(reference.objectId), undefined, signal)
  if (bytes === undefined) throw new Error('there is no such object')
  const at = reference.position + reference.length - 1
  await store.put(walKey(reference.objectId), [bytes.with(at, (bytes[at] ?? 0) ^ 1)], signal)
}

/** A follower was away while ten batches were appended; it is on the joining list now. */
async function joining() {
  const deps = await testDeps({
    configs: { 'min.insync.replicas': '2' },
    limits: { pageEntries: 3, maxTailEntries: 64 },
  })
  const topicId = await createTopic(deps)
  const { replicas } = await storedHead(deps, topicId)
  const [leader = '', other = '', away = ''] = replicas
  const nodeId = Number(away[0])
  const troubles = nodeTroubles(deps)
  troubles.set(nodeId, 'fails')
  await control(deps)
  for (const value of LETTERS) await asTimePasses(deps, produceOne(deps, batchOf(1, { value })))
  troubles.set(nodeId, undefined)
  await control(deps)
  deps.clock.set(deps.clock.nowMs() + 60_000)
  await asTimePasses(deps, controllerTick(deps))
  for (const node of deps.nodes.values()) node.faults.calls.length = 0
  deps.documents.faults.calls.length = 0
  const topic = await readTopic(deps, TOPIC)
  const partition = { topic, partitionIndex: 0 }
  const task = { task: 'catchUp', topicName: TOPIC, topicId, partitionIndex: 0 } as const
  const isWhole = async () => {
    const { broken, stored } = await brokenInvariants(deps, topicId, undefined)
    expect(broken).toEqual([])
    expect(stored.head).toMatchObject({ joining: [], holeStart: {}, holeEnd: {}, holeSince: {} })
    expect(stored.head.isr).toHaveLength(3)
    return stored.head
  }
  const rest = async () => {
    for (let minute = 0; minute < 5; minute += 1) {
      deps.clock.set(deps.clock.nowMs() + 60_000)
      await asTimePasses(deps, controllerTick(deps))
      await runTriggered(deps)
    }
  }
  return { deps, topicId, partition, task, leader, other, away, nodeId, troubles, isWhole, rest }
}

test('what was missed is copied, and the hole closes with the write that puts the replica in sync', async () => {
  const { deps, topicId, task, away, isWhole } = await joining()
  const before = await storedHead(deps, topicId)
  expect(before).toMatchObject({ joining: [away], holeStart: { [away]: 0 }, holeEnd: { [away]: 10 } })
  expect(deps.triggered).toEqual([task])
  await runTriggered(deps)
  const head = await isWhole()
  expect(head.partitionEpoch).toBe(before.partitionEpoch + 1)
  expect(deps.documents.faults.calls.filter(isHeadUpdate)).toHaveLength(1)
  expect(copies(deps)).toHaveLength(10)
})

test('stopped at any call, it is gone on with by the next one', async () => {
  for (let stop = 1; stop < 40; stop += 1) {
    const { deps, task, isWhole } = await joining()
    let calls = 0
    const isStopped = () => ++calls >= stop
    deps.documents.faults.always(() => (isStopped() ? { fault: 'throttled' } : undefined))
    for (const node of deps.nodes.values()) {
      node.faults.always(() => (isStopped() ? { fault: 'fails' } : undefined))
    }
    await asTimePasses(deps, catchUp(deps, task))
    deps.documents.faults.always(undefined)
    for (const node of deps.nodes.values()) node.faults.always(undefined)
    await asTimePasses(deps, catchUp(otherEnvironment(deps), task))
    await isWhole()
  }
})

test.each(['answerLost', 'callLost', 'twice'] as const)('a write of the head may be %s', async (fault) => {
  const { deps, task, isWhole } = await joining()
  deps.documents.faults.once(isHeadUpdate, { fault })
  await asTimePasses(deps, catchUp(deps, task))
  await asTimePasses(deps, catchUp(deps, task))
  await isWhole()
})

test('several at once do it once', async () => {
  const { deps, topicId, task, isWhole } = await joining()
  const { partitionEpoch } = await storedHead(deps, topicId)
  const environments = [deps, otherEnvironment(deps), otherEnvironment(deps)]
  await asTimePasses(deps, Promise.all(environments.map((environment) => catchUp(environment, task))))
  expect((await isWhole()).partitionEpoch).toBe(partitionEpoch + 1)
  expect(messages(deps)).not.toContain('replicas still lack something')
})

test('a hint that is lost is given again, by the index of due work', async () => {
  const { deps, task, isWhole } = await joining()
  deps.triggered.length = 0
  deps.clock.set(deps.clock.nowMs() + 31_000)
  await asTimePasses(deps, controllerTick(deps))
  expect(deps.triggered).toEqual([task])
  await runTriggered(deps)
  await isWhole()
})

describe('C10: the bucket is emptied while it is filled', () => {
  test('what was copied before counts no more: the next part looks first', async () => {
    const { deps, topicId, task, away, nodeId, isWhole, rest } = await joining()
    let copied = 0
    deps.nodes.get(nodeId)?.faults.once(({ method }) => method === 'copyFrom' && ++copied === 5, {
      fault: 'after',
      run: () => deps.wipe(nodeId),
    })
    await asTimePasses(deps, catchUp(deps, task))
    await rest()
    expect((await storedHead(deps, topicId)).replicas).not.toContain(away)
    await isWhole()
    expect(await values(deps)).toEqual(LETTERS)
  })

  test('and that is noticed: its copies do not count for the replica of the new bucket', async () => {
    const { deps, topicId, task, away, nodeId, isWhole, rest } = await joining()
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(async () => {
        await deps.wipe(nodeId)
        await runController(otherEnvironment(deps))
      }),
    )
    await asTimePasses(deps, catchUp(deps, task))
    const successor = away.replace('.1', '.2')
    const head = await storedHead(deps, topicId)
    expect(head.replicas).toContain(successor)
    await rest()
    await isWhole()
    expect((await nodeNow(deps, nodeId)).incarnation).toBe(2)
  })

  test('before it is begun: nothing is copied', async () => {
    const { deps, task, nodeId } = await joining()
    await deps.wipe(nodeId)
    await asTimePasses(deps, catchUp(deps, task))
    expect(copies(deps)).toEqual([])
  })
})

describe('sources', () => {
  test('one that lacks an object is reported, and the next one asked', async () => {
    const { deps, task, leader, isWhole } = await joining()
    const location = deps.nodes.get(Number(leader[0]))?.location
    for (const node of deps.nodes.values()) {
      node.faults.once(({ from }) => from === location, { fault: 'missing' })
    }
    await asTimePasses(deps, catchUp(deps, task))
    await isWhole()
    expect(Object.keys((await nodeNow(deps, Number(leader[0]))).lost)).toHaveLength(1)
  })

  test('one whose copy is damaged is reported, and the next one asked: damage does not spread', async () => {
    const { deps, topicId, task, leader, isWhole } = await joining()
    await damage(deps, topicId, leader)
    await asTimePasses(deps, catchUp(deps, task))
    await isWhole()
    expect(await nodeNow(deps, Number(leader[0]))).toMatchObject({ lost: { [`P#${topicId}#0`]: 9 } })
    expect(copies(deps)).toHaveLength(LETTERS.length + 1)
    await damage(deps, topicId, (await storedHead(deps, topicId)).replicas[1] ?? '')
    expect(await values(deps)).toEqual(LETTERS) // of the one that was given everything
  })

  test('a batch of which all copies are damaged is not given to others: it still lacks it', async () => {
    const { deps, topicId, task, leader, other, away } = await joining()
    for (const replica of [leader, other]) await damage(deps, topicId, replica)
    await asTimePasses(deps, catchUp(deps, task))
    expect(await storedHead(deps, topicId)).toMatchObject({ joining: [away], holeStart: { [away]: 9 } })
    expect(await nodeNow(deps, Number(leader[0]))).toMatchObject({ lost: {} })
    const errors = deps.logged.filter(({ level }) => level === 'error')
    expect(errors).toMatchObject([{ fields: { partition: 'orders-0', offset: 9 } }])
  })

  test('an object of several partitions is copied once by one process', async () => {
    const deps = await testDeps()
    const topicId = await createTopic(deps, TOPIC, { partitions: 2 })
    const topic = await readTopic(deps, TOPIC)
    const away = (await storedHead(deps, topicId)).replicas[2] ?? ''
    const change = async (plan: (head: Head) => UpdatePlan) => {
      for (const partitionIndex of [0, 1]) {
        const head = await storedHead(deps, topicId, partitionIndex)
        await updateHead(deps, { topic, partitionIndex }, plan(head))
      }
    }
    await change((head) => changeIsr(head, [away], 1))
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, batch: batchOf(1) }))
    const topics = [{ name: TOPIC, partitions }]
    await produce(deps, { acks: -1, timeoutMs: 1000, transactionalId: null, topics })
    await change((head) => joinReplica(head, away, 1))
    for (const partitionIndex of [0, 1]) {
      await catchUp(deps, { task: 'catchUp', topicName: TOPIC, topicId, partitionIndex })
      expect((await storedHead(deps, topicId, partitionIndex)).isr).toContain(away)
    }
    expect(copies(deps)).toHaveLength(1)
  })

  test('an object that none of them has is nobody’s loss', async () => {
    const { deps, task, topicId, leader, other } = await joining()
    for (const node of deps.nodes.values()) {
      node.faults.always(({ method }) => (method === 'copyFrom' ? { fault: 'missing' } : undefined))
    }
    await asTimePasses(deps, catchUp(deps, task))
    for (const replica of [leader, other]) {
      const node = await nodeNow(deps, Number(replica[0]))
      expect([node.lost, node.reports]).toEqual([{}, {}])
    }
    expect((await storedHead(deps, topicId)).isr).toEqual([leader, other])
    expect(deps.triggered.filter((each) => each === task)).toEqual([])
  })

  test('where none answers, no more copies are begun than are under way at once', async () => {
    const { deps, topicId, task, partition, leader, other, troubles } = await joining()
    for (let batch = 0; batch < 40; batch += 1)
      await appendMissing(deps, partition, { value: 'x', missed: [] })
    await changeHead(deps, topicId, { holeEnd: { [(await storedHead(deps, topicId)).joining[0] ?? '']: 50 } })
    for (const replica of [leader, other]) troubles.set(Number(replica[0]), 'hangs')
    await asTimePasses(deps, catchUp(deps, task))
    expect(copies(deps).length).toBeLessThanOrEqual(2 * deps.limits.parallelCopies)
  })
})

describe('budget', () => {
  test('no more objects than it allows are copied', async () => {
    const { deps, topicId, partition, away } = await joining()
    const head = await readHead(deps, partition)
    if (head === undefined) throw new Error('no head')
    const filled = await asTimePasses(deps, fillHoles(deps, partition, head, { maxObjects: 4, maxMs: 1000 }))
    expect(copies(deps)).toHaveLength(4)
    expect(filled.holeStart).toEqual({ [away]: 4 })
    expect((await storedHead(deps, topicId)).isr).toHaveLength(2)
  })

  test('none is begun after its end, but for a first one', async () => {
    const { deps, partition, away } = await joining()
    const head = await readHead(deps, partition)
    if (head === undefined) throw new Error('no head')
    for (const node of deps.nodes.values()) {
      node.faults.always(({ method }) =>
        method === 'copyFrom'
          ? { fault: 'after', run: async () => deps.clock.set(deps.clock.nowMs() + 2000) }
          : undefined,
      )
    }
    const slow = { ...deps, limits: { ...deps.limits, parallelCopies: 2 } }
    const filled = await fillHoles(slow, partition, head, { maxObjects: 100, maxMs: 1000 })
    expect(copies(deps).length).toBeLessThanOrEqual(2)
    expect(filled.holeStart[away]).toBeGreaterThan(0)
  })

  test('a task whose budget was too small is gone on with by another one', async () => {
    const { deps, task, isWhole } = await joining()
    const small = { ...deps, limits: { ...deps.limits, catchUpObjects: 4 } }
    deps.triggered.length = 0
    await asTimePasses(deps, catchUp(small, task))
    expect(deps.triggered).toEqual([{ ...task, hops: 1 }])
    await asTimePasses(deps, catchUp(small, task))
    await asTimePasses(deps, catchUp(small, task))
    await isWhole()
    expect(messages(deps)).not.toContain('replicas still lack something')
  })

  test('one that goes on for long ends, and the index of due work begins it anew', async () => {
    const { deps, task, isWhole, rest } = await joining()
    const small = { ...deps, limits: { ...deps.limits, catchUpObjects: 1, maxCatchUpHops: 3 } }
    deps.triggered.length = 0
    await asTimePasses(deps, catchUp(small, { ...task, hops: 2 }))
    expect(deps.triggered).toEqual([{ ...task, hops: 3 }])
    await asTimePasses(deps, catchUp(small, { ...task, hops: 3 }))
    expect(deps.triggered).toHaveLength(1)
    deps.triggered.length = 0
    await rest()
    await isWhole()
  })

  test('however many hints come meanwhile, one chain of tasks is left, and copies hardly anything twice', async () => {
    const { deps, topicId, task, isWhole } = await joining()
    const small = { ...deps, limits: { ...deps.limits, catchUpObjects: 1 } }
    for (let round = 0; (await storedHead(deps, topicId)).joining.length > 0; round += 1) {
      expect(round).toBeLessThan(LETTERS.length)
      // What the tasks before asked for, and a hint of an append or of the controller.
      const tasks = [...deps.triggered.splice(0), task]
      expect(tasks.length).toBeLessThanOrEqual(2)
      const running = tasks.map(() => catchUp({ ...otherEnvironment(deps), limits: small.limits }, task))
      await asTimePasses(deps, Promise.all(running))
    }
    await isWhole()
    expect(copies(deps).length).toBeLessThanOrEqual(2 * LETTERS.length)
  })
})

test('C14: what is missed while the hole is filled makes it longer, and it closes still', async () => {
  const { deps, partition, task, away, isWhole } = await joining()
  for (const value of ['x', 'y', 'z']) {
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(() => appendMissing(deps, partition, { value, missed: [away] })),
    )
  }
  await asTimePasses(deps, catchUp(otherEnvironment(deps), task))
  await isWhole()
  expect(await values(deps)).toEqual([...LETTERS, 'x', 'y', 'z'])
  expect(messages(deps)).not.toContain('replicas still lack something')
})

test('what a replica in sync missed is copied, and the high watermark goes on with the same write', async () => {
  const { deps, partition, task, isWhole, other, leader } = await joining()
  await runTriggered(deps)
  for (const value of ['x', 'y']) await appendMissing(deps, partition, { value, missed: [other] })
  expect(await readHead(deps, partition)).toMatchObject({ highWatermark: 10, logEndOffset: 12, leader })
  await asTimePasses(deps, catchUp(deps, task))
  expect(await isWhole()).toMatchObject({ highWatermark: 12 })
})

test('a partition that is fenced meanwhile is left alone', async () => {
  const { deps, topicId, partition, task } = await joining()
  deps.documents.faults.once(
    isHeadUpdate,
    runBefore(async () => {
      await updateHead(otherEnvironment(deps), partition, fence(await storedHead(deps, topicId), 1))
    }),
  )
  deps.documents.faults.calls.length = 0
  await asTimePasses(deps, catchUp(deps, task))
  const writes = deps.documents.faults.calls.filter(isHeadUpdate)
  expect(writes).toHaveLength(2) // the fence itself, and the one that it had refused
})

test('a topic that is deleted meanwhile stays deleted, and nothing is wrong with that', async () => {
  const { deps, topicId, task } = await joining()
  deps.documents.faults.once(
    isHeadUpdate,
    runBefore(() => deleteTopics(otherEnvironment(deps), { topics: [{ name: TOPIC }] })),
  )
  await asTimePasses(deps, catchUp(deps, task))
  expect(await deps.documents.store.get(headKey(topicId, 0), 'strong')).toBeUndefined()
  await asTimePasses(deps, catchUp(otherEnvironment(deps), task))
  expect(deps.logged.filter(({ level }) => level === 'error')).toEqual([])
  await createTopic(otherEnvironment(deps))
  await asTimePasses(deps, catchUp(otherEnvironment(deps), task))
})
