import { expect, test } from 'vitest'
import { localTasks } from '../../functions/local-tasks.ts'
import type { DocumentCall } from '../support/faulty-store.ts'
import { testDeps } from '../support/test-deps.ts'

const isTopicRead = ({ method, pk }: DocumentCall) => method === 'get' && pk === 'TOPICS'
const taskOf = (partitionIndex: number) =>
  ({ task: 'catchUp', topicName: `t${partitionIndex}`, topicId: 'x', partitionIndex }) as const

test('few tasks copy at a time, and all of them come to it', async () => {
  const deps = await testDeps()
  const tasks = localTasks()
  let running = 0
  let most = 0
  const begun: string[] = []
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  deps.documents.faults.always((call) =>
    isTopicRead(call)
      ? {
          fault: 'before',
          run: async () => {
            begun.push(call.sk)
            running += 1
            most = Math.max(most, running)
            await new Promise((resolve) => setImmediate(resolve))
            running -= 1
            if (begun.length === 20) finish()
          },
        }
      : undefined,
  )
  for (let partition = 0; partition < 20; partition += 1) await tasks.trigger(taskOf(partition))
  tasks.start(deps, 60_000)
  await finished
  await tasks.stop()
  expect(most).toBe(4)
  expect(new Set(begun).size).toBe(20)
})
