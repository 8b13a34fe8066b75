import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROUTES } from '../../functions/routes.ts'
import { ERRORS } from '../../shared/protocol/error-table.ts'
import { type TestRequest, testService } from '../support/http-service.ts'

let service: Awaited<ReturnType<typeof testService>>
beforeAll(async () => {
  service = await testService()
})
afterAll(() => service.close())

const contentTypes = [
  'application/json',
  'application/vnd.stratolog.frame',
  'application/vnd.kafka.json.v2+json',
  'application/vnd.kafka.binary.v2+json',
  'application/x-ndjson',
]
/** Words of the API, so that many bodies get past the first field. */
const word = fc.constantFrom(
  ...['topics', 'name', 'partitions', 'partitionIndex', 'records', 'key', 'value', 'headers', 'timestamp'],
  ...[
    'fetchOffset',
    'acks',
    'maxWaitMs',
    'byteLength',
    'producerId',
    'resources',
    'resourceType',
    'resourceName',
  ],
  ...['numPartitions', 'configs', 'limit', 'nextToken', 'topicId', 'partition', 'a', '__proto__', ''],
)
const leaf = fc.oneof(
  fc.constantFrom(null, true, 0, 1, -1, 2 ** 31, 2 ** 53, 1.5, '', 'a', 'YQ==', 'all'),
  fc.string({ maxLength: 10 }),
  fc.integer(),
)
const json = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc.dictionary(word, tie('value'), { maxKeys: 5 }),
}))
const frame = fc
  .tuple(json.object, fc.uint8Array({ maxLength: 100 }), fc.integer({ min: -1, max: 1 }))
  .map(([header, body, wrong]) => {
    const text = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(Math.max(0, text.length + wrong))
    return Buffer.concat([length, text, body])
  })
const body = fc.oneof(
  json.object.map((value) => JSON.stringify(value)),
  json.value.map((value) => JSON.stringify(value)),
  fc.array(json.value.map((value) => JSON.stringify(value))).map((lines) => lines.join('\n')),
  frame,
  fc.uint8Array({ maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
)
const headers = fc.record(
  {
    'content-type': fc.oneof(fc.constantFrom(...contentTypes), fc.string({ maxLength: 30 })),
    'content-encoding': fc.constantFrom('identity', 'gzip', 'zstd', 'br', ''),
    'content-length': fc.constantFrom('0', '-1', 'x', '1e99'),
    accept: fc.oneof(fc.constantFrom(...contentTypes, '*/*;q=0', 'text/event-stream', ',;='), fc.string()),
    origin: fc.string(),
    'x-request-id': fc.string(),
  },
  { requiredKeys: [] },
)
const segment = fc.oneof(
  fc.constantFrom(
    'a',
    '0',
    '1',
    '.',
    '..',
    '%2e',
    '%00',
    '%ff',
    '-1',
    '9999999999',
    'a%2Fb',
    'constructor',
    '__proto__',
  ),
  fc.string({ maxLength: 5 }),
)
const query = fc.oneof(
  fc.constantFrom(
    '',
    '?offset=0&timeout=0',
    '?offset=-1&timeout=0',
    '?offset=9007199254740991&timeout=0&max_bytes=0',
  ),
  fc.webQueryParameters().map((text) => `?timeout=0&${text}`),
)

const request = fc
  .record({
    route: fc.constantFrom(...ROUTES),
    segments: fc.array(segment, { minLength: 2, maxLength: 2 }),
    query,
    headers,
    body,
  })
  .map(({ route, segments: [topic = '', partition = ''], query, headers, body }): TestRequest => {
    const path = route.path.replace('{topic}', topic).replace('{partition}', partition).split('?')[0] ?? ''
    const type = route.path.startsWith('/v1') ? contentTypes[0] : contentTypes[2]
    return {
      method: route.method,
      path: path + query,
      body: route.method === 'POST' ? body : '',
      headers: { 'content-type': type ?? '', ...headers, host: 'localhost' },
    }
  })

test('whatever is sent to a route is answered, and a refusal stands in the envelope', async () => {
  await fc.assert(
    fc.asyncProperty(request, async (sent) => {
      const answer = await service.send(sent)
      expect(answer.headers['X-Request-Id']).toMatch(/^[A-Za-z0-9._=-]{1,128}$/)
      expect(answer.status).not.toBe(500)
      if (answer.status === 200) return
      const envelope = answer.json as { kafka_error: keyof typeof ERRORS; error_code: number }
      expect(answer.json).toEqual({
        error_code: expect.any(Number),
        message: expect.any(String),
        kafka_error: expect.any(String),
        retriable: expect.any(Boolean),
        effect: 'none',
        request_id: answer.headers['X-Request-Id'],
      })
      expect(ERRORS[envelope.kafka_error]).toBeDefined()
      expect([envelope.error_code, Math.floor(envelope.error_code / 100)]).toContain(answer.status)
    }),
    { numRuns: 3000 },
  )
})

test('whatever path and method are sent, there is an answer', async () => {
  const anything = fc.record({
    method: fc.string({ minLength: 1, maxLength: 8 }),
    path: fc.string().map((text) => `/${text}`),
  })
  await fc.assert(
    fc.asyncProperty(anything, async ({ method, path }) => {
      const answer = await service.send({ method, path })
      expect([200, 400, 404, 405, 422]).toContain(answer.status)
    }),
    { numRuns: 1000 },
  )
})
