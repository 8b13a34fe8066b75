import { afterEach, beforeEach, expect, test } from 'vitest'
import { randomBytes, systemClock } from '../../functions/system.ts'
import { type EmbeddedStores, openInMemory } from '../../shared/embedded/data-directory.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { bootCluster, findCluster } from '../../shared/service/boot-cluster.ts'
import { decodeNode } from '../../shared/store/items/cluster-item.ts'
import { INCARNATION_OBJECT, nodeKey } from '../../shared/store/keys.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'

let stores: EmbeddedStores
beforeEach(() => {
  stores = openInMemory({ nodes: 3 })
})
afterEach(() => stores.close())

const depsOn = ({ documents, nodes }: Pick<EmbeddedStores, 'documents' | 'nodes'>) => ({
  documents,
  nodes,
  clock: systemClock,
  randomBytes,
})

/** The stores with another node 1. */
function withNode1(change: (node: ObjectStore) => ObjectStore) {
  const nodes = [...stores.nodes].map(([id, node]) => [id, id === 1 ? change(node) : node] as const)
  return depsOn({ ...stores, nodes: new Map(nodes) })
}

test('every start finds the cluster that the first one made', async () => {
  const first = await bootCluster(depsOn(stores))
  expect(await bootCluster(depsOn(stores))).toEqual(first)
  expect(await findCluster(depsOn(stores))).toEqual(first)
})

test('starts at the same time make one cluster', async () => {
  const made = await Promise.all([1, 2, 3, 4].map(() => bootCluster(depsOn(stores))))
  expect(new Set(made.map(({ clusterId }) => clusterId)).size).toBe(1)
})

test('a node stands in the zone it is told to', async () => {
  await bootCluster(depsOn(stores), (nodeId) => `use1-az${nodeId + 4}`)
  const item = await stores.documents.get(nodeKey(2), 'strong')
  expect(item && decodeNode(item).zone).toBe('use1-az6')
})

test('who only looks makes nothing', async () => {
  await expect(findCluster(depsOn(stores))).rejects.toThrow('cluster is not made yet')
  await expect(findCluster(depsOn(stores))).rejects.toThrow('cluster is not made yet')
})

test('a node added later is registered by the next start, and keeps nobody from looking until then', async () => {
  const [first, second] = [...stores.nodes]
  if (first === undefined || second === undefined) throw new Error('no nodes')
  const made = await bootCluster(depsOn({ ...stores, nodes: new Map([first, second]) }))
  expect(await findCluster(depsOn(stores))).toEqual(made)
  expect(await stores.documents.get(nodeKey(2), 'strong')).toBeUndefined()
  expect(await bootCluster(depsOn(stores))).toEqual(made)
  expect(await stores.documents.get(nodeKey(2), 'strong')).toBeDefined()
})

test('a bucket that was emptied or exchanged is told, and stops nobody', async () => {
  const made = await bootCluster(depsOn(stores))
  expect(made.changedNodes).toEqual([])
  const emptied = withNode1((node) => ({ ...node, get: async () => undefined }))
  expect(await bootCluster(emptied)).toEqual({ ...made, changedNodes: [1] })
  const exchanged = withNode1((node) => ({
    ...node,
    get: (key, range, signal) =>
      key === INCARNATION_OBJECT
        ? Promise.resolve(new TextEncoder().encode('another'))
        : node.get(key, range, signal),
  }))
  expect(await findCluster(exchanged)).toEqual({ ...made, changedNodes: [1] })
})

const refuse = () => Promise.reject(new KafkaError('KAFKA_STORAGE_ERROR', 'node is not reachable'))

test('a node that does not answer stops nobody once it is registered', async () => {
  const made = await bootCluster(depsOn(stores))
  expect(await bootCluster(withNode1((node) => ({ ...node, get: refuse })))).toEqual(made)
  const broken = withNode1((node) => ({ ...node, get: () => Promise.reject(new TypeError('a bug')) }))
  await expect(bootCluster(broken)).rejects.toThrow('a bug')
})

test('a node that does not answer cannot be registered', async () => {
  const failing = withNode1((node) => ({ ...node, putIfAbsent: refuse }))
  await expect(bootCluster(failing)).rejects.toThrow('is to be registered node=1')
  expect(await bootCluster(depsOn(stores))).toMatchObject({ changedNodes: [] })
})
