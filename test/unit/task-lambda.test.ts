import { expect, test } from 'vitest'
import { catchUpFunction } from '../../functions/catch-up.ts'
import { controllerFunction } from '../../functions/controller.ts'
import { type TaskFunction, taskHandler } from '../../functions/task-lambda.ts'
import { reportLoss } from '../../shared/core/storage-node.ts'
import { decodeLease, decodeNode } from '../../shared/store/items/cluster-item.ts'
import { CONTROLLER, nodeKey } from '../../shared/store/keys.ts'
import { START_MS, type TestDeps, testDeps } from '../support/test-deps.ts'

const DAY_MS = 86_400_000

/** A Lambda over a cluster that was just made. */
async function lambdaOf<Event>(task: TaskFunction<Event>) {
  const deps = await testDeps()
  const made: TestDeps[] = []
  const handler = taskHandler(task, async () => {
    made.push(deps)
    return { deps, policy: { hosts: 'any', corsOrigins: [] } }
  })
  return { deps, made, handler }
}

/** How often the lease of the controller was taken. */
async function controllerEpoch({ documents }: TestDeps): Promise<number> {
  const item = await documents.get(CONTROLLER, 'strong')
  return item === undefined ? 0 : decodeLease(item).controllerEpoch
}

test('who is woken as the controller looks at the storage nodes, also where nothing is due', async () => {
  const { deps, handler } = await lambdaOf(controllerFunction)
  await handler({ task: 'controller' })
  expect(await controllerEpoch(deps)).toBe(1)
})

test('a tick wakes the controller for a storage node that lost an object, and not without a cause', async () => {
  const { deps, handler } = await lambdaOf(controllerFunction)
  await handler({ tick: true })
  expect(await controllerEpoch(deps)).toBe(0)
  await deps.documents.update(
    nodeKey(1),
    reportLoss({ incarnation: 1, pk: 'P#AAAAAAAAAAAAAAAAAAAAAA#0', offset: 0 }),
  )
  await handler({ tick: true })
  expect(await controllerEpoch(deps)).toBe(1)
  const node = decodeNode((await deps.documents.get(nodeKey(1), 'strong')) ?? {})
  expect([node.incarnation, node.lost]).toEqual([1, {}]) // there is no such partition
})

test.each([
  { name: 'without records', due: [], gets: 0 },
  { name: 'with records, looked at once a day', due: [START_MS + DAY_MS], gets: 3 },
])(
  'a tick of an idle cluster $name asks for five readings of documents, and $gets of objects',
  async ({ due, gets }) => {
    const { deps, handler } = await lambdaOf(controllerFunction)
    for (const dueAtMs of due) {
      await deps.documents.put({ pk: 'P#topic#0', sk: 'HEAD' }, { dueShard: 1, dueAtMs }, 'absent')
    }
    deps.documents.faults.calls.length = 0
    await handler({ tick: true })
    const calls = deps.documents.faults.calls.map(({ method }) => method)
    expect(calls.sort()).toEqual(['due', 'due', 'due', 'due', 'list'])
    const objects = [...deps.nodes.values()].flatMap((node) => node.faults.calls)
    expect(objects.map(({ method, key }) => `${method} ${key}`)).toEqual(Array(gets).fill('get incarnation'))
  },
)

test('a tick that cannot read the documents fails, so that Lambda tries again', async () => {
  const { deps, handler } = await lambdaOf(controllerFunction)
  deps.documents.faults.once(({ method }) => method === 'due', { fault: 'throttled' })
  await expect(handler({ tick: true })).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
})

test('dependencies that could not be made are made anew for the next event, and then kept', async () => {
  const deps = await testDeps()
  let tries = 0
  const handler = taskHandler(controllerFunction, async () => {
    tries += 1
    if (tries === 1) throw new Error('no table')
    return { deps, policy: { hosts: 'any', corsOrigins: [] } }
  })
  await expect(handler({ tick: true })).rejects.toThrow('no table')
  await handler({ tick: true })
  await handler({ tick: true })
  expect(tries).toBe(2)
})

test('a catch-up of a topic that is gone comes to nothing', async () => {
  const { deps, handler } = await lambdaOf(catchUpFunction)
  await handler({ task: 'catchUp', topicName: 'orders', topicId: 'id', partitionIndex: 0 })
  expect(deps.logged).toMatchObject([{ message: 'catch-up failed', fields: { topicName: 'orders' } }])
})

test('a catch-up is told how many went before it', async () => {
  const { deps, handler } = await lambdaOf(catchUpFunction)
  await handler({ task: 'catchUp', topicName: 'orders', topicId: 'id', partitionIndex: 0, hops: 7 })
  expect(deps.logged).toMatchObject([{ fields: { hops: 7 } }])
})

test.each([
  { name: 'nothing', event: undefined },
  { name: 'a text', event: 'controller' },
  { name: 'no task', event: {} },
  { name: "another function's task", event: { task: 'seal' } },
  { name: 'a catch-up without a partition', event: { task: 'catchUp', topicName: 'orders', topicId: 'id' } },
  { name: 'a false tick', event: { tick: false } },
])('$name as the event is dropped: there is nothing to try again', async ({ event }) => {
  for (const task of [controllerFunction, catchUpFunction]) {
    const { made, handler } = await lambdaOf(task as TaskFunction<unknown>)
    await handler(event)
    expect(made).toEqual([])
  }
})
