import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Handler } from '../../functions/handler.ts'
import type { HttpResponse } from '../../functions/http-types.ts'
import { type LambdaOptions, lambdaHandler } from '../../functions/lambda.ts'
import { toLambdaResult } from '../../functions/lambda-result.ts'
import { FETCH_HANDLERS } from '../../functions/lambdas/fetch-handlers.ts'
import { PRODUCE_HANDLERS } from '../../functions/lambdas/produce-handlers.ts'
import { REST_HANDLERS } from '../../functions/lambdas/rest-handlers.ts'
import { FRAME_TYPE, JSON_TYPE } from '../../functions/media-type.ts'
import { decodeFrame } from '../../shared/protocol/frame.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import { testService } from '../support/http-service.ts'
import { contextWith, functionUrlEvent } from '../support/lambda-event.ts'

let service: Awaited<ReturnType<typeof testService>>
const logged: string[] = []
beforeAll(async () => {
  service = await testService()
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => logged.push(String(line)) > 0)
})
afterAll(() => {
  vi.restoreAllMocks()
  service.close()
})

const policy = { hosts: 'any', corsOrigins: [] } as const
const json = { 'content-type': JSON_TYPE }
const lambda = (handlers: LambdaOptions['handlers'], deps = service.deps) =>
  lambdaHandler({ handlers, deps: async () => ({ deps, policy }) })

function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  return functionUrlEvent({ url, body: JSON.stringify(body), headers: { ...json, ...headers } })
}

async function produceOne(topic: string) {
  const partitions = [{ partitionIndex: 0, records: [{ value: Buffer.from('v').toString('base64') }] }]
  return lambda(PRODUCE_HANDLERS)(
    post('/v1/produce', { acks: -1, timeoutMs: 1000, topics: [{ name: topic, partitions }] }),
    contextWith(20_000),
  )
}

const fetchOf = (topic: string, fetchOffset: number, maxWaitMs: number) => ({
  maxWaitMs,
  minBytes: 1,
  topics: [{ name: topic, partitions: [{ partitionIndex: 0, fetchOffset }] }],
})

test('JSON is answered as text, a frame in base64', async () => {
  const produced = await produceOne('frames')
  expect(produced).toMatchObject({ statusCode: 200, isBase64Encoded: false })
  expect(JSON.parse(produced.body)).toMatchObject({
    topics: [{ partitions: [{ errorCode: 0, baseOffset: 0 }] }],
  })
  const event = post('/v1/fetch', fetchOf('frames', 0, 0), { accept: FRAME_TYPE })
  const fetched = await lambda(FETCH_HANDLERS)(event, contextWith(20_000))
  expect(fetched).toMatchObject({ statusCode: 200, isBase64Encoded: true })
  const { body } = decodeFrame(Buffer.from(fetched.body, 'base64'), 1024 * 1024)
  expect(body.byteLength).toBeGreaterThan(61)
})

test('a long poll ends while there is still time to answer', async () => {
  await produceOne('polled')
  const began = performance.now()
  const event = post('/v1/fetch', fetchOf('polled', 1, 15_000))
  const fetched = await lambda(FETCH_HANDLERS)(event, contextWith(3000))
  expect(fetched.statusCode).toBe(200)
  expect(performance.now() - began).toBeLessThan(2000)
})

test('a request that takes too long is answered in the envelope before Lambda stops it', async () => {
  const documents = { ...service.deps.documents, list: () => new Promise<never>(() => undefined) }
  const answer = await lambda(REST_HANDLERS, { ...service.deps, documents })(
    functionUrlEvent({ url: '/topics' }),
    contextWith(700),
  )
  expect(answer.statusCode).toBe(503)
  expect(answer.headers['X-Request-Id']).toBe('dIT6Ojk2IAMEV9g=')
  expect(JSON.parse(answer.body)).toMatchObject({ kafka_error: 'REQUEST_TIMED_OUT', effect: 'unknown' })
})

test('a produce that goes on after its answer appends nothing', async () => {
  await produceOne('slow')
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const nodes = new Map(
    [...service.deps.nodes].map(([nodeId, node]) => {
      const put: ObjectStore['put'] = (...args) => released.then(() => node.put(...args))
      return [nodeId, { ...node, put }]
    }),
  )
  let ended: Promise<HttpResponse> | undefined
  const produce: Handler = {
    ...PRODUCE_HANDLERS.produce,
    run: (deps, call) => {
      ended = PRODUCE_HANDLERS.produce.run(deps, call)
      return ended
    },
  }
  const partitions = [{ partitionIndex: 0, records: [{ value: 'dg==' }] }]
  const answer = await lambda({ produce }, { ...service.deps, nodes })(
    post('/v1/produce', { acks: -1, timeoutMs: 1000, topics: [{ name: 'slow', partitions }] }),
    contextWith(700),
  )
  expect(answer.statusCode).toBe(503)
  release()
  const late = JSON.parse(Buffer.concat((await ended)?.body ?? []).toString())
  expect(late.topics[0].partitions[0]).toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR', effect: 'none' })
})

test.each([
  { method: 'GET', url: '/nowhere', statusCode: 404 },
  { method: 'GET', url: '/v1/produce', statusCode: 405 },
  { method: 'DELETE', url: '/topics', statusCode: 405 },
  { method: 'POST', url: '/v1/fetch', statusCode: 404 },
  { method: 'HEAD', url: '/topics', statusCode: 200 },
])('the rest function answers $method $url with $statusCode', async ({ method, url, statusCode }) => {
  const answer = await lambda(REST_HANDLERS)(functionUrlEvent({ method, url }), contextWith(20_000))
  expect(answer.statusCode).toBe(statusCode)
  if (statusCode !== 200) expect(JSON.parse(answer.body)).toMatchObject({ kafka_error: 'INVALID_REQUEST' })
  expect(answer.headers['Content-Length']).toBeUndefined()
})

test('a start that failed is answered in the envelope, and tried again', async () => {
  let starts = 0
  const handler = lambdaHandler({
    handlers: REST_HANDLERS,
    deps: async () => {
      starts += 1
      if (starts === 1) throw new KafkaError('KAFKA_STORAGE_ERROR', 'table is not there')
      if (starts === 2) throw new TypeError('secret detail')
      return { deps: service.deps, policy }
    },
  })
  const call = () => handler(functionUrlEvent({ url: '/topics' }), contextWith(20_000))
  const first = await call()
  expect(first).toMatchObject({ statusCode: 503, isBase64Encoded: false })
  expect(JSON.parse(first.body)).toMatchObject({ kafka_error: 'KAFKA_STORAGE_ERROR', retriable: true })
  const second = await call()
  expect(second.statusCode).toBe(500)
  expect(second.body).not.toContain('secret')
  expect(logged.join('')).toContain('TypeError: secret detail')
  expect((await Promise.all([call(), call()])).map(({ statusCode }) => statusCode)).toEqual([200, 200])
  expect(starts).toBe(3)
})

test('an event that is no request is a 500 in the envelope', async () => {
  const answer = await lambda(REST_HANDLERS)(JSON.parse('{}'), contextWith(20_000))
  expect(answer.statusCode).toBe(500)
  expect(JSON.parse(answer.body)).toMatchObject({ kafka_error: 'UNKNOWN_SERVER_ERROR' })
})

test('an answer too large for a Lambda is compressed, or refused in words', async () => {
  const body = [Buffer.from(JSON.stringify(Array.from({ length: 700_000 }, () => 'tiny')))]
  const response = { status: 200, headers: { 'Content-Type': JSON_TYPE }, body }
  const compressed = await toLambdaResult(response, { headers: { 'accept-encoding': 'br, gzip' } })
  expect(compressed).toMatchObject({ isBase64Encoded: true, headers: { 'Content-Encoding': 'gzip' } })
  expect(gunzipSync(Buffer.from(compressed.body, 'base64'))).toEqual(body[0])
  for (const headers of [{}, { 'accept-encoding': 'gzip;q=0' }]) {
    await expect(toLambdaResult(response, { headers })).rejects.toThrow('too large for a lambda')
  }
})
