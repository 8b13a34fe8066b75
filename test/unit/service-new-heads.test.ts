import { describe, expect, test } from 'vitest'
import type { Head } from '../../shared/core/head.ts'
import { nodeLostData, nodeWentDown } from '../../shared/core/storage-node.ts'
import { metadataRequest } from '../../shared/protocol/api/metadata.ts'
import { createTopicsRequest } from '../../shared/protocol/api/topics.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { controllerTick, runController } from '../../shared/service/controller.ts'
import { createTopics } from '../../shared/service/create-topics.ts'
import { describeCluster } from '../../shared/service/describe-cluster.ts'
import { metadata } from '../../shared/service/metadata.ts'
import { encodeLease } from '../../shared/store/items/cluster-item.ts'
import { CONTROLLER, topicKey } from '../../shared/store/keys.ts'
import { isTopicCounted, runBefore } from '../support/calls.ts'
import { changeNode } from '../support/change-node.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import { batchOf, createTopic, produceOne, TOPIC } from '../support/log-requests.ts'
import { asTimePasses, nodeTroubles } from '../support/node-troubles.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

/** When a controller looks at a head that is put at the start. */
const SOON_MS = START_MS + LIMITS.newHeadDueMs

const isHeadDeletion = ({ method, sk }: DocumentCall) => method === 'delete' && sk === 'HEAD'
const goDown = (deps: TestDeps, nodeId: number) =>
  changeNode(deps, nodeId, (node) => nodeWentDown(node, 1, START_MS))
const loseData = (deps: TestDeps, nodeId: number) =>
  changeNode(deps, nodeId, (node) => nodeLostData(node, 1, 'another'))

/** The heads of a topic of three partitions: each replica is first in one of them. */
async function created(deps: TestDeps): Promise<readonly Head[]> {
  const topicId = await createTopic(deps, TOPIC, { partitions: 3 })
  return Promise.all([0, 1, 2].map((partitionIndex) => storedHead(deps, topicId, partitionIndex)))
}

describe('a topic that is made while a storage node is', () => {
  test.each([
    { name: 'down', change: goDown, replica: '1.1' },
    { name: 'recovering', change: loseData, replica: '1.2' },
  ])('$name leaves it out of the ISR, and is due soon', async ({ change, replica }) => {
    const deps = await testDeps()
    await change(deps, 1)
    for (const head of await created(deps)) {
      expect([...head.replicas].sort()).toEqual(['0.1', replica, '2.1'].sort())
      expect(head.isr).toEqual(head.replicas.filter((other) => other !== replica))
      expect(head.leader).toBe(head.isr[0])
      expect(head.holeStart).toEqual({ [replica]: 0 })
      expect(head.holeSince).toEqual({ [replica]: START_MS })
      expect(head.dueAtMs).toBe(SOON_MS)
    }
    expect(await produceOne(deps, batchOf(1), { partitionIndex: 1 })).toMatchObject({ baseOffset: 0 })
    expect(deps.nodes.get(1)?.faults.calls.filter(({ method }) => method === 'put')).toEqual([])
  })

  test('down with all others has no leader yet, and any of them can become one', async () => {
    const deps = await testDeps()
    for (const nodeId of [0, 1, 2]) await goDown(deps, nodeId)
    for (const head of await created(deps)) {
      expect(head.leader).toBeUndefined()
      expect(head.isr).toEqual(head.replicas)
      expect(head.dueAtMs).toBe(SOON_MS)
    }
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE' })
  })

  test('up costs two reads of the nodes, and is due soon', async () => {
    const deps = await testDeps()
    for (const head of await created(deps)) expect(head.dueAtMs).toBe(SOON_MS)
    expect(deps.documents.faults.calls.filter(({ method }) => method === 'list')).toHaveLength(2)
    expect(deps.triggered).toEqual([])
  })
})

describe('a storage node that gets another bucket before the topic exists', () => {
  const create = (deps: TestDeps) =>
    createTopics(deps, createTopicsRequest.parse({ topics: [{ name: TOPIC, numPartitions: 3 }] }))

  test('keeps it from existing: no walk would tell its heads', async () => {
    const deps = await testDeps()
    deps.documents.faults.once(
      isTopicCounted,
      runBefore(() => loseData(deps, 1)),
    )
    const { topics } = await create(deps)
    expect(topics).toMatchObject([{ errorName: 'KAFKA_STORAGE_ERROR', retriable: true, effect: 'none' }])
    expect(deps.documents.faults.calls.filter(isHeadDeletion)).toHaveLength(3)
    expect((await create(deps)).topics).toMatchObject([{ errorCode: 0 }])
    expect(await produceOne(deps, batchOf(1))).toMatchObject({ baseOffset: 0 })
  })

  test('keeps a name from being taken that arrives late', async () => {
    const deps = await testDeps()
    deps.documents.faults.once(isTopicCounted, { fault: 'appliedLater', calls: 3 })
    expect((await create(deps)).topics).toMatchObject([{ errorName: 'REQUEST_TIMED_OUT' }])
    await loseData(deps, 1)
    for (let calls = 0; calls < 5; calls += 1) await deps.documents.get(topicKey(TOPIC), 'strong')
    expect(await deps.documents.store.get(topicKey(TOPIC), 'strong')).toBeUndefined()
  })
})

describe('a storage node that changes before the topic exists', () => {
  test('was told to no head of it: all are due now, and the controller is told', async () => {
    const deps = await testDeps()
    deps.documents.faults.once(
      isTopicCounted,
      runBefore(() => goDown(deps, 2)),
    )
    for (const head of await created(deps)) {
      expect(head.isr).toHaveLength(3)
      expect(head.dueAtMs).toBe(START_MS)
    }
    expect(deps.triggered).toEqual([{ task: 'controller' }])
  })

  test('and cannot be read then, is left to the controller; the topic is there', async () => {
    const deps = await testDeps()
    deps.documents.faults.once(
      isTopicCounted,
      runBefore(async () => {
        deps.documents.faults.once(({ method }) => method === 'list', { fault: 'throttled' })
      }),
    )
    await created(deps)
    expect(deps.triggered).toEqual([{ task: 'controller' }])
    expect(deps.logged).toMatchObject([
      { level: 'warn', fields: { topic: TOPIC, errorName: 'KAFKA_STORAGE_ERROR' } },
    ])
  })

  test('is found out though who made it dies: each new head is looked at', async () => {
    const deps = await testDeps({ configs: { 'min.insync.replicas': '2' } })
    const others = otherEnvironment(deps)
    deps.documents.faults.once(
      isTopicCounted,
      runBefore(async () => {
        nodeTroubles(deps).set(2, 'fails')
        await asTimePasses(deps, runController(others))
        deps.documents.faults.once(({ method }) => method === 'list', { fault: 'throttled' })
      }),
    )
    const led = (await created(deps)).findIndex(({ leader }) => leader === '2.1')
    expect(deps.triggered.splice(0)).toHaveLength(1)
    deps.clock.set(deps.clock.nowMs() + SOON_MS - START_MS)
    await asTimePasses(deps, controllerTick(others))
    expect(await produceOne(deps, batchOf(1), { partitionIndex: led })).toMatchObject({ baseOffset: 0 })
  })

  test('and cannot be read at all, keeps the topic from being made: no head is put', async () => {
    const deps = await testDeps()
    deps.documents.faults.once(({ method }) => method === 'list', { fault: 'throttled' })
    const wanted = { name: TOPIC, numPartitions: 3, replicationFactor: -1, assignments: [], configs: [] }
    const { topics } = await createTopics(deps, { topics: [wanted], validateOnly: false })
    expect(topics).toMatchObject([{ errorName: 'KAFKA_STORAGE_ERROR', effect: 'none' }])
    expect(deps.documents.faults.calls.filter(({ method }) => method === 'put')).toEqual([])
  })
})

describe('metadata and describe-cluster', () => {
  test('replicas are offline whose node is not up, or has another bucket', async () => {
    const deps = await testDeps({ nodes: 4 })
    await createTopic(deps, TOPIC, { partitions: 1 })
    const offline = async () => {
      const { topics } = await metadata(deps, metadataRequest.parse({ topics: [{ name: TOPIC }] }))
      const [partition] = topics[0]?.partitions ?? []
      return [partition?.replicaNodes, partition?.offlineReplicas]
    }
    const [replicas] = await offline()
    const [first = -1, second = -1, third = -1] = replicas ?? []
    expect(await offline()).toEqual([replicas, []])
    await goDown(deps, second)
    expect(await offline()).toEqual([replicas, [second]])
    await loseData(deps, third)
    expect(await offline()).toEqual([replicas, [second, third]])
    await goDown(deps, first)
    expect(await offline()).toEqual([replicas, [first, second, third]])
  })

  test('the controller is none before there was one, then its last holder', async () => {
    const deps = await testDeps()
    expect(await describeCluster(deps)).toMatchObject({ controller: null })
    const lease = { holder: 'environment-7', controllerEpoch: 3, expiresAtMs: START_MS }
    await deps.documents.store.put(CONTROLLER, encodeLease(lease), 'absent')
    await goDown(deps, 1)
    expect(await describeCluster(deps)).toMatchObject({
      controller: { holder: 'environment-7', epoch: 3, expiresAtMs: START_MS },
      nodes: [
        { nodeId: 0, state: 'UP', incarnation: 1, nodeEpoch: 0 },
        { nodeId: 1, state: 'DOWN', incarnation: 1, nodeEpoch: 1, holdDownUntilMs: START_MS + 10_000 },
        { nodeId: 2, state: 'UP' },
      ],
    })
  })
})
