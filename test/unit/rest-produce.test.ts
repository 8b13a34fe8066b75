import { afterAll, beforeAll, expect, test } from 'vitest'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { produceRecords, type RecordToRoute } from '../../shared/service/rest-produce.ts'
import { testService } from '../support/http-service.ts'

let service: Awaited<ReturnType<typeof testService>>
beforeAll(async () => {
  service = await testService({ 'message.max.bytes': '1000' })
})
afterAll(() => service.close())

const record = (partition: number | undefined, bytes: number, key: string | null = null): RecordToRoute => ({
  key: key === null ? null : Buffer.from(key),
  value: new Uint8Array(bytes),
  headers: [],
  timestamp: 1,
  partition,
})

/** The service's deps on nodes that take `count` more WAL objects each. */
function failingAfter(deps: Deps, count: number): Deps {
  const nodes = [...deps.nodes].map(([id, node]) => {
    let left = count
    const put: typeof node.put = async (...call) => {
      if (left === 0) throw new KafkaError('KAFKA_STORAGE_ERROR', 'node is full')
      left -= 1
      return node.put(...call)
    }
    return [id, { ...node, put }] as const
  })
  return { ...deps, nodes: new Map(nodes), log: { warn: () => {}, error: () => {} } }
}

test('after a failure the rest of the partition is not tried, and says so', async () => {
  await produceRecords(service.deps, { topic: 'failing', records: [record(0, 1)] })
  const outcomes = await produceRecords(failingAfter(service.deps, 1), {
    topic: 'failing',
    records: [600, 600, 600].map((bytes) => record(0, bytes)),
  })
  expect(outcomes).toMatchObject([
    { errorCode: 0, partition: 0, offset: 1 },
    { errorCode: expect.any(Number), effect: 'none' },
    { errorMessage: expect.stringMatching(/^not tried after a failure before it: /), effect: 'none' },
  ])
  const again = await produceRecords(service.deps, { topic: 'failing', records: [record(0, 1)] })
  expect(again).toMatchObject([{ offset: 2 }])
})

test('small records share a batch, and so one append', async () => {
  await produceRecords(service.deps, { topic: 'sharing', records: [record(0, 1)] })
  const outcomes = await produceRecords(failingAfter(service.deps, 1), {
    topic: 'sharing',
    records: Array.from({ length: 10 }, () => record(0, 10)),
  })
  expect(outcomes.map((outcome) => outcome.errorCode)).toEqual(Array.from({ length: 10 }, () => 0))
})

test('records without a key stay together on one partition', async () => {
  await service.send({ path: '/v1/create-topics', body: { topics: [{ name: 'sticky', numPartitions: 8 }] } })
  const outcomes = await produceRecords(service.deps, {
    topic: 'sticky',
    records: Array.from({ length: 20 }, () => record(undefined, 1)),
  })
  expect(new Set(outcomes.map((outcome) => 'partition' in outcome && outcome.partition)).size).toBe(1)
})

test('no topic is created for records that go only to higher partitions', async () => {
  const records = [record(1, 1), record(2, 1)]
  await expect(produceRecords(service.deps, { topic: 'higher', records })).rejects.toMatchObject({
    errorName: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
  expect((await service.send({ path: '/topics/higher' })).status).toBe(404)
})

test('an empty key is a key', async () => {
  await service.send({ path: '/v1/create-topics', body: { topics: [{ name: 'empty', numPartitions: 8 }] } })
  const one = async () =>
    produceRecords(service.deps, { topic: 'empty', records: [record(undefined, 1, '')] })
  const partitions = await Promise.all([one(), one(), one(), one()])
  expect(
    new Set(
      partitions.map(([outcome]) => outcome !== undefined && 'partition' in outcome && outcome.partition),
    ).size,
  ).toBe(1)
})
