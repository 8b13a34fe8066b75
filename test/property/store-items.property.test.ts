import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BatchReference, packReference, unpackReference } from '../../shared/core/batch-reference.ts'
import { type Head, newHead } from '../../shared/core/head.ts'
import { append } from '../../shared/core/head-commands.ts'
import { judgeSequence, packProducerState, producerKey } from '../../shared/core/producer-state.ts'
import { defaultTopicConfig, TOPIC_CONFIG_NAMES } from '../../shared/protocol/topic-configs.ts'
import {
  decodeCluster,
  decodeNode,
  encodeCluster,
  encodeNode,
} from '../../shared/store/items/cluster-item.ts'
import { decodeHead, encodeHead } from '../../shared/store/items/head-item.ts'
import { decodeNodeFaults, encodeNodeFaults } from '../../shared/store/items/node-faults-item.ts'
import { decodePage, encodePage } from '../../shared/store/items/page-item.ts'
import { decodeSpilledProducer, encodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { decodeTopic, encodeTopic } from '../../shared/store/items/topic-item.ts'
import { pageKey, pagesFrom, pagesUpTo } from '../../shared/store/keys.ts'
import { carriedOut, plannedBy } from '../support/heads.ts'

const stored = (item: object) => JSON.parse(JSON.stringify(item))

const offset = fc.maxSafeNat()
const sequence = fc.record({
  producerId: fc.maxSafeNat(),
  producerEpoch: fc.nat(32_767),
  baseSequence: fc.nat(2 ** 31 - 1),
})
const reference: fc.Arbitrary<BatchReference> = fc.record({
  objectId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  position: offset,
  length: offset,
  recordCount: offset,
  leaderEpoch: fc.nat(2 ** 31 - 1),
  maxTimestamp: fc.oneof(offset, fc.constant(-1)),
  sequence: fc.option(sequence, { nil: undefined }),
})
const replica = fc
  .tuple(fc.nat(50), fc.integer({ min: 1, max: 99 }))
  .map(([node, incarnation]) => `${node}.${incarnation}`)
const byReplica = fc.dictionary(replica, offset, { noNullPrototype: true })
const byProducer = fc.dictionary(fc.maxSafeNat().map(producerKey), offset, { noNullPrototype: true })
const entries = fc.dictionary(reference.map(packReference), offset, { noNullPrototype: true, maxKeys: 4 })
const anyHead: fc.Arbitrary<Head> = fc.record({
  leader: fc.option(replica, { nil: undefined }),
  leaderEpoch: offset,
  partitionEpoch: offset,
  controllerEpoch: offset,
  replicas: fc.array(replica),
  isr: fc.array(replica),
  joining: fc.array(replica),
  minIsr: fc.nat(9),
  logStartOffset: offset,
  logEndOffset: offset,
  highWatermark: offset,
  sealedEnd: offset,
  walFloor: fc.string(),
  holeStart: byReplica,
  holeEnd: byReplica,
  holeSince: byReplica,
  lineage: fc.dictionary(fc.nat(99).map(String), offset, { noNullPrototype: true }),
  tail: entries,
  producers: byProducer,
  producerOffsets: byProducer,
  openTransactions: byProducer,
  openEpochs: byProducer,
  maxEvictedOffset: fc.oneof(offset, fc.constant(-1)),
  dueShard: fc.nat(3),
  dueAtMs: fc.option(offset, { nil: undefined }),
})

test('a batch reference comes back as it was packed, and no two are packed alike', () => {
  fc.assert(
    fc.property(reference, reference, (one, other) => {
      expect(unpackReference(packReference(one))).toEqual(one)
      expect(packReference(one) === packReference(other)).toBe(sameReference(one, other))
    }),
    { numRuns: 300 },
  )
})

test('a head comes back from its item', () => {
  fc.assert(
    fc.property(anyHead, (head) => {
      expect(decodeHead(stored(encodeHead(head)))).toEqual(head)
    }),
    {
      numRuns: 200,
    },
  )
})

test('a page, a producer, a topic, a node and the cluster come back from their items', () => {
  const page = fc.record({ entries, endOffset: offset })
  const producer = fc.record({
    state: fc.record({ producerEpoch: fc.nat(32_767), nextSequence: fc.nat(2 ** 31 - 1) }),
    lastBaseOffset: offset,
    leaderEpoch: fc.nat(),
    spilledAtMs: offset,
  })
  const configs = fc
    .subarray([...TOPIC_CONFIG_NAMES])
    .map((names) => Object.fromEntries(names.map((name) => [name, defaultTopicConfig(name)])))
  const topic = fc.record({
    name: fc.string(),
    topicId: fc.string(),
    partitionCount: fc.nat(1000),
    replicationFactor: fc.nat(9),
    startIndex: fc.nat(9),
    configs,
  })
  const node = fc.record({
    zone: fc.string(),
    state: fc.constantFrom('UP' as const, 'DOWN' as const, 'RECOVERING' as const),
    incarnation: fc.integer({ min: 1, max: 99 }),
    incarnationId: fc.string(),
    nodeEpoch: offset,
    controllerEpoch: fc.nat(),
    holdDownUntilMs: offset,
    holdDownMs: offset,
    wentDownAtMs: offset,
    lost: fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => name !== '__proto__'),
      offset,
      { noNullPrototype: true },
    ),
    walkedTo: fc.option(fc.string(), { nil: undefined }),
    reports: fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => name !== '__proto__'),
      offset,
      {
        noNullPrototype: true,
      },
    ),
  })
  fc.assert(
    fc.property(page, producer, topic, node, fc.nat(99), (page, producer, topic, node, version) => {
      expect(decodePage(stored(encodePage(page)))).toEqual(page)
      const item = stored({ ...encodeSpilledProducer(producer), ver: version })
      expect(decodeSpilledProducer(item)).toEqual({ ...producer, version })
      const topicItem = stored({ ...encodeTopic(topic), ver: version })
      expect(decodeTopic(topic.name, topicItem)).toEqual({ ...topic, version })
      const { topicId } = topic
      expect(decodeNode(stored(encodeNode(node)))).toEqual(node)
      expect(decodeCluster(stored(encodeCluster({ clusterId: topicId })))).toEqual({ clusterId: topicId })
    }),
    { numRuns: 100 },
  )
})

test('faults of storage nodes survive their item', () => {
  const someFaults = fc.dictionary(
    fc.nat(99).map(String),
    fc.constantFrom('fail' as const, 'hang' as const),
    {
      noNullPrototype: true,
    },
  )
  fc.assert(
    fc.property(someFaults, fc.nat(), (faults, version) => {
      const item = stored({ ...encodeNodeFaults(faults), ver: version })
      expect(decodeNodeFaults(item)).toEqual({ faults, version })
    }),
  )
})

test('pages sort by offset, and a range of their keys holds those that begin within it', () => {
  const start = fc.record({ baseOffset: offset, leaderEpoch: fc.nat(2 ** 31 - 1) })
  fc.assert(
    fc.property(start, offset, (page, at) => {
      const { sk } = pageKey('P', page)
      const { from, to } = pagesUpTo(at)
      expect(from <= sk && sk <= to).toBe(page.baseOffset <= at)
      const above = pagesFrom(at)
      expect(above.from <= sk && sk <= above.to).toBe(page.baseOffset >= at)
    }),
    { numRuns: 300 },
  )
})

test('an append takes a sequence exactly when the head’s own judgement is that it is next', () => {
  const near = fc.record({
    producerEpoch: fc.nat(3),
    nextSequence: fc.oneof(
      fc.nat(3),
      fc.nat(3).map((n) => 2 ** 31 - 1 - n),
    ),
  })
  fc.assert(
    fc.property(
      near,
      near,
      fc.integer({ min: 1, max: 3 }),
      (state, { producerEpoch, nextSequence }, recordCount) => {
        const batch = { producerId: 7, producerEpoch, baseSequence: nextSequence }
        const head: Head = {
          ...newHead({ replicas: ['0.1'], minIsr: 1, walFloor: '', dueShard: 0 }),
          producers: { [producerKey(7)]: packProducerState(state) },
        }
        const isTaken =
          carriedOut(head, append(plannedBy(head, { sequence: batch, recordCount }))) !== undefined
        expect(isTaken).toBe(judgeSequence(state, batch, recordCount) === 'next')
      },
    ),
    { numRuns: 500 },
  )
})

function sameReference(one: BatchReference, other: BatchReference): boolean {
  return (
    JSON.stringify({ ...one, objectId: [...one.objectId] }) ===
    JSON.stringify({ ...other, objectId: [...other.objectId] })
  )
}
