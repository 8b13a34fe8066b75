import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type EmbeddedStores, openInMemory } from '../../shared/embedded/data-directory.ts'
import { faultableNodes } from '../../shared/embedded/faultable-nodes.ts'
import { openNodeFaults } from '../../shared/embedded/node-faults.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'

let stores: EmbeddedStores
beforeEach(() => {
  stores = openInMemory({ nodes: 3 })
})
afterEach(() => stores.close())

const BYTES = [Uint8Array.from([1, 2])]
const patient = new AbortController().signal

function nodeOf(nodes: ReadonlyMap<number, ObjectStore>, nodeId: number): ObjectStore {
  const node = nodes.get(nodeId)
  if (node === undefined) throw new Error(`no node ${nodeId}`)
  return node
}

/** Every call of node 1, and a copy from it to node 2. */
const CALLS: readonly {
  name: string
  call: (nodes: ReadonlyMap<number, ObjectStore>) => Promise<unknown>
}[] = [
  { name: 'put', call: (nodes) => nodeOf(nodes, 1).put('new', BYTES, patient) },
  { name: 'putIfAbsent', call: (nodes) => nodeOf(nodes, 1).putIfAbsent('new', BYTES, patient) },
  { name: 'get', call: (nodes) => nodeOf(nodes, 1).get('old', undefined, patient) },
  {
    name: 'copyFrom',
    call: (nodes) => nodeOf(nodes, 1).copyFrom(nodeOf(nodes, 0).location, 'first', patient),
  },
  {
    name: 'copyFrom it',
    call: (nodes) => nodeOf(nodes, 2).copyFrom(nodeOf(nodes, 1).location, 'old', patient),
  },
]

/** Nodes 0 and 1 with one object each. */
async function filledNodes() {
  const faultable = faultableNodes(stores.nodes)
  await nodeOf(faultable.nodes, 0).put('first', BYTES, patient)
  await nodeOf(faultable.nodes, 1).put('old', BYTES, patient)
  return faultable
}

/** Keys of all that the test could have written, by node. */
async function written(): Promise<string[]> {
  const found: string[] = []
  for (const [nodeId, node] of stores.nodes) {
    for (const key of ['first', 'old', 'new']) {
      if ((await node.get(key, undefined, patient)) !== undefined) found.push(`${nodeId}/${key}`)
    }
  }
  return found
}

const outOfOrder = { errorName: 'KAFKA_STORAGE_ERROR', message: 'storage node is out of order node=1' }

test.each(CALLS)('$name is refused by a node that fails, and works before and after', async ({ call }) => {
  const { nodes, set } = await filledNodes()
  set(1, 'fail')
  await expect(call(nodes)).rejects.toMatchObject(outOfOrder)
  expect(await written()).toEqual(['0/first', '1/old'])
  set(1, undefined)
  expect(await call(nodes)).not.toBe(false)
})

test.each(CALLS)('$name is never answered by a node that hangs, until that ends', async ({ call }) => {
  const { nodes, set } = await filledNodes()
  set(1, 'hang')
  const settled = vi.fn()
  const called = call(nodes)
  called.then(settled, settled)
  set(1, 'hang')
  await new Promise((resolve) => setImmediate(resolve))
  expect(settled).not.toHaveBeenCalled()
  set(1, undefined)
  await expect(called).rejects.toMatchObject(outOfOrder)
  expect(await written()).toEqual(['0/first', '1/old'])
})

test.each([
  { name: 'has aborted', signalOf: () => AbortSignal.abort() },
  { name: 'aborts', signalOf: (controller: AbortController) => controller.signal },
])('a call that hangs is refused when its signal $name', async ({ signalOf }) => {
  const { nodes, set } = await filledNodes()
  set(1, 'hang')
  const controller = new AbortController()
  const put = nodeOf(nodes, 1).put('new', BYTES, signalOf(controller))
  const named = nodeOf(nodes, 1).putIfAbsent('new', BYTES, signalOf(controller))
  controller.abort()
  await expect(put).rejects.toMatchObject(outOfOrder)
  await expect(named).rejects.toMatchObject(outOfOrder)
  expect(await written()).toEqual(['0/first', '1/old'])
})

test('a node that fails after it hung refuses what still hangs', async () => {
  const { nodes, set } = await filledNodes()
  set(1, 'hang')
  const put = nodeOf(nodes, 1).putIfAbsent('new', BYTES, patient)
  set(1, 'fail')
  await expect(put).rejects.toMatchObject(outOfOrder)
})

test('a copy between a node that hangs and one that fails is refused at once', async () => {
  const { nodes, set } = await filledNodes()
  set(2, 'hang')
  set(1, 'fail')
  const copy = nodeOf(nodes, 2).copyFrom(nodeOf(nodes, 1).location, 'old', patient)
  await expect(copy).rejects.toMatchObject(outOfOrder)
})

test('the other nodes go on', async () => {
  const { nodes, set } = await filledNodes()
  set(1, 'fail')
  expect(await nodeOf(nodes, 2).copyFrom(nodeOf(nodes, 0).location, 'first', patient)).toBe(true)
  expect(await nodeOf(nodes, 0).get('first', undefined, patient)).toEqual(BYTES[0])
})

test('faults are there again when the stores are opened again', async () => {
  const first = await openNodeFaults(stores)
  await Promise.all([first.set(0, 'fail'), first.set(1, 'hang'), first.set(2, 'fail')])
  await first.set(2, undefined)
  const second = await openNodeFaults(stores)
  expect([0, 1, 2].map(second.get)).toEqual(['fail', 'hang', undefined])
  await expect(nodeOf(second.nodes, 0).get('old', undefined, patient)).rejects.toThrow('node=0')
  await second.set(0, undefined)
  await second.set(1, undefined)
  expect([0, 1, 2].map((await openNodeFaults(stores)).get)).toEqual([undefined, undefined, undefined])
})

test('a fault that cannot be stored does not begin, and the next one can', async () => {
  let isFull = true
  const put: typeof stores.documents.put = (...args) =>
    isFull ? Promise.reject(new Error('disk is full')) : stores.documents.put(...args)
  const faults = await openNodeFaults({ ...stores, documents: { ...stores.documents, put } })
  await expect(faults.set(1, 'fail')).rejects.toThrow('disk is full')
  expect(faults.get(1)).toBeUndefined()
  isFull = false
  await faults.set(1, 'hang')
  expect(faults.get(1)).toBe('hang')
})
