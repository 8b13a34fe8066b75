import { describe, expect, test } from 'vitest'
import { electLeader, fence, planElection } from '../../shared/core/election.ts'
import { type Head, nodeOf } from '../../shared/core/head.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'
import { produce } from '../../shared/service/produce.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { headKey, nodeKey } from '../../shared/store/keys.ts'
import { changeHead, isHeadRead, isHeadUpdate, isProducerRead, runBefore } from '../support/calls.ts'
import type { ObjectFault } from '../support/faulty-store.ts'
import {
  batchOf,
  createTopic,
  errorOf,
  fetchAll,
  produceOne,
  sequenced,
  TOPIC,
} from '../support/log-requests.ts'
import { brokenInvariants, storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, type TestDeps, type TestOptions, testDeps } from '../support/test-deps.ts'

/** One partition of three replicas: who leads, and who follows. */
async function partition(
  options: TestOptions & { minIsr?: number } = {},
): Promise<{ deps: TestDeps; topicId: string; leader: string; first: string; second: string }> {
  const deps = await testDeps(options)
  const configs = { 'min.insync.replicas': String(options.minIsr ?? 2) }
  const topicId = await createTopic(deps, TOPIC, { configs })
  const { leader = '', replicas } = await storedHead(deps, topicId)
  const [first = '', second = ''] = replicas.filter((replica) => replica !== leader)
  return { deps, topicId, leader, first, second }
}

const nodeUnder = (deps: TestDeps, replica: string) => {
  const node = deps.nodes.get(nodeOf(replica))
  if (node === undefined) throw new Error(`no node replica=${replica}`)
  return node
}
const breakDown = (
  deps: TestDeps,
  replica: string,
  fault: ObjectFault['fault'] & ('fails' | 'hangs' | 'landsAnyway'),
) => nodeUnder(deps, replica).faults.always(() => ({ fault }))
const mend = (deps: TestDeps) => {
  for (const node of deps.nodes.values()) node.faults.always(undefined)
}
const puts = (deps: TestDeps, replica: string) =>
  nodeUnder(deps, replica).faults.calls.filter(({ method }) => method === 'put').length
const copies = (deps: TestDeps, replica: string) =>
  nodeUnder(deps, replica).faults.calls.filter(({ method }) => method === 'copyFrom').length
const headUpdates = (deps: TestDeps) => deps.documents.faults.calls.filter(isHeadUpdate).length
const slept = (deps: TestDeps) => deps.clock.sleptMs.reduce((sum, ms) => sum + ms, 0)
const reporters = async (deps: TestDeps, replica: string) =>
  Object.keys(decodeNode((await deps.documents.store.get(nodeKey(nodeOf(replica)), 'strong')) ?? {}).reports)
const tasks = (deps: TestDeps) => deps.triggered.map(({ task }) => task)
const sound = async (deps: TestDeps, topicId: string, before?: Head) =>
  expect((await brokenInvariants(deps, topicId, before)).broken).toEqual([])
const done = { errorName: undefined }

describe('the leader cannot be written', () => {
  test.each([
    { acks: -1, fault: 'fails' as const },
    { acks: 1, fault: 'fails' as const },
    { acks: 0, fault: 'fails' as const },
    { acks: -1, fault: 'landsAnyway' as const },
  ])('nothing is appended, and it is reported: acks=$acks, every put $fault', async ({ acks, fault }) => {
    const { deps, topicId, leader } = await partition()
    breakDown(deps, leader, fault)
    expect(await produceOne(deps, batchOf(1), { acks })).toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      effect: 'none',
    })
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(0)
    expect(puts(deps, leader)).toBe(2)
    expect(headUpdates(deps)).toBe(0)
    expect(await reporters(deps, leader)).toEqual(['environment-1'])
    expect(tasks(deps)).toEqual(['controller'])
  })

  test('one that hangs is given up after two time-outs, and reported at the first', async () => {
    const { deps, leader } = await partition()
    breakDown(deps, leader, 'hangs')
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      effect: 'none',
    })
    expect(puts(deps, leader)).toBe(2)
    expect(tasks(deps)).toEqual(['controller'])
  })

  test.each(['fails', 'hangs'] as const)(
    'one of long ago, which %s now, is not waited for',
    async (fault) => {
      const { deps, topicId, leader, first, second } = await partition()
      const remembers = otherEnvironment(deps)
      await produceOne(remembers, batchOf(1))
      await changeHead(deps, topicId, {
        leader: first,
        leaderEpoch: 1,
        partitionEpoch: 1,
        isr: [first, second],
        lineage: { 0: 0, 1: 1 },
        holeStart: { [leader]: 1 },
      })
      breakDown(deps, leader, fault)
      remembers.documents.faults.calls.length = 0
      expect(await produceOne(remembers, batchOf(1))).toMatchObject({ ...done, baseOffset: 1 })
      expect(remembers.documents.faults.calls.filter(isHeadRead)).toHaveLength(1)
      expect(slept(deps)).toBe(fault === 'hangs' ? 300 : 0)
      expect((await fetchAll(deps)).map(({ leaderEpoch }) => leaderEpoch)).toEqual([0, 1])
      await sound(deps, topicId)
    },
  )
})

describe('a follower cannot be written', () => {
  test.each([-1, 1])('it leaves the ISR, and the others suffice: acks=%d', async (acks) => {
    const { deps, topicId, leader, first, second } = await partition()
    await produceOne(deps, batchOf(1))
    deps.documents.faults.calls.length = 0
    breakDown(deps, second, 'fails')
    expect(await produceOne(deps, batchOf(1), { acks })).toMatchObject({ ...done, baseOffset: 1 })
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({
      isr: expect.not.arrayContaining([second]),
      highWatermark: 2,
      partitionEpoch: 1,
    })
    expect(head.holeStart).toEqual({ [second]: 1 })
    expect([leader, first, second].map((replica) => puts(deps, replica))).toEqual([2, 2, 3])
    expect(headUpdates(deps)).toBe(2)
    expect(deps.documents.faults.calls.filter(isHeadRead)).toHaveLength(0)
    expect(await reporters(deps, second)).toEqual(['environment-1'])

    deps.documents.faults.calls.length = 0
    expect(await produceOne(deps, batchOf(1), { acks })).toMatchObject({ ...done, baseOffset: 2 })
    expect(puts(deps, second)).toBe(3)
    expect(deps.documents.faults.calls).toHaveLength(1)
    await sound(deps, topicId)
  })

  test('one that hangs leaves after two time-outs', async () => {
    const { deps, topicId, second } = await partition()
    breakDown(deps, second, 'hangs')
    expect(await produceOne(deps, batchOf(1))).toMatchObject(done)
    expect((await storedHead(deps, topicId)).isr).not.toContain(second)
    expect(puts(deps, second)).toBe(2)
    await sound(deps, topicId)
  })

  test('H5: who appends never brings the ISR below min.insync.replicas: acks=all is refused', async () => {
    const { deps, topicId, first, second } = await partition()
    breakDown(deps, first, 'fails')
    breakDown(deps, second, 'fails')
    const before = await storedHead(deps, topicId)
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'NOT_ENOUGH_REPLICAS',
      effect: 'none',
    })
    expect(await storedHead(deps, topicId)).toEqual(before)
    expect(headUpdates(deps)).toBe(0)
    expect([await reporters(deps, first), await reporters(deps, second)]).toEqual([
      ['environment-1'],
      ['environment-1'],
    ])
  })

  test('H5: and acks=1 goes on without them, below the high watermark of before', async () => {
    const { deps, topicId, first, second } = await partition()
    breakDown(deps, first, 'fails')
    breakDown(deps, second, 'fails')
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject({ ...done, baseOffset: 0 })
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ isr: head.replicas, highWatermark: 0, logEndOffset: 1 })
    expect(head.holeEnd).toEqual({ [first]: 1, [second]: 1 })
    await sound(deps, topicId)
  })

  test('H5: nor does one whose changeIsr is overtaken by another one', async () => {
    const { deps, topicId, leader, first, second } = await partition()
    const others = otherEnvironment(deps)
    breakDown(deps, second, 'fails')
    deps.documents.faults.once(
      isHeadUpdate,
      runBefore(async () => {
        mend(deps)
        breakDown(deps, first, 'fails')
        await produceOne(others, batchOf(1))
        mend(deps)
      }),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'NOT_ENOUGH_REPLICAS',
      effect: 'none',
    })
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ isr: [leader, second], partitionEpoch: 1, logEndOffset: 1 })
    await sound(deps, topicId)
  })

  test('H1: what is left of the ISR moves the high watermark, be it the leader alone', async () => {
    const { deps, topicId, leader, first, second } = await partition({ minIsr: 1 })
    breakDown(deps, first, 'fails')
    breakDown(deps, second, 'fails')
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject(done)
    expect(await storedHead(deps, topicId)).toMatchObject({ isr: [leader], highWatermark: 1 })
    expect(await produceOne(deps, batchOf(1), { acks: -1 })).toMatchObject(done)
    await sound(deps, topicId)
  })

  test('one that joins leaves the joining list, even at min.insync.replicas', async () => {
    const { deps, topicId, leader, first, second } = await partition()
    await changeHead(deps, topicId, {
      isr: [leader, first],
      joining: [second],
      holeStart: { [second]: 0 },
      holeEnd: { [second]: 0 },
    })
    breakDown(deps, second, 'fails')
    expect(await produceOne(deps, batchOf(1))).toMatchObject(done)
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ isr: [leader, first], joining: [], holeStart: { [second]: 0 }, holeEnd: {} })
    await sound(deps, topicId)
  })

  test.each(['answerLost', 'callLost'] as const)(
    'a change of the ISR of unknown outcome is looked for: %s',
    async (fault) => {
      const { deps, topicId, second } = await partition()
      breakDown(deps, second, 'fails')
      deps.documents.faults.once(isHeadUpdate, { fault })
      expect(await produceOne(deps, batchOf(1))).toMatchObject(done)
      expect((await storedHead(deps, topicId)).partitionEpoch).toBe(1)
      await sound(deps, topicId)
    },
  )

  test('an ISR that changes at every try is given up, and nothing is appended', async () => {
    const { deps, topicId, second } = await partition()
    breakDown(deps, second, 'fails')
    let epoch = 0
    deps.documents.faults.always((call) => {
      if (!isHeadUpdate(call)) return undefined
      epoch += 1
      return runBefore(() => changeHead(deps, topicId, { partitionEpoch: epoch }))
    })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'NOT_ENOUGH_REPLICAS',
      effect: 'none',
    })
    expect(epoch).toBe(10)
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(0)
  })
})

describe('a follower that hangs', () => {
  test('is not waited for once it is in sync no more: a slow put makes the head be read', async () => {
    const { deps, topicId, leader, first, second } = await partition()
    breakDown(deps, second, 'hangs')
    deps.clock.duringNextSleep(() =>
      changeHead(deps, topicId, { isr: [leader, first], partitionEpoch: 1, holeStart: { [second]: 0 } }),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject(done)
    expect(deps.clock.sleptMs).toEqual([300])
    expect([leader, first, second].map((replica) => puts(deps, replica))).toEqual([1, 1, 1])
    expect(await reporters(deps, second)).toEqual(['environment-1'])
    await sound(deps, topicId)
  })

  test('is replaced by another one: the same object is put there', async () => {
    const { deps, topicId, leader, first, second } = await partition({ nodes: 4 })
    const fourth = ['0.1', '1.1', '2.1', '3.1'].find((name) => ![leader, first, second].includes(name)) ?? ''
    breakDown(deps, second, 'hangs')
    const isr = [leader, first, fourth]
    deps.clock.duringNextSleep(() => changeHead(deps, topicId, { isr, replicas: isr, partitionEpoch: 1 }))
    expect(await produceOne(deps, batchOf(1))).toMatchObject(done)
    expect([leader, first, fourth].map((replica) => puts(deps, replica))).toEqual([1, 1, 1])
    await sound(deps, topicId)
  })

  test('gets a hole by acks=1; the next acks=all copies it and is committed', async () => {
    const { deps, topicId, second } = await partition()
    breakDown(deps, second, 'hangs')
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject({ ...done, baseOffset: 0 })
    expect(deps.clock.sleptMs).toEqual([20])
    expect(await storedHead(deps, topicId)).toMatchObject({
      highWatermark: 0,
      holeStart: { [second]: 0 },
      holeEnd: { [second]: 1 },
    })
    expect(await reporters(deps, second)).toEqual([])
    expect(tasks(deps)).toEqual(['catchUp'])
    await sound(deps, topicId)

    mend(deps)
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ ...done, baseOffset: 1 })
    expect(await storedHead(deps, topicId)).toMatchObject({ highWatermark: 2, holeStart: {}, holeEnd: {} })
    expect(copies(deps, second)).toBe(1)
    expect(slept(deps)).toBe(20)
    await sound(deps, topicId)
  })

  test('leaves the ISR when acks=all waits for it in vain', async () => {
    const { deps, topicId, second } = await partition()
    breakDown(deps, second, 'hangs')
    await produceOne(deps, batchOf(1), { acks: 1 })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ ...done, baseOffset: 1 })
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ highWatermark: 2, holeStart: { [second]: 0 }, holeEnd: {} })
    expect(head.isr).not.toContain(second)
    await sound(deps, topicId)
  })
})

test('C14: one that joins and misses an append does not enter the ISR with a gap', async () => {
  const { deps, topicId, leader, first, second } = await partition()
  await produceOne(deps, batchOf(1))
  await changeHead(deps, topicId, {
    isr: [leader, first],
    joining: [second],
    holeStart: { [second]: 0 },
    holeEnd: { [second]: 1 },
    partitionEpoch: 1,
  })
  breakDown(deps, second, 'hangs')
  expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject(done)
  expect(await storedHead(deps, topicId)).toMatchObject({
    joining: [second],
    holeStart: { [second]: 0 },
    holeEnd: { [second]: 2 },
    highWatermark: 2,
  })
  await sound(deps, topicId)
})

describe('H10: acks=1 costs no more than acks=all', () => {
  test('a put to each replica and one write, and no hole', async () => {
    const { deps, topicId, leader, first, second } = await partition()
    await produceOne(deps, batchOf(1))
    deps.documents.faults.calls.length = 0
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject(done)
    expect([leader, first, second].map((replica) => puts(deps, replica))).toEqual([2, 2, 2])
    expect(deps.documents.faults.calls.map(({ method }) => method)).toEqual(['update'])
    expect(deps.clock.sleptMs).toEqual([])
    expect(await storedHead(deps, topicId)).toMatchObject({ highWatermark: 2, holeStart: {} })
  })

  test('a follower that takes a few milliseconds longer has it too', async () => {
    const { deps, topicId, second } = await partition()
    nodeUnder(deps, second).faults.once(() => true, { fault: 'before', run: () => deps.clock.sleep(15) })
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject(done)
    expect((await storedHead(deps, topicId)).holeStart).toEqual({})
  })
})

test('acks=1 gives followers as long again as the leader took, so that slow storage opens no holes', async () => {
  const { deps, topicId, leader, second } = await partition()
  const takes = (ms: number) => ({ fault: 'before', run: () => deps.clock.sleep(ms) }) as const
  nodeUnder(deps, leader).faults.once(() => true, takes(60))
  nodeUnder(deps, second).faults.once(() => true, takes(110))
  expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject(done)
  expect((await storedHead(deps, topicId)).holeStart).toEqual({})

  nodeUnder(deps, leader).faults.once(() => true, takes(60))
  nodeUnder(deps, second).faults.once(() => true, takes(130))
  expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject(done)
  expect((await storedHead(deps, topicId)).holeStart).toEqual({ [second]: 1 })
})

describe('batches of one request that share an object, on different leaders', () => {
  const three = async (faultOf: (deps: TestDeps) => ObjectFault) => {
    const deps = await testDeps()
    const topicId = await createTopic(deps, TOPIC, { partitions: 3 })
    const heads = await Promise.all([0, 1, 2].map((index) => storedHead(deps, topicId, index)))
    const led = heads.findIndex(({ leader }) => nodeOf(leader ?? '') === 2)
    nodeUnder(deps, '2.1').faults.always(() => faultOf(deps))
    const partitions = [0, 1, 2].map((partitionIndex) => ({ partitionIndex, batch: batchOf(1) }))
    const request = {
      acks: 1,
      timeoutMs: 30_000,
      transactionalId: null,
      topics: [{ name: TOPIC, partitions }],
    }
    const { topics } = await produce(deps, request)
    const rows = topics[0]?.partitions ?? []
    const after = await Promise.all([0, 1, 2].map((index) => storedHead(deps, topicId, index)))
    return { deps, led, rows, after }
  }

  test('one node that hangs: who is led by another one goes on, who is led by it fails', async () => {
    const { deps, led, rows, after } = await three(() => ({ fault: 'hangs' }))
    for (const [index, row] of rows.entries()) {
      expect(errorOf(row)).toBe(index === led ? 'KAFKA_STORAGE_ERROR' : undefined)
      expect(after[index]?.holeEnd).toEqual(index === led ? {} : { '2.1': 1 })
    }
    expect(puts(deps, '2.1')).toBe(2)
  })

  test('one node that is slow: the put goes on for who is led by it', async () => {
    const slow = (deps: TestDeps) => ({ fault: 'before', run: () => deps.clock.sleep(200) }) as const
    const { rows, after, led } = await three(slow)
    expect(rows.map((row) => 'errorName' in row)).toEqual([false, false, false])
    expect(after.map(({ holeEnd }) => Object.keys(holeEnd).length)).toEqual(
      [0, 1, 2].map((index) => (index === led ? 0 : 1)),
    )
  })
})

describe('the gap path of acks=all', () => {
  /** A follower that lacks the first `count` batches, and the log of so many. */
  async function behind(count: number, options: Parameters<typeof partition>[0] = {}) {
    const made = await partition(options)
    const { deps, second } = made
    breakDown(deps, second, 'hangs')
    for (let sent = 0; sent < count; sent += 1) await produceOne(deps, batchOf(1), { acks: 1 })
    mend(deps)
    deps.clock.sleptMs.length = 0
    deps.triggered.length = 0
    return made
  }

  test('H9: copies 16 objects at most, and waits for the catch-up task to do the rest', async () => {
    const { deps, topicId, second } = await behind(40)
    const others = otherEnvironment(deps)
    const { fillHoles } = await import('../../shared/service/fill-holes.ts')
    const { readTopic } = await import('../../shared/service/topics.ts')
    deps.clock.duringNextSleep(async () => {
      expect(copies(deps, second)).toBe(16)
      const catchUp = { topic: await readTopic(others, TOPIC), partitionIndex: 0 }
      await fillHoles(others, catchUp, await storedHead(deps, topicId), { maxObjects: 100, maxMs: 1000 })
    })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ ...done, baseOffset: 40 })
    expect(deps.clock.sleptMs).toEqual([50])
    expect(await storedHead(deps, topicId)).toMatchObject({ highWatermark: 41, holeStart: {} })
    await sound(deps, topicId)
  })

  test('a follower that cannot be given anything, twice, leaves the ISR', async () => {
    const { deps, topicId, second } = await behind(1)
    nodeUnder(deps, second).faults.always(({ method }) =>
      method === 'copyFrom' ? { fault: 'fails' } : undefined,
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ ...done, baseOffset: 1 })
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ highWatermark: 2, holeStart: { [second]: 0 } })
    expect(head.isr).not.toContain(second)
    expect(copies(deps, second)).toBeGreaterThanOrEqual(2)
    expect(await reporters(deps, second)).toEqual(['environment-1'])
    expect(deps.clock.sleptMs).toEqual([])
    await sound(deps, topicId)
  })

  test('H5: one that is needed stays, and the batch may be lost again when the time is over', async () => {
    const { deps, topicId, second } = await behind(1, { minIsr: 3 })
    nodeUnder(deps, second).faults.always(({ method }) =>
      method === 'copyFrom' ? { fault: 'fails' } : undefined,
    )
    const before = await storedHead(deps, topicId)
    deps.clock.set(deps.clock.nowMs() + 6000)
    expect(await produceOne(deps, batchOf(1), { timeoutMs: 12_000 })).toMatchObject({
      errorName: 'REQUEST_TIMED_OUT',
      effect: 'unknown',
    })
    expect(slept(deps)).toBe(12_000)
    expect(deps.clock.sleptMs.slice(0, 4)).toEqual([50, 100, 200, 250])
    expect(await storedHead(deps, topicId)).toMatchObject({
      isr: before.isr,
      highWatermark: 0,
      logEndOffset: 2,
    })
    expect(tasks(deps).filter((task) => task === 'catchUp')).toHaveLength(3)
    await sound(deps, topicId)
  })

  test.each([
    {
      name: 'too few replicas are in sync meanwhile',
      changes: (leader: string) => ({ isr: [leader], partitionEpoch: 1 }),
      error: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    },
    {
      name: 'C2: the batch is truncated meanwhile, whatever the high watermark of the new epoch is',
      changes: () => ({
        leaderEpoch: 1,
        lineage: { 0: 0, 1: 1 },
        logEndOffset: 9,
        highWatermark: 9,
        holeStart: {},
      }),
      error: 'REQUEST_TIMED_OUT',
    },
  ])('$name: $error', async ({ changes, error }) => {
    const { deps, topicId, leader, second } = await behind(1, { minIsr: 3 })
    nodeUnder(deps, second).faults.always(({ method }) =>
      method === 'copyFrom' ? { fault: 'fails' } : undefined,
    )
    deps.clock.duringNextSleep(() => changeHead(deps, topicId, changes(leader)))
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: error, effect: 'unknown' })
    expect(deps.clock.sleptMs).toEqual([50])
  })

  test('a partition that lost its leader meanwhile is waited for, and the controller woken', async () => {
    const { deps, topicId, leader, second } = await behind(1, { minIsr: 3 })
    nodeUnder(deps, second).faults.always(({ method }) =>
      method === 'copyFrom' ? { fault: 'fails' } : undefined,
    )
    deps.clock.duringNextSleep(() => changeHead(deps, topicId, { leader: undefined, leaderEpoch: 1 }))
    deps.clock.duringNextSleep(() =>
      changeHead(deps, topicId, {
        leader,
        lineage: { 0: 0, 1: 2 },
        highWatermark: 2,
        holeStart: {},
        holeEnd: {},
      }),
    )
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ ...done, baseOffset: 1 })
    expect(tasks(deps)).toContain('controller')
  })

  test('an error while it waits does not say that the batch is not in the log', async () => {
    const { deps, topicId } = await behind(40)
    deps.clock.duringNextSleep(async () => {
      deps.documents.faults.once(isHeadRead, { fault: 'throttled' })
    })
    expect(await produceOne(deps, batchOf(1))).toMatchObject({
      errorName: 'REQUEST_TIMED_OUT',
      effect: 'unknown',
    })
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(41)
  })

  test('C1: the repetition of a batch that was not committed takes it too', async () => {
    const { deps, topicId } = await behind(1)
    deps.documents.faults.once(isHeadUpdate, { fault: 'answerLost' })
    deps.documents.faults.once(isHeadUpdate, { fault: 'throttled' })
    expect(await produceOne(deps, sequenced(0))).toMatchObject({ effect: 'unknown' })
    expect(await storedHead(deps, topicId)).toMatchObject({ highWatermark: 0, logEndOffset: 2 })
    expect(await produceOne(deps, sequenced(0))).toMatchObject({ ...done, baseOffset: 1 })
    expect(await storedHead(deps, topicId)).toMatchObject({ highWatermark: 2, logEndOffset: 2 })
    await sound(deps, topicId)
  })
})

describe('what an append sees besides', () => {
  test('an in-sync replica that lacks something for longer than ten seconds leaves the ISR', async () => {
    const { deps, topicId, second } = await partition()
    breakDown(deps, second, 'hangs')
    await produceOne(deps, batchOf(1), { acks: 1 })
    deps.clock.set(deps.clock.nowMs() + 9_900)
    await produceOne(deps, batchOf(1), { acks: 1 })
    expect((await storedHead(deps, topicId)).isr).toContain(second)
    deps.clock.set(deps.clock.nowMs() + 200)
    await produceOne(deps, batchOf(1), { acks: 1 })
    const head = await storedHead(deps, topicId)
    expect(head.isr).not.toContain(second)
    expect(head.highWatermark).toBe(3)
    await sound(deps, topicId)
  })

  test('replicas that lack something are looked after once in five seconds', async () => {
    const { deps, second } = await partition()
    breakDown(deps, second, 'hangs')
    for (let count = 0; count < 3; count += 1) await produceOne(deps, batchOf(1), { acks: 1 })
    expect(tasks(deps)).toEqual(['catchUp'])
    deps.clock.set(deps.clock.nowMs() + 5000)
    await produceOne(deps, batchOf(1), { acks: 1 })
    expect(tasks(deps)).toEqual(['catchUp', 'catchUp'])
  })

  test('a partition without leader wakes the controller once in five seconds', async () => {
    const { deps, topicId } = await partition()
    await changeHead(deps, topicId, { leader: undefined })
    for (let count = 0; count < 3; count += 1) {
      expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE' })
    }
    expect(tasks(deps)).toEqual(['controller'])
  })

  test('C17: what is stored of a producer is read again when the head is', async () => {
    const { deps, topicId, second } = await partition()
    breakDown(deps, second, 'hangs')
    deps.clock.duringNextSleep(async () => mend(deps))
    expect(await produceOne(deps, sequenced(0))).toMatchObject(done)
    expect(deps.documents.faults.calls.filter(isProducerRead)).toHaveLength(2)
    await sound(deps, topicId)
  })
})

describe('a full tail', () => {
  const full = async (minIsr: number) => {
    const made = await partition({ limits: { maxTailEntries: 4, pageEntries: 2 }, minIsr })
    const { deps, second } = made
    breakDown(deps, second, 'hangs')
    for (let count = 0; count < 4; count += 1) {
      expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject(done)
    }
    return made
  }

  test('that an in-sync replica holds is paged once that one left the ISR', async () => {
    const { deps, topicId, second } = await full(2)
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject({ ...done, baseOffset: 4 })
    const head = await storedHead(deps, topicId)
    expect(head.isr).not.toContain(second)
    expect(head.highWatermark).toBe(5)
    expect(Object.keys(head.tail)).toHaveLength(1)
    await sound(deps, topicId)
  })

  test('that one holds which must not leave is paged once that one was given what it lacks', async () => {
    const { deps, topicId, second } = await full(3)
    nodeUnder(deps, second).faults.always(({ method }) => (method === 'put' ? { fault: 'hangs' } : undefined))
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject({ ...done, baseOffset: 4 })
    const head = await storedHead(deps, topicId)
    expect(head).toMatchObject({ isr: head.replicas, highWatermark: 4, holeStart: { [second]: 4 } })
    await sound(deps, topicId)
  })

  test('that stays full takes nothing', async () => {
    const { deps, topicId, second } = await full(3)
    breakDown(deps, second, 'fails')
    expect(await produceOne(deps, batchOf(1), { acks: 1 })).toMatchObject({
      errorName: 'NOT_ENOUGH_REPLICAS',
      effect: 'none',
    })
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(4)
  })
})

test.each([
  { acks: 1, name: 'a follower that hangs', hangs: 'second' },
  { acks: -1, name: 'a follower that hangs', hangs: 'second' },
  { acks: 1, name: 'a leader that hangs', hangs: 'leader' },
] as const)('nothing is under way after the answer: acks=$acks, $name', async ({ acks, hangs }) => {
  const made = await partition()
  let underWay = 0
  const nodes = new Map(
    [...made.deps.nodes].map(([id, node]) => [
      id,
      {
        ...node,
        put: async (...call: Parameters<typeof node.put>) => {
          underWay += 1
          try {
            await node.put(...call)
          } finally {
            // What was aborted takes its time to end.
            for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
            underWay -= 1
          }
        },
      },
    ]),
  )
  made.deps.clock.turnsPerSleep(12)
  breakDown(made.deps, made[hangs], 'hangs')
  await produceOne({ ...made.deps, nodes }, batchOf(1), { acks })
  expect(underWay).toBe(0)
})

test('C1: a duplicate that an election takes back before it is looked for is no success, but appended anew', async () => {
  const { deps, topicId, leader, first, second } = await partition()
  breakDown(deps, first, 'fails')
  breakDown(deps, second, 'fails')
  expect(await produceOne(deps, sequenced(0), { acks: 1 })).toMatchObject({ ...done, baseOffset: 0 })
  mend(deps)
  const update = (plan: UpdatePlan) => deps.documents.store.update(headKey(topicId, 0), encodeHeadPlan(plan))
  const elect = async () => {
    const nowMs = deps.clock.nowMs()
    await update(fence(await storedHead(deps, topicId), nowMs))
    const fenced = await storedHead(deps, topicId)
    const isLive = (replica: string) => replica !== leader
    const election = planElection(fenced, { isLive, uncleanAllowed: false })
    if (election === undefined) throw new Error('nobody can be elected')
    await update(electLeader(fenced, election, [], nowMs))
    expect((await storedHead(deps, topicId)).logEndOffset).toBe(0)
  }
  deps.documents.faults.once(isHeadRead, runBefore(elect))
  expect(await produceOne(deps, sequenced(0))).toMatchObject({ ...done, baseOffset: 0 })
  expect(await storedHead(deps, topicId)).toMatchObject({ leaderEpoch: 1, highWatermark: 1 })
  await sound(deps, topicId)
})
