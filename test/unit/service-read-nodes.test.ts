import { describe, expect, test } from 'vitest'
import { nodeOf } from '../../shared/core/head.ts'
import type { StorageNode } from '../../shared/core/storage-node.ts'
import { reportFailure } from '../../shared/service/report-node.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { nodeKey, partitionPk } from '../../shared/store/keys.ts'
import { changeHead, isHeadRead, runBefore } from '../support/calls.ts'
import type { DocumentCall, ObjectCall, ObjectFault } from '../support/faulty-store.ts'
import { batchOf, createTopic, errorOf, fetchOne, produceOne, seen } from '../support/log-requests.ts'
import { storedHead } from '../support/partition-invariants.ts'
import { otherEnvironment, START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

/** One batch at offset 0; `order` are the nodes of its replicas, the leader's first. */
async function oneBatch() {
  const deps = await testDeps()
  const topicId = await createTopic(deps)
  await produceOne(deps, batchOf(1, { value: 'a' }))
  const { leader, replicas } = await storedHead(deps, topicId)
  expect(replicas[0]).toBe(leader)
  const [first = -1, second = -1, third = -1] = replicas.map(nodeOf)
  forgetCalls(deps)
  return { deps, topicId, first, second, third }
}

function forgetCalls(deps: TestDeps): void {
  deps.documents.faults.calls.length = 0
  for (const { faults } of deps.nodes.values()) faults.calls.length = 0
}

/** The nodes that were asked for an object, in no order. */
const asked = (deps: TestDeps): number[] =>
  [...deps.nodes.values()].flatMap(({ faults }) => faults.calls.filter(isGet).map(({ nodeId }) => nodeId))
const isGet = ({ method }: ObjectCall): boolean => method === 'get'
const isNodeList = ({ method, pk }: DocumentCall): boolean => method === 'list' && pk === 'CLUSTER'
const isNodeUpdate = ({ method, sk }: DocumentCall): boolean => method === 'update' && sk.startsWith('NODE#')
const getFails =
  (fault: 'fails' | 'missing' | 'corrupt' | 'short') =>
  (call: ObjectCall): ObjectFault | undefined =>
    isGet(call) ? { fault } : undefined

async function storedNode(deps: TestDeps, nodeId: number): Promise<StorageNode> {
  const item = await deps.documents.store.get(nodeKey(nodeId), 'strong')
  if (item === undefined) throw new Error(`no such node ${nodeId}`)
  return decodeNode(item)
}
const zoneOf = async (deps: TestDeps, nodeId: number) => (await storedNode(deps, nodeId)).zone

describe('a client that names its zone', () => {
  test('is given the copy there', async () => {
    const { deps, third } = await oneBatch()
    const rackId = await zoneOf(deps, third)
    expect(seen((await fetchOne(deps, 0, { rackId })).batches)).toMatchObject([{ value: 'a' }])
    expect(asked(deps)).toEqual([third])
  })

  test.each(['nowhere', ''])('or the leader’s, where there is none: %j', async (rackId) => {
    const { deps, first } = await oneBatch()
    await fetchOne(deps, 0, { rackId })
    expect(asked(deps)).toEqual([first])
  })

  test('or the leader’s, where the copy there is not so far', async () => {
    const { deps, topicId, first, third } = await oneBatch()
    await changeHead(deps, topicId, { holeStart: { [`${third}.1`]: 0 } })
    await fetchOne(deps, 0, { rackId: await zoneOf(deps, third) })
    expect(asked(deps)).toEqual([first])
  })

  test('costs one read of the nodes in ten seconds; one that names none costs none', async () => {
    const { deps, third } = await oneBatch()
    const rackId = await zoneOf(deps, third)
    const nodeLists = () => deps.documents.faults.calls.filter(isNodeList).length
    await fetchOne(deps, 0)
    await fetchOne(deps, 1, { rackId }) // nothing to read
    expect(nodeLists()).toBe(0)
    await Promise.all([0, 0, 0].map((offset) => fetchOne(deps, offset, { rackId })))
    deps.clock.set(START_MS + 9999)
    await fetchOne(deps, 0, { rackId })
    expect(nodeLists()).toBe(1)
    deps.clock.set(START_MS + 10_000)
    await fetchOne(deps, 0, { rackId })
    expect(nodeLists()).toBe(2)
  })

  test('is answered though the zones cannot be read', async () => {
    const { deps, first, third } = await oneBatch()
    const rackId = await zoneOf(deps, third)
    deps.documents.faults.once(isNodeList, { fault: 'throttled' })
    expect(errorOf(await fetchOne(deps, 0, { rackId }))).toBeUndefined()
    expect(asked(deps)).toEqual([first])
  })
})

describe('a storage node that fails', () => {
  test('is asked last for five seconds', async () => {
    const { deps, first, second } = await oneBatch()
    deps.nodes.get(first)?.faults.always(getFails('fails'))
    await fetchOne(deps, 0)
    expect(asked(deps).toSorted()).toEqual([first, second].toSorted())
    forgetCalls(deps)
    deps.clock.set(START_MS + 4999)
    await fetchOne(deps, 0)
    expect(asked(deps)).toEqual([second])
    forgetCalls(deps)
    deps.clock.set(START_MS + 5000)
    await fetchOne(deps, 0)
    expect(asked(deps).toSorted()).toEqual([first, second].toSorted())
  })

  test('is asked all the same when the others fail too', async () => {
    const { deps, first, second, third } = await oneBatch()
    deps.nodes.get(first)?.faults.always(getFails('fails'))
    await fetchOne(deps, 0)
    deps.nodes.get(first)?.faults.always(undefined)
    for (const nodeId of [second, third]) deps.nodes.get(nodeId)?.faults.always(getFails('fails'))
    expect(seen((await fetchOne(deps, 0)).batches)).toMatchObject([{ value: 'a' }])
  })

  test('is reported, and the controller woken, once in five seconds by each environment', async () => {
    const { deps, first, second } = await oneBatch()
    const other = otherEnvironment(deps)
    deps.nodes.get(first)?.faults.always(getFails('fails'))
    for (const { faults } of deps.nodes.values()) faults.once(isGet, { fault: 'fails' }) // all of them
    await fetchOne(deps, 0)
    await fetchOne(deps, 0)
    await fetchOne(other, 0)
    const reports = { [deps.environmentId]: START_MS, [other.environmentId]: START_MS }
    expect((await storedNode(deps, first)).reports).toEqual(reports)
    expect((await storedNode(deps, second)).reports).toEqual({ [deps.environmentId]: START_MS })
    expect(deps.triggered).toEqual(new Array(4).fill({ task: 'controller' }))
    expect(deps.documents.faults.calls.filter(isNodeUpdate)).toHaveLength(4)
    deps.clock.set(START_MS + 5000)
    await reportFailure(deps, first, 'it fails')
    expect((await storedNode(deps, first)).reports).toMatchObject({
      [deps.environmentId]: START_MS + 5000,
    })
  })

  test.each(['throttled', 'callLost'] as const)(
    'is read past though the report is %s: a line in the log, and the controller woken',
    async (fault) => {
      const { deps, first } = await oneBatch()
      deps.nodes.get(first)?.faults.always(getFails('fails'))
      deps.documents.faults.always((call) => (isNodeUpdate(call) ? { fault } : undefined))
      expect(errorOf(await fetchOne(deps, 0))).toBeUndefined()
      expect(deps.logged).toMatchObject([
        { level: 'warn', message: 'storage node is reported', fields: { node: first } },
        { level: 'warn', message: 'storage node could not be reported', fields: { node: first } },
      ])
      expect(deps.triggered).toEqual([{ task: 'controller' }])
    },
  )
})

describe('a copy that is not where it must be', () => {
  test.each(['missing', 'corrupt', 'short'] as const)('that is %s is reported as lost', async (fault) => {
    const { deps, topicId, first } = await oneBatch()
    deps.nodes.get(first)?.faults.always(getFails(fault))
    expect(seen((await fetchOne(deps, 0)).batches)).toMatchObject([{ value: 'a' }])
    expect((await storedNode(deps, first)).lost).toEqual({ [partitionPk(topicId, 0)]: 0 })
  })

  test('is reported as lost, once in five seconds, and its node asked last', async () => {
    const { deps, topicId, first, second } = await oneBatch()
    deps.nodes.get(first)?.faults.always(getFails('missing'))
    expect(seen((await fetchOne(deps, 0)).batches)).toMatchObject([{ value: 'a' }])
    expect((await storedNode(deps, first)).lost).toEqual({ [partitionPk(topicId, 0)]: 0 })
    expect(deps.triggered).toEqual([{ task: 'controller' }])
    forgetCalls(deps)
    await fetchOne(deps, 0)
    expect(asked(deps)).toEqual([second])
    expect(deps.logged.map(({ message }) => message)).toEqual(['storage node is reported'])
  })

  test.each([
    { name: 'it was sealed meanwhile', changes: () => ({ sealedEnd: 1 }) },
    { name: 'it was deleted meanwhile', changes: () => ({ logStartOffset: 1 }) },
    {
      name: 'the replica was given up meanwhile',
      changes: (first: number) => ({ holeStart: { [`${first}.1`]: 0 } }),
    },
  ])('is nothing to report when $name', async ({ changes }) => {
    const { deps, topicId, first } = await oneBatch()
    deps.nodes.get(first)?.faults.always(getFails('missing'))
    deps.documents.faults.once(
      isHeadRead,
      runBefore(async () => undefined),
    )
    deps.documents.faults.once(
      isHeadRead,
      runBefore(() => changeHead(deps, topicId, changes(first))),
    )
    expect(seen((await fetchOne(deps, 0)).batches)).toMatchObject([{ value: 'a' }])
    expect((await storedNode(deps, first)).lost).toEqual({})
    expect(deps.triggered).toEqual([])
  })

  test('is not reported when nobody has it: then the index is wrong, or all is lost', async () => {
    const { deps, first } = await oneBatch()
    for (const { faults } of deps.nodes.values()) faults.always(getFails('missing'))
    expect(errorOf(await fetchOne(deps, 0))).toBe('KAFKA_STORAGE_ERROR')
    expect((await storedNode(deps, first)).lost).toEqual({})
  })

  test('is read past though the head cannot be read again', async () => {
    const { deps, first } = await oneBatch()
    deps.nodes.get(first)?.faults.always(getFails('missing'))
    deps.documents.faults.once(
      isHeadRead,
      runBefore(async () => deps.documents.faults.once(isHeadRead, { fault: 'throttled' })),
    )
    expect(errorOf(await fetchOne(deps, 0))).toBeUndefined()
    expect(deps.triggered).toEqual([])
  })
})

test('a copy that is damaged on its way only is passed over, and says nothing of its node', async () => {
  const { deps, first } = await oneBatch()
  deps.nodes.get(first)?.faults.once(isGet, { fault: 'corrupt' })
  expect(errorOf(await fetchOne(deps, 0))).toBeUndefined()
  expect(deps.triggered).toEqual([])
  expect(deps.caches.failingUntilMs.size).toBe(0)
})
