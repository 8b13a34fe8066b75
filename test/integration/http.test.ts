import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendResponse } from '../../local/node-request.ts'
import { type LocalServer, startLocalServer } from '../../local/server.ts'
import { openRaw, sendRaw } from '../support/raw-http.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const OPTIONS = { port: 0, dataDirectory: undefined, nodes: 3, durability: 'process', configs: {} } as const

let server: LocalServer
beforeAll(async () => {
  server = await startLocalServer(OPTIONS)
})
afterAll(() => server.close())

const produceJson = (topic: string, value: string) =>
  JSON.stringify({
    topics: [
      {
        name: topic,
        partitions: [{ partitionIndex: 0, records: [{ value: Buffer.from(value).toString('base64') }] }],
      },
    ],
  })
const head = (request: string, ...headers: string[]) =>
  [`${request} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')
const post = (path: string, body: string, ...headers: string[]) =>
  head(
    `POST ${path}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ) + body
const envelope = (body: Buffer) => JSON.parse(body.toString()) as { error_code: number; kafka_error: string }

test('carries out requests sent at once on one connection one after the other', async () => {
  const connection = openRaw(server.port)
  connection.socket.write(
    post('/v1/produce', produceJson('piped', 'a')) + head('GET /topics/piped/partitions/0/offsets'),
  )
  expect((await connection.answer()).status).toBe(200)
  expect(JSON.parse((await connection.answer()).body.toString())).toEqual({
    beginning_offset: 0,
    end_offset: 1,
  })
  connection.socket.destroy()
})

test('answers a request before it refuses the rubbish behind it', async () => {
  const connection = openRaw(server.port)
  connection.socket.write(`${post('/v1/produce', produceJson('before', 'a'))}rubbish\r\n\r\n`)
  expect((await connection.answer()).status).toBe(200)
  expect((await connection.answer()).status).toBe(400)
  await connection.closed()
})

test('reads a chunked body', async () => {
  const body = produceJson('chunked', 'a')
  const half = Math.floor(body.length / 2)
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
  const headers = head('POST /v1/produce', 'Content-Type: application/json', 'Transfer-Encoding: chunked')
  const bytes = headers + chunk(body.slice(0, half)) + chunk(body.slice(half)) + chunk('')
  expect((await sendRaw(server.port, bytes)).status).toBe(200)
})

test('refuses a body that says it is too large before it is sent, and ends the connection', async () => {
  const connection = openRaw(server.port)
  connection.socket.write(
    head(
      'POST /v1/produce',
      'Content-Type: application/json',
      'Content-Length: 4500001',
      'Expect: 100-continue',
    ),
  )
  const answer = await connection.answer()
  expect(answer.status).toBe(413)
  expect(answer.headers.connection).toBe('close')
  await connection.closed()
})

test('refuses a body that turns out too large; a client that is still sending gets to read it', async () => {
  const connection = openRaw(server.port)
  connection.socket.write(
    head('POST /v1/produce', 'Content-Type: application/json', 'Transfer-Encoding: chunked'),
  )
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`
  for (let count = 0; count < 8; count += 1) connection.socket.write(chunk)
  const answer = await connection.answer()
  expect(answer.status).toBe(413)
  expect(envelope(answer.body)).toMatchObject({ error_code: 413, kafka_error: 'MESSAGE_TOO_LARGE' })
  await connection.closed()
})

test('asks for the body when the client waits to be asked', async () => {
  const body = produceJson('continued', 'a')
  const connection = openRaw(server.port)
  connection.socket.write(
    head(
      'POST /v1/produce',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Expect: 100-continue',
    ),
  )
  expect((await connection.answer()).status).toBe(100)
  connection.socket.write(body)
  expect((await connection.answer()).status).toBe(200)
  connection.socket.destroy()
})

test('HEAD answers the headers of GET and keeps the connection in step', async () => {
  const connection = openRaw(server.port)
  connection.socket.write(head('HEAD /brokers') + head('GET /brokers'))
  const withoutBody = await connection.answer({ hasBody: false })
  const withBody = await connection.answer()
  expect(withoutBody.status).toBe(200)
  expect(withoutBody.headers['content-length']).toBe(String(withBody.body.length))
  expect(withBody.body.toString()).toBe('{"brokers":[0,1,2]}')
  connection.socket.destroy()
})

test.each([
  { name: 'no Host', bytes: 'GET / HTTP/1.1\r\n\r\n', status: 403, code: 40301 },
  { name: 'what is not HTTP', bytes: 'hello\r\n\r\n', status: 400, code: 40002 },
  {
    name: 'two lengths',
    bytes: head('POST /', 'Content-Length: 1', 'Content-Length: 2'),
    status: 400,
    code: 40002,
  },
  {
    name: 'headers that are too large',
    bytes: head('GET /', `X-A: ${'a'.repeat(20_000)}`),
    status: 431,
    code: 431,
  },
  {
    name: 'a path that is a whole address',
    bytes: head('GET http://localhost/nothing'),
    status: 404,
    code: 404,
  },
  {
    name: 'a whole address of another host, whatever Host says',
    bytes: head('GET http://evil.example/topics'),
    status: 403,
    code: 40301,
  },
  {
    name: 'an expectation that HTTP does not know',
    bytes: head('POST /v1/metadata', 'Content-Type: application/json', 'Content-Length: 2', 'Expect: foo'),
    status: 417,
    code: 417,
  },
])('answers $name in the envelope', async ({ bytes, status, code }) => {
  const answer = await sendRaw(server.port, bytes)
  expect(answer.status).toBe(status)
  expect(envelope(answer.body).error_code).toBe(code)
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{24}$/)
})

test('JSON that is nested very deeply is refused', async () => {
  const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`
  expect((await sendRaw(server.port, post('/v1/produce', deep))).status).toBe(400)
  const record = `{"records":[{"value":${deep}}]}`
  expect((await sendRaw(server.port, post('/topics/deep', record))).status).toBe(422)
})

test('a fetch waits for a record, and one that is given up ends without one', async () => {
  await sendRaw(server.port, post('/v1/produce', produceJson('waited', 'a')))
  const waiting = JSON.stringify({
    maxWaitMs: 15_000,
    topics: [{ name: 'waited', partitions: [{ partitionIndex: 0, fetchOffset: 1 }] }],
  })
  const leaving = openRaw(server.port)
  leaving.socket.write(post('/v1/fetch', waiting))
  leaving.socket.end()
  const answered = sendRaw(server.port, post('/v1/fetch', waiting))
  await sendRaw(server.port, post('/v1/produce', produceJson('waited', 'b')))
  const answer = JSON.parse((await answered).body.toString())
  expect(answer.topics[0].partitions[0].records[0].value).toBe('Yg==')
})

test('a request that is cut off stores nothing and leaves the service well', async () => {
  const connection = openRaw(server.port)
  connection.socket.write(post('/v1/produce', produceJson('cut', 'a')).slice(0, -5))
  connection.socket.end()
  await connection.closed()
  const topics = await fetch(`http://127.0.0.1:${server.port}/topics`)
  expect(await topics.json()).not.toContain('cut')
})

test('closing answers what is waiting, refuses what is new, and may be done twice', async () => {
  const closing = await startLocalServer(OPTIONS)
  await sendRaw(closing.port, post('/v1/produce', produceJson('t', 'a')))
  const idle = openRaw(closing.port)
  idle.socket.write(head('GET /'))
  await idle.answer()
  const waiting = JSON.stringify({
    maxWaitMs: 15_000,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, fetchOffset: 1 }] }],
  })
  const connection = openRaw(closing.port)
  connection.socket.write(post('/v1/fetch', waiting) + head('GET /'))
  const startedMs = performance.now()
  const answered = connection.answer()
  // Its first poll proves that the wait has begun.
  await fetch(`http://127.0.0.1:${closing.port}/healthz`)
  await Promise.all([closing.close(), closing.close()])
  expect((await answered).status).toBe(200)
  expect(performance.now() - startedMs).toBeLessThan(4000)
  await idle.closed()
  await expect(sendRaw(closing.port, head('GET /'))).rejects.toThrow()
})

test('a port in use is told with its cause, and the stores are closed again', async () => {
  await expect(startLocalServer({ ...OPTIONS, port: server.port })).rejects.toMatchObject({
    message: `port is in use port=${server.port}`,
    cause: { code: 'EADDRINUSE' },
  })
})

test('a whole address is answered as its path', async () => {
  const answer = await sendRaw(server.port, head(`GET http://127.0.0.1:${server.port}/brokers?a=1`))
  expect(answer.body.toString()).toBe('{"brokers":[0,1,2]}')
})

test('a client that takes nothing of its answer is let go', async () => {
  const answer = { status: 200, headers: {}, body: [new Uint8Array(64 * 1024 * 1024)] }
  const sent = Promise.withResolvers<boolean>()
  const slow = createServer((_, response) => {
    const options = { isLast: false, bodyIsComing: false, timeoutMs: 100 }
    sendResponse(response, answer, options).then(() => sent.resolve(response.destroyed), sent.reject)
  })
  await once(slow.listen(0, '127.0.0.1'), 'listening')
  const { port } = slow.address() as AddressInfo
  const client = openRaw(port)
  client.socket.pause()
  client.socket.write(head('GET /'))
  expect(await sent.promise).toBe(true)
  client.socket.destroy()
  slow.close()
})

test('no more connections are taken than a process has room for', async () => {
  const crowded = await startLocalServer(OPTIONS)
  const connections = Array.from({ length: 500 }, () => openRaw(crowded.port))
  await Promise.all(connections.map(({ socket }) => once(socket, 'connect')))
  const last = connections.at(-1)
  last?.socket.write(head('GET /brokers'))
  expect((await last?.answer())?.status).toBe(200)
  await openRaw(crowded.port).closed()
  for (const { socket } of connections) socket.destroy()
  await crowded.close()
})

test('a failure that may pass is a 503 that says when to come again', async () => {
  const dataDirectory = temporaryFolder()
  const failing = await startLocalServer({ ...OPTIONS, dataDirectory })
  await sendRaw(failing.port, post('/topics/a', '["x"]'))
  for (const node of ['0', '1', '2']) {
    const folder = join(dataDirectory, 'nodes', node)
    await rm(folder, { recursive: true })
    await writeFile(folder, '')
  }
  const answer = await sendRaw(failing.port, post('/topics/a', '["y"]'))
  expect(answer.status).toBe(503)
  expect(answer.headers['retry-after']).toBe('1')
  expect(envelope(answer.body)).toMatchObject({ error_code: 50003, retriable: true })
  await failing.close()
})
