import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { HttpRequest } from '../../functions/http-types.ts'
import { toHttpRequest } from '../../functions/lambda-event.ts'
import { toHttpRequest as nodeRequest } from '../../local/node-request.ts'
import { functionUrlEvent } from '../support/lambda-event.ts'

const { signal } = new AbortController()
const server = createServer()
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.close()
})

/** What local/server.ts makes of a request that really went over a connection. */
async function asLocal(url: string, headers: Record<string, string>): Promise<HttpRequest> {
  const { port } = server.address() as AddressInfo
  const received = once(server, 'request')
  const sent = request({ port, host: '127.0.0.1', path: url, headers, agent: false })
  sent.on('error', () => undefined).end()
  const [message] = (await received) as [IncomingMessage]
  message.destroy()
  return nodeRequest(message, new Uint8Array(0), signal)
}

test.each([
  '/',
  '/topics/orders/partitions/0/records?offset=3&timeout=10',
  '/topics/a%2Fb',
  '/topics/%E2%82%AC?x=%E2%82%AC&x=2&y',
  '/topics/a?a=b?c=d&e=%zz',
  '/topics//orders/?',
  '/topics/a+b?q=a+b&r=a%20b',
  '/v1/produce/../fetch',
])('a Function URL is asked %s as the local server is', async (url) => {
  const headers = { 'x-client-id': 'c', cookie: 'a=1; b=2', accept: 'a/b, c/d' }
  const local = await asLocal(url, headers)
  const lambda = toHttpRequest(functionUrlEvent({ url, headers }), signal)
  expect(lambda.path).toBe(local.path)
  expect([...lambda.query]).toEqual([...local.query])
  expect(lambda.headers).toMatchObject(headers)
  expect(local.headers).toMatchObject(headers)
})

test.each([
  { name: 'a decoded space', rawPath: '/topics/a b', path: '/topics/a%20b' },
  { name: 'a decoded question mark', rawPath: '/topics/a?b#c', path: '/topics/a%3Fb%23c' },
  { name: 'a decoded euro sign', rawPath: '/topics/€', path: '/topics/%E2%82%AC' },
  { name: 'a decoded percent sign', rawPath: '/topics/100%', path: '/topics/100%25' },
  { name: 'half a surrogate pair', rawPath: '/topics/\ud800', path: '/topics/%EF%BF%BD' },
  { name: 'an encoded path', rawPath: '/topics/a%2Fb%20c', path: '/topics/a%2Fb%20c' },
  { name: 'no slash in front', rawPath: 'topics', path: '/' },
  { name: 'nothing', rawPath: '', path: '/' },
])('the path of an HTTP API with $name', ({ rawPath, path }) => {
  expect(toHttpRequest({ ...functionUrlEvent({ url: '/' }), rawPath }, signal).path).toBe(path)
})

test.each([
  { stage: '$default', rawPath: '/dev/topics', path: '/dev/topics' },
  { stage: 'dev', rawPath: '/dev/topics', path: '/topics' },
  { stage: 'dev', rawPath: '/dev', path: '/' },
  { stage: 'dev', rawPath: '/developers', path: '/developers' },
])('stage $stage is taken off $rawPath', ({ stage, rawPath, path }) => {
  const requestContext = { stage, http: { method: 'get' } }
  const made = toHttpRequest({ rawPath, requestContext }, signal)
  expect(made).toMatchObject({ path, method: 'GET', headers: {} })
})

test('header names are in lower case, duplicates joined, cookies one header', () => {
  const event = functionUrlEvent({
    url: '/',
    headers: { Accept: 'a/b', accept: 'c/d', 'Content-Type': 'x/y' },
  })
  const { headers } = toHttpRequest({ ...event, cookies: ['a=1', 'b=2'] }, signal)
  expect(headers).toEqual({
    accept: 'a/b, c/d',
    'content-type': 'x/y',
    cookie: 'a=1; b=2',
    'x-request-id': 'dIT6Ojk2IAMEV9g=',
  })
})

test("the caller's request id goes before the gateway's", () => {
  const event = functionUrlEvent({ url: '/', headers: { 'X-Request-Id': 'mine' } })
  expect(toHttpRequest(event, signal).headers['x-request-id']).toBe('mine')
})

test.each([
  { name: 'bytes', body: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
  { name: 'text that looks like base64', body: 'AAAA' },
  { name: 'text beyond ASCII', body: '{"€":"\u{1f600}"}' },
  { name: 'nothing', body: new Uint8Array(0) },
])('a body of $name arrives as it was sent', ({ body }) => {
  const made = toHttpRequest(functionUrlEvent({ url: '/v1/produce', body }), signal)
  expect(Buffer.from(made.body)).toEqual(Buffer.from(body))
})
