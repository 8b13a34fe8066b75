import { describe, expect, test, vi } from 'vitest'
import { s3Client } from '../../shared/aws/clients.ts'
import { s3ObjectStore } from '../../shared/aws/s3-object-store.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import { type FakeAnswer, type FakeRequest, fakeEndpoint } from '../support/fake-endpoint.ts'

const { signal } = new AbortController()
const chunks = [Uint8Array.of(1, 2), Uint8Array.of(3)]
const OK: FakeAnswer = { status: 200 }
const COPIED: FakeAnswer = { status: 200, body: '<CopyObjectResult><ETag>"1"</ETag></CopyObjectResult>' }
const UNAVAILABLE: FakeAnswer = { status: 503, body: error('SlowDown') }
const DIRECTORY_BUCKET = 'node--use1-az4--x-s3'
const failure = { errorName: 'KAFKA_STORAGE_ERROR' }

async function storeOn(answer: (request: FakeRequest) => FakeAnswer, bucket = 'node') {
  const endpoint = await fakeEndpoint(answer)
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = s3Client({ endpoint: endpoint.url, region: 'us-east-1', credentials, pathStyle: true })
  return { endpoint, store: s3ObjectStore(client, bucket) }
}

describe('what goes over the wire', () => {
  test('a put sends the chunks with their length, not chunked, unannounced, without a checksum', async () => {
    const { endpoint, store } = await storeOn(() => OK)
    await store.put('wal/x', [...chunks, new Uint8Array(3_000_000)], signal)
    const [request] = endpoint.requests
    expect(request?.url).toBe('/node/wal/x?x-id=PutObject')
    expect(request?.body.subarray(0, 4)).toEqual(Buffer.of(1, 2, 3, 0))
    expect(request?.headers).toMatchObject({ 'content-length': '3000003' })
    const names = Object.keys(request?.headers ?? {})
    expect(names.filter((name) => /checksum|expect|transfer-encoding|trailer/.test(name))).toEqual([])
  })

  test('putIfAbsent is conditional, and tries again when it met another put', async () => {
    const answers = [{ status: 409, body: error('ConditionalRequestConflict') }, OK]
    const { endpoint, store } = await storeOn(() => answers.shift() ?? UNAVAILABLE)
    expect(await store.putIfAbsent('incarnation', chunks, signal)).toBe(true)
    expect(endpoint.requests.map(({ headers }) => headers['if-none-match'])).toEqual(['*', '*'])
    expect(endpoint.requests.map(({ body }) => [...body])).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
  })

  test('putIfAbsent gives up after a bounded number of conflicts', async () => {
    const conflict = { status: 409, body: error('ConditionalRequestConflict') }
    const { endpoint, store } = await storeOn(() => conflict)
    await expect(store.putIfAbsent('incarnation', chunks, signal)).rejects.toMatchObject(failure)
    expect(endpoint.requests).toHaveLength(LIMITS.conditionalPutTries)
  })

  test('a copy names its source, which S3 reads by itself', async () => {
    const { endpoint, store } = await storeOn(() => COPIED)
    expect(await store.copyFrom('other-node', 'wal/2026-01-01T00/x', signal)).toBe(true)
    expect(endpoint.requests).toMatchObject([
      { method: 'PUT', url: '/node/wal/2026-01-01T00/x?x-id=CopyObject', body: Buffer.alloc(0) },
    ])
    expect(endpoint.requests[0]?.headers['x-amz-copy-source']).toBe('other-node/wal/2026-01-01T00/x')
  })

  test.each([
    { name: 'refused', answer: UNAVAILABLE },
    { name: 'that fails after S3 answered 200', answer: { status: 200, body: error('InternalError') } },
    { name: 'from an absent bucket', answer: { status: 404, body: error('NoSuchBucket') } },
    { name: 'cut off', answer: 'reset' as const },
  ])('a copy $name is a failure, and sent once', async ({ answer }) => {
    const { endpoint, store } = await storeOn(() => answer)
    await expect(store.copyFrom('other-node', 'wal/x', signal)).rejects.toMatchObject(failure)
    expect(endpoint.requests).toHaveLength(1)
  })

  test('an absent bucket is a failure, not an absent object', async () => {
    const { store } = await storeOn(() => ({ status: 404, body: error('NoSuchBucket') }))
    await expect(store.get('wal/x', undefined, signal)).rejects.toMatchObject(failure)
  })

  test('a failure without a name is told by what it says: no region is set', async () => {
    const region = () => Promise.reject(new Error('Region is missing'))
    const store = s3ObjectStore(s3Client({ region, pathStyle: true }), 'node')
    await expect(store.get('wal/x', undefined, signal)).rejects.toThrow(
      'object not read key=wal/x cause="Region is missing"',
    )
  })

  test('an answer shorter than the range is no object', async () => {
    const { store } = await storeOn(() => ({ status: 206, body: 'ab' }))
    expect(await store.get('wal/x', { start: 0, end: 3 }, signal)).toBeUndefined()
  })
})

describe('connections', () => {
  const connectionsOf = (endpoint: { requests: readonly FakeRequest[] }) =>
    endpoint.requests.map(({ connection }) => connection)

  test('a connection is used again', async () => {
    const { endpoint, store } = await storeOn(() => OK)
    await store.put('wal/x', chunks, signal)
    await store.put('wal/y', chunks, signal)
    expect(connectionsOf(endpoint)).toEqual([0, 0])
  })

  test('but not when it was idle for too long by the clock, whatever the timers did', async () => {
    const { endpoint, store } = await storeOn(() => OK)
    await store.put('wal/x', chunks, signal)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + LIMITS.maxIdleConnectionMs + 1 })
    try {
      await store.put('wal/y', chunks, signal)
    } finally {
      vi.useRealTimers()
    }
    expect(connectionsOf(endpoint)).toEqual([0, 1])
  })

  test.each<{ name: string; answer: FakeAnswer }>([
    { name: 'a refusal', answer: UNAVAILABLE },
    { name: 'a reset', answer: 'reset' },
  ])('after $name the next try goes over another one, and is the caller’s', async ({ answer }) => {
    const { endpoint, store } = await storeOn(() => answer)
    await expect(store.put('wal/x', chunks, signal)).rejects.toMatchObject(failure)
    expect(endpoint.requests).toHaveLength(1)
    endpoint.answer = () => OK
    await store.put('wal/x', chunks, signal)
    expect(connectionsOf(endpoint)).toEqual([0, 1])
  })

  test.each<{ name: string; call: (store: ObjectStore, signal: AbortSignal) => Promise<unknown> }>([
    { name: 'put', call: (store, aborted) => store.put('wal/x', chunks, aborted) },
    { name: 'putIfAbsent', call: (store, aborted) => store.putIfAbsent('wal/x', chunks, aborted) },
    { name: 'copy', call: (store, aborted) => store.copyFrom('other-node', 'wal/x', aborted) },
  ])('a $name whose signal aborts rejects, and its connection is gone', async ({ call }) => {
    const controller = new AbortController()
    const { endpoint, store } = await storeOn(() => {
      setImmediate(() => controller.abort())
      return 'hang'
    })
    await expect(call(store, controller.signal)).rejects.toMatchObject(failure)
    endpoint.answer = () => OK
    await store.put('wal/x', chunks, signal)
    expect(connectionsOf(endpoint)).toEqual([0, 1])
  })
})

describe('sessions of a directory bucket', () => {
  test('a first session that fails is not kept', async () => {
    const { endpoint, store } = await storeOn(() => UNAVAILABLE, DIRECTORY_BUCKET)
    await expect(store.put('wal/x', chunks, signal)).rejects.toMatchObject(failure)
    endpoint.answer = (request) => (isSession(request) ? session('a', 300_000) : OK)
    await store.put('wal/x', chunks, signal)
    await store.put('wal/y', chunks, signal)
    expect(endpoint.requests.filter(isSession)).toHaveLength(2)
    expect(endpoint.requests.at(-1)?.headers['x-amz-s3session-token']).toBe('token-a')
  })

  test('one that ends soon is used while the next is asked for, whose failures harm nobody', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { endpoint, store } = await storeOn(
      (request) => (isSession(request) ? session('a', 30_000) : OK),
      DIRECTORY_BUCKET,
    )
    await store.put('wal/1', chunks, signal)
    endpoint.answer = (request) => (isSession(request) ? UNAVAILABLE : OK)
    await store.put('wal/2', chunks, signal)
    await vi.waitUntil(() => endpoint.requests.filter(isSession).length === 2)
    await vi.waitUntil(async () => {
      await store.put('wal/3', chunks, signal)
      return endpoint.requests.filter(isSession).length >= 3
    })
    expect(tokens(endpoint.requests)).toEqual(new Set(['token-a']))
    endpoint.answer = (request) => (isSession(request) ? session('b', 300_000) : OK)
    await vi.waitUntil(async () => {
      await store.put('wal/4', chunks, signal)
      return tokens(endpoint.requests).has('token-b')
    })
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('a copy between directory buckets needs none: S3 takes it with the credentials alone', async () => {
    const { endpoint, store } = await storeOn(() => COPIED, DIRECTORY_BUCKET)
    expect(await store.copyFrom('other--use1-az5--x-s3', 'wal/x', signal)).toBe(true)
    expect(endpoint.requests.filter(isSession)).toEqual([])
    expect(endpoint.requests[0]?.headers['x-amz-copy-source']).toBe('other--use1-az5--x-s3/wal/x')
    expect(endpoint.requests[0]?.headers).not.toHaveProperty('x-amz-s3session-token')
  })

  test('a call does not outlast its signal while it waits for a session', async () => {
    const controller = new AbortController()
    const { store } = await storeOn((request) => {
      if (isSession(request)) setImmediate(() => controller.abort())
      return 'hang'
    }, DIRECTORY_BUCKET)
    await expect(store.put('wal/x', chunks, controller.signal)).rejects.toMatchObject(failure)
  })
})

function tokens(requests: readonly FakeRequest[]): Set<unknown> {
  return new Set(
    requests.flatMap((request) => (isSession(request) ? [] : [request.headers['x-amz-s3session-token']])),
  )
}

function isSession({ url }: FakeRequest): boolean {
  return url.includes('?session')
}

function session(name: string, lastsMs: number): FakeAnswer {
  const parts = {
    AccessKeyId: 'id',
    SecretAccessKey: 'secret',
    SessionToken: `token-${name}`,
    Expiration: new Date(Date.now() + lastsMs).toISOString(),
  }
  const credentials = Object.entries(parts).map(([tag, text]) => `<${tag}>${text}</${tag}>`)
  const body = `<CreateSessionResult><Credentials>${credentials.join('')}</Credentials></CreateSessionResult>`
  return { status: 200, body }
}

function error(code: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>scripted</Message></Error>`
}
