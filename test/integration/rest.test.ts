import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalServer, startLocalServer } from '../../local/server.ts'
import { partitionForKey } from '../../shared/protocol/murmur2.ts'

const JSON_V2 = 'application/vnd.kafka.json.v2+json'
const BINARY_V2 = 'application/vnd.kafka.binary.v2+json'
const NDJSON = 'application/x-ndjson'

interface Produced {
  offsets: {
    partition: number | null
    offset: number | null
    error_code: number | null
    kafka_error?: string
  }[]
}

let server: LocalServer
beforeAll(async () => {
  server = await startLocalServer({
    port: 0,
    dataDirectory: undefined,
    nodes: 3,
    durability: 'process',
    configs: { 'num.partitions': '3' },
  })
})
afterAll(() => server.close())

async function get(path: string, accept = JSON_V2) {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { accept } })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) }
}

async function post(path: string, type: string, body: string) {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  })
  return { status: response.status, json: (await response.json()) as Produced & Record<string, unknown> }
}

const records = (...list: unknown[]) => JSON.stringify({ records: list })

test('a keyed record creates its topic first and goes where every Kafka client would send it', async () => {
  const keys = ['a', 'b', 'c', 'd', 'e']
  const answer = await post('/topics/keyed', JSON_V2, records(...keys.map((key) => ({ key, value: 1 }))))
  expect(answer.status).toBe(200)
  expect(answer.json.offsets.map(({ partition }) => partition)).toEqual(
    keys.map((key) => partitionForKey(Buffer.from(JSON.stringify(key)), 3)),
  )
})

test('describes a topic, its partitions and offsets in the words of REST Proxy v2', async () => {
  await post('/topics/shapes', JSON_V2, records({ value: 1, partition: 0 }))
  const replica = { broker: expect.any(Number), leader: expect.any(Boolean), in_sync: true }
  const partition = { partition: 0, leader: expect.any(Number), replicas: [replica, replica, replica] }
  const topic = await get('/topics/shapes')
  expect(topic.json).toMatchObject({ name: 'shapes', configs: { 'cleanup.policy': 'delete' } })
  expect(topic.json.partitions).toHaveLength(3)
  expect(topic.json.partitions[0]).toEqual(partition)
  expect((await get('/topics/shapes/partitions')).json).toEqual(topic.json.partitions)
  expect((await get('/topics/shapes/partitions/0')).json).toEqual(topic.json.partitions[0])
  expect((await get('/topics/shapes/partitions/0/offsets')).json).toEqual({
    beginning_offset: 0,
    end_offset: 1,
  })
  expect((await get('/topics')).json).toContain('shapes')
  expect((await get('/')).text).toBe('{}')
  expect((await get('/healthz')).status).toBe(200)
  expect(topic.headers.get('content-type')).toBe('application/vnd.kafka.v2+json')
})

test.each([
  '/topics/shapes/partitions/3',
  '/topics/shapes/partitions/3/offsets',
  '/topics/shapes/partitions/3/records?offset=0',
])('answers 40402 for a partition that is not there: %s', async (path) => {
  await post('/topics/shapes', JSON_V2, records({ value: 1, partition: 0 }))
  expect(await get(path)).toMatchObject({ status: 404, json: { error_code: 40402 } })
})

test('gives back what was stored: every digit, headers, timestamps and nulls', async () => {
  const record =
    '{"key":"k","value":{"n":12345678901234567890.10,"t":"ä"},"timestamp":7,"headers":[{"key":"h","value":"YQ=="}]}'
  await post('/topics/kept', JSON_V2, records({ value: 0, partition: 0 }))
  await post('/topics/kept/partitions/1', JSON_V2, `{"records":[${record},{"value":null}]}`)
  const page = await get('/topics/kept/partitions/1/records?offset=0&timeout=0')
  expect(page.text).toMatch(
    /^\[\{"topic":"kept","key":"k","value":\{"n":12345678901234567890\.10,"t":"ä"\},"partition":1,"offset":0,"timestamp":7,"headers":\[\{"key":"h","value":"YQ=="\}\]\},\{"topic":"kept","key":null,"value":null,/,
  )
  expect(page.headers.get('content-type')).toBe(JSON_V2)
  expect(page.headers.get('x-next-offset')).toBe('2')
  expect(page.headers.get('x-leader-epoch')).toBe('0')
  const binary = await get('/topics/kept/partitions/1/records?offset=0&timeout=0', BINARY_V2)
  expect(binary.json[0]).toMatchObject({
    key: Buffer.from('"k"').toString('base64'),
    headers: [{ key: 'h', value: 'YQ==' }],
  })
})

test('a record that failed has its row when others landed', async () => {
  const answer = await post(
    '/topics/partly',
    JSON_V2,
    records({ value: 1, partition: 0 }, { value: 2, partition: 9 }, { value: 3, partition: 0 }),
  )
  expect(answer).toMatchObject({
    status: 200,
    json: {
      offsets: [
        { partition: 0, offset: 0, error_code: null, error: null },
        {
          partition: null,
          offset: null,
          error_code: 3,
          kafka_error: 'UNKNOWN_TOPIC_OR_PARTITION',
          effect: 'none',
        },
        { partition: 0, offset: 1, error_code: null, error: null },
      ],
      key_schema_id: null,
      value_schema_id: null,
    },
  })
})

test('the status says it when nothing landed', async () => {
  await post('/topics/none', JSON_V2, records({ value: 1, partition: 0 }))
  expect(await post('/topics/none/partitions/9', JSON_V2, records({ value: 1 }))).toMatchObject({
    status: 404,
    json: { error_code: 40402, kafka_error: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' },
  })
  const tooLarge = await post('/topics/none/partitions/0', JSON_V2, records({ value: 'x'.repeat(1_100_000) }))
  expect(tooLarge).toMatchObject({ status: 413, json: { error_code: 413, kafka_error: 'MESSAGE_TOO_LARGE' } })
})

test('a request of several batches lands whole and in order; a record over the limit fails alone', async () => {
  const line = (index: number) => JSON.stringify({ index, filler: 'x'.repeat(100_000) })
  const lines = Array.from({ length: 30 }, (_, index) => line(index))
  lines[15] = JSON.stringify('y'.repeat(1_200_000))
  const answer = await post('/topics/cut/partitions/0', NDJSON, lines.join('\n'))
  expect(answer.status).toBe(200)
  const { offsets } = answer.json
  expect(offsets[15]).toMatchObject({
    partition: null,
    offset: null,
    error_code: 10,
    kafka_error: 'MESSAGE_TOO_LARGE',
  })
  expect(offsets.filter((_, index) => index !== 15).map(({ offset }) => offset)).toEqual(
    Array.from({ length: 29 }, (_, offset) => offset),
  )
  const values: string[] = []
  for (let offset = 0; offset < 29; ) {
    const page = await get(`/topics/cut/partitions/0/records?offset=${offset}&timeout=0&max_bytes=300000`)
    expect(page.json.length).toBeLessThanOrEqual(3)
    values.push(...page.json.map((record: { value: unknown }) => JSON.stringify(record.value)))
    offset = Number(page.headers.get('x-next-offset'))
  }
  expect(values).toEqual(lines.filter((_, index) => index !== 15))
})

test('a page ends before a record that is not JSON, and the next is refused with its offset', async () => {
  await post('/topics/mixed/partitions/0', JSON_V2, records({ value: 1 }))
  await post(
    '/topics/mixed/partitions/0',
    BINARY_V2,
    records({ value: Buffer.from('no json').toString('base64') }),
  )
  const page = await get('/topics/mixed/partitions/0/records?offset=0&timeout=0')
  expect(page.json).toHaveLength(1)
  expect(page.headers.get('x-next-offset')).toBe('1')
  expect(await get('/topics/mixed/partitions/0/records?offset=1&timeout=0')).toMatchObject({
    status: 408,
    json: {
      error_code: 40801,
      message: expect.stringMatching(/^record is not JSON, .* Accept: .*binary.v2\+json offset=1$/),
      effect: 'none',
    },
  })
})

test.each([-1, 100])('refuses offset %d, outside the log', async (offset) => {
  await post('/topics/ranged', JSON_V2, records({ value: 1, partition: 0 }))
  const page = await get(`/topics/ranged/partitions/0/records?offset=${offset}&timeout=0`)
  expect(page).toMatchObject({ status: 400, json: { error_code: 40002, kafka_error: 'OFFSET_OUT_OF_RANGE' } })
})

test('the end of the log is an empty page, and a waiting one gets the next record', async () => {
  await post('/topics/tail', JSON_V2, records({ value: 1, partition: 0 }))
  const empty = await get('/topics/tail/partitions/0/records?offset=1&timeout=0')
  expect(empty).toMatchObject({ status: 200, text: '[]' })
  expect(empty.headers.get('x-next-offset')).toBe('1')
  const waiting = get('/topics/tail/partitions/0/records?offset=1&timeout=15000')
  await post('/topics/tail', JSON_V2, records({ value: 2, partition: 0 }))
  expect((await waiting).json).toMatchObject([{ value: 2, offset: 1 }])
})
