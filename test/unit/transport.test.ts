import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import {
  rowError,
  StratologError,
  type Transport,
  type TransportOptions,
  transport,
} from '../../client/index.ts'
import { encodeFrame } from '../../shared/protocol/frame.ts'

/** Answers one request; the last one answers all that follow. */
type Answer = (response: ServerResponse, request: IncomingMessage) => void

interface Received {
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A server of scripted answers, and a transport to it whose waits are noted and take no time. */
async function scripted(answers: readonly Answer[], options: Partial<TransportOptions> = {}) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    received.push({ url: request.url, headers: request.headers, body: Buffer.concat(chunks) })
    answers[Math.min(received.length, answers.length) - 1]?.(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  closing.push(close)
  const { port } = server.address() as AddressInfo
  return { received, close, ...client({ endpoint: `http://127.0.0.1:${port}`, ...options }) }
}

/** A transport whose clock moves by its waits only. */
function client(options: TransportOptions): { sent: Transport; waits: number[] } {
  const waits: number[] = []
  let nowMs = 0
  const sleep = async (ms: number, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    waits.push(ms)
    nowMs += ms
  }
  const deps = { now: () => nowMs, sleep, random: () => 0.5 }
  return { sent: transport({ ...options, deps }), waits }
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }

const envelope = (status: number, given: object, headers: Record<string, string> = {}): Answer =>
  json(status, { error_code: 50003, message: 'no leader', request_id: 'r1', ...given }, headers)

const ok = json(200, { topics: [] })
const gateway: Answer = (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>')
const reset: Answer = (response) => response.destroy()
const cutOff: Answer = (response) => {
  response.writeHead(200, { 'content-length': '100' }).write('{"topics"')
  setImmediate(() => response.destroy())
}
const silent: Answer = () => {}

const definite = envelope(503, { kafka_error: 'LEADER_NOT_AVAILABLE', retriable: true, effect: 'none' })
const unknown = envelope(503, { kafka_error: 'REQUEST_TIMED_OUT', retriable: true, effect: 'unknown' })
const refused = envelope(400, { kafka_error: 'INVALID_REQUEST', retriable: false, effect: 'none' })

const read = (sent: Transport) => sent.call('metadata', {})
const write = (sent: Transport) => sent.call('produce', { topics: [] })

async function failure(promise: Promise<unknown>): Promise<StratologError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof StratologError) return error
  throw new Error(`expected a StratologError, got ${error}`)
}

describe('a call', () => {
  test('is a POST of JSON that says who calls', async () => {
    const { sent, received } = await scripted([ok], { apiKey: 'secret', clientId: 'me' })
    expect(await sent.call('metadata', { topics: [{ name: 'a' }] })).toEqual({ topics: [] })
    expect(received[0]).toMatchObject({
      url: '/v1/metadata',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: 'Bearer secret',
        'x-client-id': 'me',
      },
    })
    expect(received[0]?.body.toString()).toBe('{"topics":[{"name":"a"}]}')
  })

  test('may have a path in front of it, and a fetch of its own', async () => {
    const urls: unknown[] = []
    const { sent } = client({
      endpoint: 'http://somewhere/stage/',
      fetch: async (input) => {
        urls.push(input)
        return Response.json({ topics: [] })
      },
    })
    await read(sent)
    expect(urls).toEqual(['http://somewhere/stage/v1/metadata'])
  })

  test('sends batches behind the header of a frame', async () => {
    const { sent, received } = await scripted([ok])
    const header = { acks: -1, topics: [{ name: 'a', partitions: [{ partitionIndex: 0, byteLength: 3 }] }] }
    await sent.callFrame('produce', header, [Uint8Array.of(1, 2, 3)])
    expect(received[0]?.headers['content-type']).toBe('application/vnd.stratolog.frame')
    expect(received[0]?.body).toEqual(Buffer.concat(encodeFrame(header, [Uint8Array.of(1, 2, 3)])))
  })

  test('gives each partition of a fetched frame its batches', async () => {
    const topics = [
      { name: 'a', partitions: [{ partitionIndex: 0, byteLength: 2 }] },
      {
        name: 'b',
        partitions: [
          { partitionIndex: 0, byteLength: 0 },
          { partitionIndex: 1, byteLength: 1 },
        ],
      },
    ]
    const frame = Buffer.concat(encodeFrame({ topics }, [Uint8Array.of(1, 2), Uint8Array.of(3)]))
    const { sent, received } = await scripted([
      (response) => response.writeHead(200, { 'content-type': 'application/vnd.stratolog.frame' }).end(frame),
    ])
    const answer = await sent.fetchFrame({ topics: [] })
    const batches = answer.topics.flatMap(({ partitions }) => partitions.map((row) => [...row.batches]))
    expect(batches).toEqual([[1, 2], [], [3]])
    expect(received[0]?.headers.accept).toBe('application/vnd.stratolog.frame')
  })
})

describe('a failure', () => {
  test('repeats what the envelope says', async () => {
    const { sent } = await scripted([
      envelope(
        400,
        { kafka_error: 'INVALID_REQUEST', retriable: false, effect: 'none' },
        { 'x-request-id': 'r1' },
      ),
    ])
    expect(await failure(read(sent))).toMatchObject({
      errorName: 'INVALID_REQUEST',
      code: 42,
      message: 'no leader',
      retriable: false,
      effect: 'none',
      httpStatus: 400,
      requestId: 'r1',
    })
  })

  test.each([
    { status: 429, errorName: 'THROTTLING_QUOTA_EXCEEDED', retriable: true, effect: 'none' },
    { status: 502, errorName: 'NETWORK_EXCEPTION', retriable: true, effect: 'unknown' },
    { status: 503, errorName: 'NETWORK_EXCEPTION', retriable: true, effect: 'unknown' },
    { status: 504, errorName: 'NETWORK_EXCEPTION', retriable: true, effect: 'unknown' },
    { status: 500, errorName: 'UNKNOWN_SERVER_ERROR', retriable: false, effect: 'unknown' },
    { status: 404, errorName: 'UNKNOWN_SERVER_ERROR', retriable: false, effect: 'none' },
    { status: 403, errorName: 'CLUSTER_AUTHORIZATION_FAILED', retriable: false, effect: 'none' },
  ])('of a gateway with status $status has effect $effect', async ({ status, ...expected }) => {
    const { sent } = await scripted([json(status, { message: 'Forbidden' })], {
      retry: { deliveryTimeoutMs: 5000, retryBackoffMs: 9000, retryBackoffMaxMs: 9000 },
    })
    expect(await failure(write(sent))).toMatchObject({ httpStatus: status, ...expected })
  })

  test('of a connection refused has no effect and says so', async () => {
    const { sent: gone, close } = await scripted([ok])
    await close()
    const { sent, waits } = client({ endpoint: gone.endpoint, retry: { whenNotConnected: 'fail' } })
    const error = await failure(write(sent))
    expect(error.message).toBe(`cannot reach ${gone.endpoint}: connection refused`)
    expect(error).toMatchObject({ errorName: 'NETWORK_EXCEPTION', effect: 'none', httpStatus: undefined })
    expect(waits).toEqual([])
  })

  test('of a certificate that is not trusted is final, and says how to trust it', async () => {
    const cause = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    const endpoint = 'https://log.example'
    const { sent, waits } = client({
      endpoint,
      fetch: () => Promise.reject(new TypeError('fetch failed', { cause })),
    })
    const error = await failure(write(sent))
    expect(error).toMatchObject({ errorName: 'NETWORK_EXCEPTION', retriable: false, effect: 'none' })
    expect(error.message).toMatch(/^cannot reach https:\/\/log\.example: .* NODE_EXTRA_CA_CERTS /)
    expect(waits).toEqual([])
  })

  test('of a port that fetch does not talk to is final', async () => {
    const { sent, waits } = client({ endpoint: 'http://127.0.0.1:1' })
    const error = await failure(read(sent))
    expect(error).toMatchObject({ message: 'cannot reach http://127.0.0.1:1: bad port', effect: 'none' })
    expect(waits).toEqual([])
  })

  test.each([
    { name: 'a reset', answer: reset },
    { name: 'an answer cut off', answer: cutOff },
  ])('by $name has unknown effect', async ({ answer }) => {
    const { sent, received } = await scripted([answer])
    expect(await failure(write(sent))).toMatchObject({ errorName: 'NETWORK_EXCEPTION', effect: 'unknown' })
    expect(received).toHaveLength(1)
  })

  test('by time-out has unknown effect', async () => {
    const { sent } = await scripted([silent], { retry: { requestTimeoutMs: 20 } })
    expect(await failure(write(sent))).toMatchObject({ errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' })
  })

  test('by an answer that does not begin in time is a time-out, too; one that began may take longer', async () => {
    const retry = { answerTimeoutMs: 30 }
    const { sent } = await scripted([silent], { retry })
    expect(await failure(write(sent))).toMatchObject({ errorName: 'REQUEST_TIMED_OUT', effect: 'unknown' })
    const { sent: slow } = await scripted(
      [
        (response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).write('{"topics":')
          setTimeout(() => response.end('[]}'), 60)
        },
      ],
      { retry },
    )
    expect(await write(slow)).toEqual({ topics: [] })
  })

  test.each([
    { name: 'text', answer: json(200, 'text') },
    { name: 'a list', answer: json(200, []) },
  ])('by $name in place of an answer is not repeated', async ({ answer }) => {
    const { sent, received } = await scripted([answer])
    expect(await failure(read(sent))).toMatchObject({ errorName: 'UNKNOWN_SERVER_ERROR', httpStatus: 200 })
    expect(received).toHaveLength(1)
  })

  test('by a frame that contradicts itself is no answer', async () => {
    const topics = [{ name: 'a', partitions: [{ partitionIndex: 0, byteLength: 5 }] }]
    const frame = Buffer.concat(encodeFrame({ topics }, [Uint8Array.of(1)]))
    const { sent } = await scripted([
      (response) => response.writeHead(200, { 'content-type': 'application/vnd.stratolog.frame' }).end(frame),
    ])
    expect(await failure(sent.fetchFrame({ topics: [] }))).toMatchObject({
      errorName: 'UNKNOWN_SERVER_ERROR',
    })
  })
})

describe('a row of an answer', () => {
  test('that succeeded is no error', () => {
    expect(rowError({ errorCode: 0 })).toBeUndefined()
  })

  test('says for itself what it failed with', () => {
    const row = {
      errorCode: 6,
      errorName: 'NOT_LEADER_OR_FOLLOWER',
      errorMessage: 'not the leader',
      retriable: true,
      effect: 'none',
    } as const
    expect(rowError(row)).toMatchObject({
      errorName: 'NOT_LEADER_OR_FOLLOWER',
      code: 6,
      message: 'not the leader',
      retriable: true,
      effect: 'none',
      httpStatus: 200,
    })
  })

  test('with a number only is looked up, and one nobody knows is of unknown effect', () => {
    expect(rowError({ errorCode: 36 })).toMatchObject({ errorName: 'TOPIC_ALREADY_EXISTS', effect: 'none' })
    expect(rowError({ errorCode: 9999 })).toMatchObject({
      errorName: 'UNKNOWN_SERVER_ERROR',
      retriable: false,
      effect: 'unknown',
    })
  })
})

describe('a request is sent again', () => {
  test.each([
    { name: 'a write after a definite error', answer: definite, call: write, requests: 2 },
    { name: 'no write after an unknown effect', answer: unknown, call: write, requests: 1 },
    { name: 'no write after a gateway gave up', answer: gateway, call: write, requests: 1 },
    { name: 'no write after a reset', answer: reset, call: write, requests: 1 },
    { name: 'a read after an unknown effect', answer: unknown, call: read, requests: 2 },
    { name: 'a read after a gateway gave up', answer: gateway, call: read, requests: 2 },
    { name: 'a read after a reset', answer: reset, call: read, requests: 2 },
    { name: 'a read whose answer was cut off', answer: cutOff, call: read, requests: 2 },
    { name: 'nothing that was refused', answer: refused, call: read, requests: 1 },
    {
      name: 'a write after an unknown effect, if it says that it is idempotent',
      answer: unknown,
      call: (sent: Transport) => sent.call('produce', { topics: [] }, { isIdempotent: true }),
      requests: 2,
    },
  ])('$name', async ({ answer, call, requests }) => {
    const { sent, received } = await scripted([answer, ok])
    await call(sent).catch(() => {})
    expect(received).toHaveLength(requests)
  })

  test('after waits that double up to a second', async () => {
    const { sent, waits } = await scripted([...Array(6).fill(definite), ok])
    await write(sent)
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000])
  })

  test('not before Retry-After', async () => {
    const throttled = envelope(
      429,
      { kafka_error: 'THROTTLING_QUOTA_EXCEEDED', retriable: true, effect: 'none' },
      { 'retry-after': '7' },
    )
    const { sent, waits } = await scripted([throttled, ok])
    await write(sent)
    expect(waits).toEqual([7000])
  })

  test('until the delivery time-out, then fails as it failed last', async () => {
    const { sent, waits, received } = await scripted([definite], { retry: { deliveryTimeoutMs: 1000 } })
    expect(await failure(write(sent))).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' })
    expect(waits).toEqual([100, 200, 400])
    expect(received).toHaveLength(4)
  })

  test('and what one try left unknown no later refusal makes known', async () => {
    const { sent } = await scripted([unknown, refused])
    const error = await failure(sent.call('produce', { topics: [] }, { isIdempotent: true }))
    expect(error).toMatchObject({ errorName: 'INVALID_REQUEST', effect: 'unknown' })
  })

  test('when nothing listened, until something does', async () => {
    const { sent: gone, close } = await scripted([ok])
    await close()
    const { sent, waits } = client({ endpoint: gone.endpoint, retry: { deliveryTimeoutMs: 500 } })
    expect(await failure(write(sent))).toMatchObject({ effect: 'none' })
    expect(waits).toEqual([100, 200])
  })
})

test('a node that may have been wiped is not wiped again; all else that is done to it is repeated', async () => {
  const done = json(200, { nodeId: 1, fault: 'fail' })
  const failing = await scripted([gateway, done])
  expect(await failing.sent.nodeAction(1, 'fail')).toEqual({ nodeId: 1, fault: 'fail' })
  expect(failing.received.map(({ url }) => url)).toEqual(['/dev/nodes/1:fail', '/dev/nodes/1:fail'])
  const wiping = await scripted([gateway, done])
  expect(await failure(wiping.sent.nodeAction(1, 'wipe'))).toMatchObject({ effect: 'unknown' })
  expect(wiping.received).toHaveLength(1)
})

test('whoever wants to know is told how each try ended', async () => {
  const told: (string | undefined)[] = []
  const { sent } = await scripted([definite, gateway, ok], { onTry: (error) => told.push(error?.errorName) })
  await read(sent)
  expect(told).toEqual(['LEADER_NOT_AVAILABLE', 'NETWORK_EXCEPTION', undefined])
})

describe('an aborted call', () => {
  test('is not sent', async () => {
    const { sent, received } = await scripted([ok])
    const reason = new Error('stop')
    await expect(sent.call('metadata', {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(received).toHaveLength(0)
  })

  test('ends at once while it waits for an answer', async () => {
    const controller = new AbortController()
    const reason = new Error('stop')
    const { sent } = await scripted([() => controller.abort(reason)])
    await expect(sent.call('metadata', {}, { signal: controller.signal })).rejects.toBe(reason)
  })

  test('ends at once while it waits to be sent again', async () => {
    const controller = new AbortController()
    const reason = new Error('stop')
    const { sent: noted } = await scripted([
      (response, request) => {
        definite(response, request)
        setTimeout(() => controller.abort(reason), 20)
      },
    ])
    const sent = transport({
      endpoint: noted.endpoint,
      retry: { retryBackoffMs: 60_000, retryBackoffMaxMs: 60_000 },
    })
    await expect(sent.call('metadata', {}, { signal: controller.signal })).rejects.toBe(reason)
  })

  test('whose last try is under way ends with the error of that try, while it waits, too', async () => {
    const lastTry = new AbortController()
    const { sent: noted, received } = await scripted([
      (response, request) => {
        definite(response, request)
        setTimeout(() => lastTry.abort(new Error('stop')), 20)
      },
    ])
    const sent = transport({
      endpoint: noted.endpoint,
      retry: { retryBackoffMs: 60_000, retryBackoffMaxMs: 60_000 },
    })
    const call = (signal: AbortSignal) => failure(sent.call('metadata', {}, { lastTry: signal }))
    expect(await call(lastTry.signal)).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' })
    expect(await call(lastTry.signal)).toMatchObject({ errorName: 'LEADER_NOT_AVAILABLE', effect: 'none' })
    expect(received).toHaveLength(2)
  })
})
