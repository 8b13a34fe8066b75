import { afterAll, beforeAll, expect, test } from 'vitest'
import { HANDLERS } from '../../functions/handlers.ts'
import { httpService } from '../../functions/http.ts'
import { testService } from '../support/http-service.ts'

let service: Awaited<ReturnType<typeof testService>>
beforeAll(async () => {
  service = await testService({}, ['https://console.example'])
})
afterAll(() => service.close())

test('names what is allowed in Allow', async () => {
  const answer = await service.send({ path: '/topics/a', method: 'PATCH' })
  expect(answer.headers.Allow).toBe('GET, HEAD, POST')
})

test.each([
  { name: 'a sane one', sent: 'a.B-3_z', expected: /^a\.B-3_z$/ },
  { name: 'one with a line break', sent: 'a\r\nb', expected: /^[0-9a-f]{24}$/ },
  { name: 'one that is too long', sent: 'a'.repeat(129), expected: /^[0-9a-f]{24}$/ },
  { name: 'none', sent: '', expected: /^[0-9a-f]{24}$/ },
])('answers with the request id of the request, or a new one for $name', async ({ sent, expected }) => {
  const answer = await service.send({ path: '/', headers: { 'x-request-id': sent } })
  expect(answer.headers['X-Request-Id']).toMatch(expected)
})

test('HEAD answers what GET would, but the body', async () => {
  const [get, head] = await Promise.all([
    service.send({ path: '/brokers' }),
    service.send({ path: '/brokers', method: 'HEAD' }),
  ])
  expect(head).toMatchObject({ status: 200, text: '' })
  expect(head.headers['Content-Length']).toBe(String(get.bytes.length))
})

test('a web page of an allowed origin may call, after a preflight', async () => {
  const origin = 'https://console.example'
  const preflight = await service.send({
    path: '/v1/produce',
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST' },
  })
  expect(preflight.status).toBe(204)
  expect(preflight.headers['Access-Control-Allow-Origin']).toBe(origin)
  const answer = await service.send({ path: '/', headers: { origin } })
  expect(answer.headers['Access-Control-Allow-Origin']).toBe(origin)
})

test('a web page of this very service needs no leave, and gets none', async () => {
  const answer = await service.send({ path: '/', headers: { origin: 'http://localhost:8082' } })
  expect(answer.status).toBe(200)
  expect(answer.headers['Access-Control-Allow-Origin']).toBeUndefined()
})

test.each(['localhost', '127.0.0.1:1', '[::1]:8082', 'LOCALHOST:8082'])(
  'serves the Host %s',
  async (host) => {
    expect((await service.send({ path: '/', headers: { host } })).status).toBe(200)
  },
)

test('a fault of our own is a 500 that tells nothing, and is logged with its stack', async () => {
  const lines: unknown[] = []
  const broken = {
    ...service.deps,
    documents: { ...service.deps.documents, list: () => Promise.reject(new TypeError('secret detail')) },
    log: { ...service.deps.log, error: (...line: unknown[]) => lines.push(line) },
  }
  const response = await httpService(
    broken,
    { hosts: 'any', corsOrigins: [] },
    HANDLERS,
  )({
    method: 'GET',
    path: '/topics',
    query: new URLSearchParams(),
    headers: {},
    body: new Uint8Array(0),
  })
  expect(response.status).toBe(500)
  const text = Buffer.concat(response.body).toString()
  expect(JSON.parse(text)).toMatchObject({
    error_code: 50002,
    kafka_error: 'UNKNOWN_SERVER_ERROR',
    effect: 'unknown',
  })
  expect(text).not.toContain('secret')
  expect(JSON.stringify(lines)).toContain('TypeError: secret detail')
})
