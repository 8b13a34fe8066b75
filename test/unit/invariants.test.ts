import { describe, expect, test } from 'vitest'
import { packReference } from '../../shared/core/batch-reference.ts'
import { type ControllerLease, LEASE_MS } from '../../shared/core/controller-lease.ts'
import { type Head, newHead } from '../../shared/core/head.ts'
import { packProducerState } from '../../shared/core/producer-state.ts'
import { newStorageNode, type StorageNode } from '../../shared/core/storage-node.ts'
import { set, type UpdatePlan } from '../../shared/core/update-plan.ts'
import { memoryObjectStore } from '../../shared/embedded/memory-object-store.ts'
import type { Key } from '../../shared/store/document-store.ts'
import { encodeLease, encodeNode } from '../../shared/store/items/cluster-item.ts'
import { encodeHead, encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { encodeLoss } from '../../shared/store/items/loss-item.ts'
import { encodePage } from '../../shared/store/items/page-item.ts'
import { encodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { encodeTopic } from '../../shared/store/items/topic-item.ts'
import {
  CONTROLLER,
  headKey,
  lossKey,
  nodeKey,
  pageKey,
  partitionPk,
  producerStateKey,
  topicKey,
} from '../../shared/store/keys.ts'
import type { Cluster } from '../sim/cluster.ts'
import { watchInvariants } from '../sim/invariants.ts'
import { memoryDocuments } from '../sim/memory-documents.ts'

const TOPIC = 'topic'
const HEAD = headKey(TOPIC, 0)
const PK = partitionPk(TOPIC, 0)
const MADE = newHead({ replicas: ['0.1', '1.1', '2.1'], minIsr: 2, walFloor: '', dueShard: 0 })

/** A batch's entry in the tail; each has an object of its own. */
let objects = 0
function entry(
  baseOffset: number,
  more: { leaderEpoch?: number; sequence?: number } = {},
): Record<string, number> {
  objects += 1
  const objectId = new Uint8Array(16).fill(objects)
  const { leaderEpoch = 0, sequence } = more
  const producer =
    sequence === undefined ? undefined : { producerId: 7, producerEpoch: 0, baseSequence: sequence }
  const reference = {
    objectId,
    position: 0,
    length: 1,
    recordCount: 1,
    leaderEpoch,
    maxTimestamp: 0,
    sequence: producer,
  }
  return { [packReference(reference)]: baseOffset }
}

/** Writes of documents, watched from the first one of the partition on. */
function watched({ unclean = false }: { unclean?: boolean } = {}) {
  const documents = memoryDocuments()
  const buckets = new Map()
  const nodes = new Map([0, 1, 2].map((nodeId) => [nodeId, memoryObjectStore(buckets, `node-${nodeId}`)]))
  const cluster = {
    documents,
    nodes,
    configuration: { unclean },
    count: () => undefined,
  } as unknown as Cluster
  const said: string[] = []
  watchInvariants(cluster, (broken) => said.push(broken))
  const write = async (key: Key, item: ReturnType<typeof encodeHead>, plan?: UpdatePlan) => {
    const before = documents.peek(key)
    await documents.put(key, item, before === undefined ? 'absent' : Number(before.ver))
    cluster.onWrite(key, before, documents.peek(key), plan)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    said,
    write,
    head: (head: Partial<Head>, plan?: UpdatePlan) => write(HEAD, encodeHead({ ...MADE, ...head }), plan),
    putNode: async (nodeId: number, node: Partial<StorageNode> = {}) => {
      const stored = { ...newStorageNode({ zone: 'z', incarnationId: `i${nodeId}` }), ...node }
      await nodes
        .get(nodeId)
        ?.put('incarnation', [new TextEncoder().encode(stored.incarnationId)], new AbortController().signal)
      await write(nodeKey(nodeId), encodeNode(stored))
    },
  }
}

interface Case {
  readonly broken: string
  readonly before?: Partial<Head>
  readonly after: Partial<Head>
  readonly plan?: UpdatePlan
  readonly unclean?: boolean
}

const ten = { logEndOffset: 10, highWatermark: 10 }
const fenced = { leader: undefined, leaderEpoch: 1, dueAtMs: 1 }
const electedAt = (offset: number): Partial<Head> => ({
  leader: '0.1',
  leaderEpoch: 1,
  partitionEpoch: 1,
  lineage: { 0: 0, 1: offset },
  logEndOffset: offset,
  highWatermark: offset,
  dueAtMs: 1,
})
const lacking = (replica: string, from: number, to?: number): Partial<Head> => ({
  holeStart: { [replica]: from },
  holeEnd: to === undefined ? {} : { [replica]: to },
  holeSince: { [replica]: 1 },
  dueAtMs: 1,
})

describe('a write of a head is found broken', () => {
  test.each<Case>([
    { broken: 'I4: the leader is not in the ISR', after: { isr: ['1.1', '2.1'], partitionEpoch: 1 } },
    { broken: 'I4: the leader has a hole', after: lacking('0.1', 0, 1) },
    { broken: 'I14: the high watermark is beyond the log end', after: { highWatermark: 1 } },
    { broken: 'I14: the high watermark is 9', after: { ...ten, highWatermark: 9 } },
    {
      broken: 'a joining replica lacks nothing',
      after: { joining: ['2.1'], isr: ['0.1', '1.1'], partitionEpoch: 1 },
    },
    { broken: 'outside without a hole', after: { isr: ['0.1', '1.1'], partitionEpoch: 1 } },
    { broken: 'inside with a hole that grows', after: lacking('1.1', 0) },
    { broken: 'a hole begins beyond the log', after: lacking('1.1', 1, 2) },
    { broken: 'nothing is due', after: { ...lacking('1.1', 0, 0), dueAtMs: undefined } },
    { broken: 'I1: a batch ends at 1', after: { ...ten, tail: entry(0) } },
    {
      broken: 'the tail has entries that the lineage refutes',
      after: { tail: entry(0, { leaderEpoch: 4 }) },
    },
    {
      broken: 'a later epoch of the lineage begins earlier',
      after: { ...ten, leaderEpoch: 1, lineage: { 0: 8, 1: 7 } },
    },
    { broken: 'the lineage goes beyond', after: { leaderEpoch: 1, lineage: { 0: 0, 1: 7 } } },
    { broken: "I3: the leader's epoch is 1", after: { leaderEpoch: 1 } },
    { broken: 'I3: partitionEpoch fell', before: { partitionEpoch: 2 }, after: { partitionEpoch: 1 } },
    { broken: 'I3: walFloor fell', before: { walFloor: 'B' }, after: { walFloor: 'A' } },
    { broken: 'another leader in leader epoch 0', after: { leader: '1.1' } },
    { broken: 'other members in partition epoch 0', after: { minIsr: 1 } },
    { broken: 'the log grew without a leader', before: fenced, after: { ...fenced, ...ten } },
    { broken: 'the log got shorter without an election', before: ten, after: { ...ten, logEndOffset: 9 } },
    {
      broken: 'I5: the high watermark moved while too few were in sync',
      before: { ...ten, highWatermark: 8, minIsr: 3, ...lacking('2.1', 8), isr: ['0.1', '1.1'] },
      after: { ...ten, highWatermark: 9, minIsr: 3, ...lacking('2.1', 8), isr: ['0.1', '1.1'] },
    },
    {
      broken: 'I14: the high watermark went to 9',
      before: { ...ten, highWatermark: 8, ...lacking('1.1', 8, 10) },
      after: { ...ten, highWatermark: 9, ...lacking('1.1', 8, 10) },
    },
    {
      broken: 'I3: the high watermark fell without an election',
      before: ten,
      after: { ...ten, highWatermark: 9 },
    },
    {
      broken: 'I6: an election took what readers counted on',
      before: { ...fenced, ...ten },
      after: electedAt(9),
    },
    {
      broken: 'I3: an unclean election is not recorded',
      before: { ...fenced, ...ten, ...lacking('0.1', 9) },
      after: electedAt(9),
      unclean: true,
    },
    {
      broken: "I6: the winner's log ends at 10",
      before: { ...fenced, ...ten },
      after: electedAt(9),
      unclean: true,
    },
    {
      broken: 'I6: an election brought 2.1 into the ISR',
      before: { ...fenced, ...ten, ...lacking('2.1', 10), isr: ['0.1', '1.1'] },
      after: electedAt(10),
    },
    {
      broken: 'I3: lineage {"0":0} became {"1":0}',
      before: { ...ten },
      after: { ...ten, leaderEpoch: 1, lineage: { 1: 0 } },
    },
    {
      broken: 'entered the ISR with a hole',
      before: { ...ten, ...lacking('2.1', 9), isr: ['0.1', '1.1'] },
      after: { ...ten, ...lacking('2.1', 9, 10), partitionEpoch: 1 },
    },
    {
      broken: 'H5: a handler brought the ISR below min ISR',
      after: { ...lacking('1.1', 0), isr: ['0.1'], partitionEpoch: 1 },
      plan: { checks: [], changes: [set(['isr'], ['0.1'])] },
    },
  ])('$broken', async ({ broken, before = {}, after, plan, unclean = false }) => {
    const { said, head } = watched({ unclean })
    await head({})
    await head(before)
    said.length = 0
    await head(after, plan === undefined ? undefined : encodeHeadPlan(plan))
    expect(said).toContainEqual(expect.stringContaining(broken))
  })

  test('H19: what is left to do is put off for a day', async () => {
    const { said, write, head } = watched()
    const topic = {
      name: 'log',
      topicId: TOPIC,
      partitionCount: 1,
      replicationFactor: 3,
      startIndex: 0,
      configs: {},
    }
    await write(topicKey('log'), encodeTopic(topic))
    await head({})
    await head(lacking('1.1', 0, 0))
    said.length = 0
    await head({ ...lacking('1.1', 0, 0), dueAtMs: 86_400_000 })
    expect(said).toContainEqual(expect.stringContaining('H19'))
  })

  test('nothing, where all is well: an append, a fence and an election', async () => {
    const { said, head } = watched()
    const tail = entry(0)
    await head({})
    await head({ tail, logEndOffset: 1, highWatermark: 1 })
    await head({ tail, logEndOffset: 1, highWatermark: 1, ...fenced })
    await head({ ...electedAt(1), tail })
    await head({ ...electedAt(1), ...lacking('1.1', 1), isr: ['0.1', '2.1'], partitionEpoch: 2, tail })
    expect(said).toEqual([])
  })

  test('nothing, where the controller shrinks the ISR, or an unclean election is recorded', async () => {
    const { said, head, write } = watched({ unclean: true })
    await head({})
    const holes = { holeStart: { '1.1': 0, '2.1': 0 }, holeSince: { '1.1': 1, '2.1': 1 } }
    const below = { ...holes, isr: ['0.1'], dueAtMs: 1 }
    const plan = { checks: [], changes: [set(['isr'], ['0.1']), set(['controllerEpoch'], 1)] }
    await head({ ...below, controllerEpoch: 1, partitionEpoch: 1 }, encodeHeadPlan(plan))
    expect(said).toEqual([])
    await head({ ...fenced, ...below, ...ten, controllerEpoch: 1, partitionEpoch: 1 })
    said.length = 0
    const loss = {
      fromOffset: 0,
      toOffset: 10,
      committedTo: 10,
      leader: '1.1',
      reason: '',
      atMs: 0,
      controllerEpoch: 1,
    }
    await write(lossKey(PK, 1), encodeLoss(loss))
    const won = {
      ...electedAt(0),
      leader: '1.1',
      isr: ['1.1'],
      lineage: { 1: 0 },
      controllerEpoch: 1,
      partitionEpoch: 2,
    }
    const others = { holeStart: { '0.1': 0, '2.1': 0 }, holeSince: { '0.1': 1, '2.1': 1 } }
    await head({ ...won, ...others })
    expect(said).toEqual([])
  })
})

describe('the log of a partition', () => {
  const producers = (nextSequence: number) => ({
    producers: { 7: packProducerState({ producerEpoch: 0, nextSequence }) },
    producerOffsets: { 7: nextSequence - 1 },
  })
  const first = entry(0, { sequence: 0 })
  const one = { tail: first, logEndOffset: 1, highWatermark: 1, ...producers(1) }
  const spilled = (lastBaseOffset: number, nextSequence: number) =>
    encodeSpilledProducer({
      state: { producerEpoch: 0, nextSequence },
      lastBaseOffset,
      leaderEpoch: 0,
      spilledAtMs: 0,
    })
  const PID = producerStateKey(PK, '7')
  const PAGE = pageKey(PK, { baseOffset: 0, leaderEpoch: 0 })

  test('I7: a batch that repeats the one before is found', async () => {
    const { said, head } = watched()
    await head({})
    await head(one)
    await head({
      ...one,
      tail: { ...first, ...entry(1, { sequence: 0 }) },
      logEndOffset: 2,
      highWatermark: 2,
    })
    expect(said).toContainEqual(expect.stringContaining('I7: a batch of sequence 0 was appended'))
  })

  test('I7: a producer that is to go on elsewhere than after its last batch is found', async () => {
    const { said, head } = watched()
    await head({})
    await head({ ...one, ...producers(2) })
    expect(said).toContainEqual(expect.stringContaining('I7: producer 7 is to go on with 2'))
  })

  test('I7: what goes on after a batch that an unclean election took is found', async () => {
    const { said, head } = watched({ unclean: true })
    await head({})
    await head(one)
    const lost = { ...electedAt(0), lineage: { 1: 0 } }
    await head({ ...one, ...fenced })
    await head(lost)
    said.length = 0
    const next = { ...lost, logEndOffset: 1, highWatermark: 1 }
    await head({ ...next, tail: entry(0, { leaderEpoch: 1, sequence: 1 }), ...producers(2) })
    expect(said).toEqual([
      expect.stringContaining('I7: a batch of sequence 1 was appended, producer 7 expected 0'),
    ])
    said.length = 0
    const fencedAgain = { ...lost, leader: undefined, leaderEpoch: 2, ...producers(2), logEndOffset: 1 }
    await head({ ...fencedAgain, highWatermark: 1 })
    await head({ ...electedAt(0), leaderEpoch: 2, partitionEpoch: 2, lineage: { 2: 0 }, ...producers(1) })
    expect(said).toContainEqual(expect.stringContaining('I7: producer 7 is to go on with 1'))
  })

  test('I1: what left the tail and is in no page is found, and what is in one is not', async () => {
    const { said, head, write } = watched()
    await head({})
    await head(one)
    await head({ ...one, tail: {} })
    expect(said).toEqual([expect.stringContaining('I1: offset 0 left the tail, and no page has it')])
    said.length = 0
    await head(one)
    await write(PAGE, encodePage({ entries: first, endOffset: 1 }))
    said.length = 0
    await head({ ...one, tail: {} })
    expect(said).toEqual([])
  })

  test('C6: a page that is written over is found', async () => {
    const { said, head, write } = watched()
    await head({})
    await write(PAGE, encodePage({ entries: first, endOffset: 1 }))
    await write(PAGE, encodePage({ entries: {}, endOffset: 0 }))
    expect(said).toContainEqual(expect.stringContaining('C6: a page was written over'))
  })

  test('C5: who leaves the head and is not stored as it was is found', async () => {
    const { said, head, write } = watched()
    const two = { ...one, tail: { ...first, ...entry(1) }, logEndOffset: 2, highWatermark: 2 }
    await head({})
    await head(one)
    await head(two)
    await head({ ...two, producers: {}, producerOffsets: {} })
    expect(said).toEqual([
      expect.stringContaining('C5: producer 7 left the head as 1, it is stored as undefined'),
    ])
    await head(two)
    await write(PID, spilled(0, 1))
    said.length = 0
    await head({ ...two, producers: {}, producerOffsets: {} })
    expect(said).toEqual([])
  })

  test('C5: what is stored of a producer and falls is found', async () => {
    const { said, head, write } = watched()
    await head({})
    await write(PID, spilled(3, 4))
    await write(PID, spilled(0, 1))
    expect(said).toContainEqual(expect.stringContaining('C5: what is stored of a producer fell'))
  })

  test('I15: a replica that counts for what it has not is found, and one whose bucket is another one is not', async () => {
    const { said, head, putNode } = watched()
    await putNode(0)
    await putNode(1, { incarnation: 2, incarnationId: 'other' })
    await head({})
    await head({ tail: entry(0), logEndOffset: 1, highWatermark: 1 })
    expect(said).toEqual([expect.stringContaining('I15: 0.1 is said to have offset 0, and lacks it')])
  })
})

describe('the cluster', () => {
  const lease = (more: Partial<ControllerLease>) =>
    encodeLease({ holder: 'a', controllerEpoch: 1, expiresAtMs: 5000, ...more })

  test.each([
    { broken: 'the controller epoch of the lease fell', after: { controllerEpoch: 0 } },
    { broken: 'two holders of one controller epoch', after: { holder: 'b' } },
    {
      broken: 'the lease was taken before it was over',
      after: { controllerEpoch: 2, expiresAtMs: 4999 + LEASE_MS },
    },
  ])('$broken', async ({ broken, after }) => {
    const { said, write } = watched()
    await write(CONTROLLER, lease({}))
    await write(CONTROLLER, lease(after))
    expect(said).toEqual([expect.stringContaining(broken)])
  })

  test('a lease that is over is taken', async () => {
    const { said, write } = watched()
    await write(CONTROLLER, lease({}))
    await write(CONTROLLER, lease({ holder: 'b', controllerEpoch: 2, expiresAtMs: 5000 + LEASE_MS }))
    expect(said).toEqual([])
  })

  test.each([
    { broken: 'I3: nodeEpoch of a node fell', before: { nodeEpoch: 2 }, after: { nodeEpoch: 1 } },
    {
      broken: 'I3: controllerEpoch of a node fell',
      before: { controllerEpoch: 2 },
      after: { controllerEpoch: 1 },
    },
    { broken: 'a node changed within node epoch 0', before: {}, after: { state: 'DOWN' } as const },
  ])('$broken', async ({ broken, before, after }) => {
    const { said, putNode } = watched()
    await putNode(1, before)
    await putNode(1, { ...before, ...after })
    expect(said).toEqual([expect.stringContaining(broken)])
  })

  test('a node is UP, and a head does not know of its bucket', async () => {
    const { said, write, head, putNode } = watched()
    const topic = {
      name: 'log',
      topicId: TOPIC,
      partitionCount: 1,
      replicationFactor: 3,
      startIndex: 0,
      configs: {},
    }
    await putNode(1)
    await write(topicKey('log'), encodeTopic(topic))
    await head({})
    const recovering = { incarnation: 2, incarnationId: 'other', nodeEpoch: 1, state: 'RECOVERING' } as const
    await putNode(1, recovering)
    await putNode(1, { ...recovering, nodeEpoch: 2, state: 'UP' })
    expect(said).toEqual([expect.stringContaining('§5: 1.2 is UP')])
  })
})
