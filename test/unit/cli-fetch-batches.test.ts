import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchBatches, type Reading } from '../../cli/fetch-batches.ts'
import { transport } from '../../client/index.ts'
import { set } from '../../shared/core/update-plan.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import { testService } from '../support/http-service.ts'
import { batchOf, createTopic, produceOne, TOPIC } from '../support/log-requests.ts'

let service: Awaited<ReturnType<typeof testService>>
beforeAll(async () => {
  service = await testService()
})
afterAll(() => service.close())

/** Answers the client's calls in this process. */
const send: typeof fetch = async (url, init) => {
  const { pathname } = new URL(String(url))
  const headers = Object.fromEntries(new Headers(init?.headers))
  const body = Buffer.from(await new Response(init?.body).arrayBuffer())
  const answer = await service.send({ method: 'POST', path: pathname, headers, body })
  return new Response(Buffer.from(answer.bytes), { status: answer.status, headers: { ...answer.headers } })
}

test('a reader of a log that an unclean election cut below its position stops, and says why', async () => {
  const topicId = await createTopic(service.deps)
  await produceOne(service.deps, batchOf(4))
  const positions = [
    {
      partition: 0,
      nextOffset: 0,
      endOffset: undefined,
      currentLeaderEpoch: 0,
      lastFetchedEpoch: -1,
      failingSinceMs: undefined,
    },
  ]
  const reading: Reading = {
    transport: transport({
      endpoint: 'http://localhost:8082',
      fetch: send,
      deps: { sleep: async () => undefined },
    }),
    topic: { errorCode: 0, name: TOPIC, topicId, isInternal: false, partitions: [] },
    positions,
    isolationLevel: 1,
    onRows: () => undefined,
    signal: new AbortController().signal,
  }
  expect(await fetchBatches(reading)).toHaveLength(1)
  expect(positions).toMatchObject([{ nextOffset: 4, lastFetchedEpoch: 0 }])

  const lineage = { 0: 0, 1: 0 } // nothing was kept
  const changes = [set(['leaderEpoch'], 1), set(['partitionEpoch'], 1), set(['lineage'], lineage)]
  await service.deps.documents.update(headKey(topicId, 0), encodeHeadPlan({ checks: [], changes }))

  expect(await fetchBatches(reading)).toEqual([]) // refused for its old leader epoch, and told the new one
  expect(positions).toMatchObject([{ nextOffset: 4, currentLeaderEpoch: 1 }])
  await expect(fetchBatches(reading)).rejects.toMatchObject({
    errorName: 'FENCED_LEADER_EPOCH',
    message: expect.stringContaining('what was read is not in the log any more partition=orders-0 offset=4'),
  })
})
