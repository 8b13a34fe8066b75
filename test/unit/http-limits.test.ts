import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeFrame } from '../../shared/protocol/frame.ts'
import { testService } from '../support/http-service.ts'

let service: Awaited<ReturnType<typeof testService>>
beforeAll(async () => {
  service = await testService()
})
afterAll(() => service.close())

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item)
const partitions = (count: number, row: object) => ({
  topics: [{ name: 'a', partitions: times(count, row) }],
})
const frameOf = (header: unknown) => Buffer.concat(encodeFrame(header, []))
const FRAME = { 'content-type': 'application/vnd.stratolog.frame' }

const produceRow = { partitionIndex: 0, records: '' }
const frameRow = { partitionIndex: 0, byteLength: 0 }
const fetchRow = { partitionIndex: 0, fetchOffset: 0 }
const listRow = { partitionIndex: 0, timestamp: -1 }
const topic = { name: 'a' }
const id = { topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }
const resource = { resourceType: 2, resourceName: 'a' }

const tooMany = (field: string, most: number) => `${field}: too big: expected array to have <=${most} items`

test.each<{ api: string; body: unknown; headers?: Record<string, string>; message: string }>([
  {
    api: 'produce',
    body: partitions(2001, produceRow),
    message: tooMany('topics[0].partitions', 2000),
  },
  {
    api: 'produce',
    body: frameOf(partitions(2001, frameRow)),
    headers: FRAME,
    message: tooMany('topics[0].partitions', 2000),
  },
  { api: 'fetch', body: partitions(2001, fetchRow), message: tooMany('topics[0].partitions', 2000) },
  { api: 'list-offsets', body: partitions(2001, listRow), message: tooMany('topics[0].partitions', 2000) },
  {
    api: 'fetch',
    body: { topics: [...partitions(1001, fetchRow).topics, ...partitions(1000, fetchRow).topics] },
    message: 'topics: too many partitions in sum: at most 2000',
  },
  {
    api: 'fetch',
    body: { topics: times(2001, { name: 'a', partitions: [] }) },
    message: tooMany('topics', 2000),
  },
  { api: 'metadata', body: { topics: times(1001, topic) }, message: tooMany('topics', 1000) },
  { api: 'create-topics', body: { topics: times(1001, topic) }, message: tooMany('topics', 1000) },
  { api: 'delete-topics', body: { topics: times(1001, topic) }, message: tooMany('topics', 1000) },
  { api: 'create-partitions', body: { topics: times(1001, topic) }, message: tooMany('topics', 1000) },
  {
    api: 'alter-configs',
    body: { resources: times(1001, resource) },
    message: tooMany('resources', 1000),
  },
  {
    api: 'describe-configs',
    body: { resources: times(1001, resource) },
    message: tooMany('resources', 1000),
  },
])('$api refuses more rows than it can take: $message', async ({ api, body, headers = {}, message }) => {
  const answer = await service.send({ path: `/v1/${api}`, body, headers })
  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({ kafka_error: 'INVALID_REQUEST', message })
})

test('rows that are too many are not looked at one by one', async () => {
  const body = { topics: times(400_000, 1) }
  const startedMs = performance.now()
  const answer = await service.send({ path: '/v1/metadata', body })
  expect(answer.json).toMatchObject({ message: tooMany('topics', 1000) })
  expect(performance.now() - startedMs).toBeLessThan(500)
})

test.each<{ api: string; body: unknown; headers?: Record<string, string>; message: string }>([
  {
    api: 'produce',
    body: partitions(2, produceRow),
    message: 'partition stands in the request twice partition=a-0',
  },
  {
    api: 'produce',
    body: frameOf(partitions(2, frameRow)),
    headers: FRAME,
    message: 'partition stands in the request twice partition=a-0',
  },
  {
    api: 'fetch',
    body: partitions(2, fetchRow),
    message: 'partition stands in the request twice partition=a-0',
  },
  {
    api: 'list-offsets',
    body: { topics: times(2, partitions(1, listRow).topics[0]) },
    message: 'partition stands in the request twice partition=a-0',
  },
  {
    api: 'metadata',
    body: { topics: [topic, id, topic] },
    message: 'topic stands in the request twice topic=a',
  },
  {
    api: 'metadata',
    body: { topics: [id, topic, id] },
    message: `topic stands in the request twice topic=id:${id.topicId}`,
  },
  {
    api: 'describe-configs',
    body: { resources: [resource, { ...resource, resourceType: 4 }, resource] },
    message: 'resource stands in the request twice resource=2:a',
  },
])('$api refuses what is named twice: $message', async ({ api, body, headers = {}, message }) => {
  const answer = await service.send({ path: `/v1/${api}`, body, headers })
  expect(answer.status).toBe(400)
  expect(answer.json).toMatchObject({ error_code: 40002, kafka_error: 'INVALID_REQUEST', message })
})

test('an expectation that HTTP does not know is refused in the envelope', async () => {
  const answer = await service.send({ path: '/topics', headers: { expect: 'foo' } })
  expect(answer.status).toBe(417)
  expect(answer.json).toMatchObject({ error_code: 417, message: 'expect must be 100-continue' })
})
