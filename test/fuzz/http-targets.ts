import { gzipSync, zstdCompressSync } from 'node:zlib'
import { HANDLERS } from '../../functions/handlers.ts'
import { httpService } from '../../functions/http.ts'
import { lambdaHandler } from '../../functions/lambda.ts'
import type { LambdaHttpEvent } from '../../functions/lambda-event.ts'
import { embeddedDeps } from '../../functions/wiring.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { ERRORS } from '../../shared/protocol/error-table.ts'
import { encodeFrame } from '../../shared/protocol/frame.ts'
import { contextWith, functionUrlEvent } from '../support/lambda-event.ts'
import { holds, json, parsed, type Target } from './target.ts'

/** A request in parts that can be changed one by one; the body is what is given of `json`, `frame` and `base64`. */
interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly frame?: { readonly header: unknown; readonly body: string }
  readonly base64?: string
  /** How the body is compressed for real; a header may say something else. */
  readonly compressed?: string
}

/** Requests after which an empty service takes over: topics are created all the time. */
const REQUESTS_OF_A_SERVICE = 1000
/** Handlers end their waits at once, and have a while for the rest. */
const LAMBDA_MS = 2550
const MAX_RESULT_BYTES = 6 * 1024 * 1024
const REQUEST_ID = /^[A-Za-z0-9._=-]{1,128}$/

const batch = Buffer.from(
  encodeBatch({
    records: [{ key: null, value: Buffer.from('{"n":1}'), headers: [], timestamp: 1_790_000_000_000 }],
    compression: 'none',
    codecs: nodeCodecs,
  }),
).toString('base64')
const batchBytes = Buffer.from(batch, 'base64').length
const FRAME = { 'content-type': 'application/vnd.stratolog.frame' }
const JSON_TYPE = { 'content-type': 'application/json' }
const partition = { partitionIndex: 0 }
const of = (row: object) => ({ topics: [{ name: 'orders', partitions: [{ ...partition, ...row }] }] })
const v1 = (api: string, body: unknown, headers: Sent['headers'] = JSON_TYPE): Sent => {
  return { method: 'POST', path: `/v1/${api}`, headers, json: body }
}
const rest = (path: string, type: string, body: unknown): Sent => {
  return { method: 'POST', path, headers: { 'content-type': type }, json: body }
}
const get = (path: string, headers: Sent['headers'] = {}): Sent => ({ method: 'GET', path, headers })
const records = [{ key: 'YQ==', value: null, headers: [{ key: 'h', value: 'YQ==' }], timestamp: 1 }]
const sequence = { producerId: 7, producerEpoch: 0, baseSequence: 0 }

/** At least one valid request of every route. */
export const REQUESTS: readonly Sent[] = [
  v1('create-topics', {
    topics: [{ name: 'orders', numPartitions: 2, configs: [{ name: 'min.insync.replicas', value: '1' }] }],
  }),
  v1('produce', { acks: 'all', timeoutMs: 1000, ...of({ records, ...sequence }) }),
  v1('produce', { acks: 1, ...of({ records: batch }) }, { ...JSON_TYPE, 'content-encoding': 'gzip' }),
  {
    method: 'POST',
    path: '/v1/produce',
    headers: FRAME,
    frame: { header: { acks: -1, ...of({ byteLength: batchBytes }) }, body: batch },
  },
  {
    method: 'POST',
    path: '/v1/produce',
    headers: { ...FRAME, 'content-encoding': 'zstd' },
    frame: { header: { acks: 0, ...of({ byteLength: batchBytes }) }, body: batch },
    compressed: 'zstd',
  },
  v1('fetch', {
    maxWaitMs: 0,
    minBytes: 1,
    isolationLevel: 1,
    ...of({ fetchOffset: 0, lastFetchedEpoch: 0, currentLeaderEpoch: 0 }),
  }),
  v1(
    'fetch',
    { maxWaitMs: 0, ...of({ fetchOffset: 0, partitionMaxBytes: 10 }) },
    { ...JSON_TYPE, accept: FRAME['content-type'] },
  ),
  v1('list-offsets', of({ timestamp: -3 })),
  v1('list-offsets', { isolationLevel: 1, ...of({ timestamp: 1_790_000_000_000, currentLeaderEpoch: 0 }) }),
  v1('offset-for-leader-epoch', of({ leaderEpoch: 0 })),
  v1('metadata', { topics: [{ name: 'orders' }], includeOffsets: true, limit: 1, nextToken: 'b3JkZXJz' }),
  v1('metadata', { topics: null }),
  v1('create-partitions', { topics: [{ name: 'orders', count: 3, assignments: null }], validateOnly: true }),
  v1('describe-configs', {
    resources: [{ resourceType: 2, resourceName: 'orders', configurationKeys: ['cleanup.policy'] }],
  }),
  v1('alter-configs', {
    resources: [
      {
        resourceType: 2,
        resourceName: 'orders',
        configs: [{ name: 'retention.ms', configOperation: 0, value: '1' }],
      },
    ],
  }),
  v1('describe-cluster', {}),
  v1('elect-leaders', { electionType: 0, topics: [{ name: 'orders', partitions: [partition] }] }),
  v1('delete-topics', { topics: [{ name: 'gone' }] }),
  rest('/topics/orders', 'application/vnd.kafka.json.v2+json', {
    records: [{ key: 1, value: { a: [1.5, -0] }, partition: 0 }],
  }),
  rest('/topics/orders', 'application/vnd.kafka.binary.v2+json', { records: [{ key: null, value: 'YQ==' }] }),
  rest('/topics/orders/partitions/0', 'application/json', [{ a: 1 }, null, 'x']),
  {
    method: 'POST',
    path: '/topics/orders',
    headers: { 'content-type': 'application/x-ndjson' },
    base64: 'eyJhIjoxfQoKMgo=',
  },
  get('/topics/orders/partitions/0/records?offset=0&max_bytes=100&leader_epoch=0', {
    accept: 'application/vnd.kafka.binary.v2+json',
  }),
  get('/topics/orders/partitions/0/records?offset=-1&offset=%00&=&&a=%zz&leader_epoch=-1', {
    accept: 'text/event-stream, */*;q=0.1',
  }),
  get('/topics/orders/partitions/0/offsets'),
  get('/topics/orders/partitions/1'),
  get('/topics/orders/partitions'),
  get('/topics/%6frders'),
  get('/topics'),
  get('/brokers'),
  get('/healthz'),
  get('/'),
]

/** The service, whichever way a request comes in: none of them may break it. Close it in the end. */
export function httpTargets(): { readonly targets: readonly Target[]; readonly close: () => Promise<void> } {
  const http = renewed(async ({ deps }) =>
    httpService(deps, { hosts: 'loopback', corsOrigins: [] }, HANDLERS),
  )
  const lambda = renewed(async (service) =>
    lambdaHandler({
      handlers: HANDLERS,
      deps: async () => ({ deps: service.deps, policy: { hosts: 'any', corsOrigins: [] } }),
    }),
  )
  return {
    targets: [
      {
        name: 'http',
        seeds: REQUESTS.map((request) => json(request)),
        check: async (bytes) => checkHttp(await http.next(), bytes),
      },
      {
        name: 'lambda',
        seeds: REQUESTS.map((request) => json(eventOf(request))),
        check: async (bytes) => checkLambda(await lambda.next(), bytes),
      },
    ],
    close: async () => {
      await http.close()
      await lambda.close()
    },
  }
}

type Service = Awaited<ReturnType<typeof embeddedDeps>>

/** What `make` makes of a service in memory, anew after many requests. `errors` are what it logged: a bug each. */
function renewed<T>(make: (service: Service) => Promise<T>) {
  let current: { readonly service: Service; readonly made: T; readonly errors: string[] } | undefined
  let requests = 0
  return {
    next: async () => {
      requests += 1
      if (current !== undefined && requests % REQUESTS_OF_A_SERVICE !== 0) return current
      await current?.service.close()
      const store = { dataDirectory: undefined, nodes: 3, durability: 'process' as const, configs: {} }
      const embedded = await embeddedDeps(store)
      const errors: string[] = []
      const log = { ...embedded.deps.log, error: (...facts: unknown[]) => errors.push(JSON.stringify(facts)) }
      const service = { ...embedded, deps: { ...embedded.deps, log } }
      current = { service, made: await make(service), errors }
      return current
    },
    close: async () => current?.service.close(),
  }
}

async function checkHttp(
  { made: answer, errors }: { made: ReturnType<typeof httpService>; errors: string[] },
  bytes: Uint8Array,
): Promise<void> {
  const sent = sentOf(parsed(bytes))
  if (sent === undefined) return
  const queryAt = sent.path.indexOf('?')
  const path = queryAt < 0 ? sent.path : sent.path.slice(0, queryAt)
  const { status, headers, body } = await answer({
    method: sent.method,
    path,
    // What it waits for at most is the first of its name.
    query: new URLSearchParams(`timeout=0&${queryAt < 0 ? '' : sent.path.slice(queryAt + 1)}`),
    headers: { host: 'localhost', ...sent.headers },
    body: bodyOf(sent),
  })
  holds(errors.length === 0, `the service logged ${errors.splice(0).join()}`)
  const text = Buffer.concat(body).toString()
  holds(REQUEST_ID.test(headers['X-Request-Id'] ?? ''), 'an answer has a request id')
  holds(!text.includes('UNKNOWN_SERVER_ERROR'), `no row failed unexpectedly: ${text}`)
  if (status === 200 || sent.method === 'HEAD') return
  checkEnvelope(status, parsed(Buffer.from(text)))
}

function checkEnvelope(status: number, envelope: unknown): void {
  holds(typeof envelope === 'object' && envelope !== null, `a refusal of ${status} stands in the envelope`)
  const { error_code: code, kafka_error: name, effect } = envelope as Record<string, unknown>
  holds(typeof code === 'number' && [code, Math.floor(code / 100)].includes(status), `${code} is a ${status}`)
  holds(typeof name === 'string' && name in ERRORS, `${name} is an error of Kafka`)
  holds(effect === 'none', 'what is refused as a whole has no effect')
  holds(status !== 500, 'nothing is unexpected')
}

/** A request as far as it can come out of a server: `undefined` for what it could not be. */
function sentOf(document: unknown): Sent | undefined {
  if (typeof document !== 'object' || document === null) return undefined
  const { method, path, headers = {}, ...body } = document as Partial<Record<keyof Sent, unknown>>
  if (typeof method !== 'string' || typeof path !== 'string' || typeof headers !== 'object') return undefined
  const texts = Object.entries(headers ?? {}).filter(([, value]) => typeof value === 'string')
  const lower = texts.map(([name, value]) => [name.toLowerCase(), value] as const)
  return {
    method,
    path: path.startsWith('/') ? path : `/${path}`,
    headers: Object.fromEntries(lower),
    ...body,
  } as Sent
}

function bodyOf({ json: value, frame, base64, compressed }: Sent): Uint8Array {
  const body =
    frame === undefined || frame === null
      ? typeof base64 === 'string'
        ? Buffer.from(base64, 'base64')
        : json(value === undefined ? '' : withoutWait(value))
      : Buffer.concat(encodeFrame(frame.header ?? null, [Buffer.from(String(frame.body), 'base64')]))
  if (compressed === 'gzip') return gzipSync(body)
  return compressed === 'zstd' ? zstdCompressSync(body) : body
}

/** Nobody waits here for what will not come. */
function withoutWait(value: unknown): unknown {
  const waits = typeof value === 'object' && value !== null && 'maxWaitMs' in value
  return waits && Number(value.maxWaitMs) > 0 ? { ...value, maxWaitMs: 0 } : value
}

function eventOf(request: Sent): LambdaHttpEvent {
  const { method, path: url, headers } = request
  return functionUrlEvent({ method, url, headers, ...(method === 'GET' ? {} : { body: bodyOf(request) }) })
}

async function checkLambda(
  { made: invoke, errors }: { made: ReturnType<typeof lambdaHandler>; errors: string[] },
  bytes: Uint8Array,
): Promise<void> {
  const event = parsed(bytes)
  if (event === undefined) return
  const result = await silently(() => invoke(event as LambdaHttpEvent, contextWith(LAMBDA_MS)))
  const logged = errors.splice(0)
  holds(Number.isInteger(result.statusCode) && result.statusCode >= 200, 'an answer has a status')
  holds(
    typeof result.body === 'string' && typeof result.isBase64Encoded === 'boolean',
    'an answer has a body',
  )
  holds(json(result).length <= MAX_RESULT_BYTES, 'an answer fits into a lambda')
  if (!isEvent(event)) return
  holds(REQUEST_ID.test(result.headers['X-Request-Id'] ?? ''), 'an answer has a request id')
  holds(logged.length === 0 && result.statusCode !== 500, `nothing is unexpected: ${logged} ${result.body}`)
}

/** Whether the gateway could have sent it, as far as types go. */
function isEvent(event: unknown): event is LambdaHttpEvent {
  if (typeof event !== 'object' || event === null) return false
  const {
    rawPath,
    rawQueryString = '',
    headers = {},
    body = '',
    requestContext,
    cookies = [],
  } = event as LambdaHttpEvent
  const { requestId = '', stage = '', http } = requestContext ?? {}
  const texts = [rawPath, rawQueryString, body, requestId, stage, http?.method]
  if (typeof headers !== 'object' || headers === null || !Array.isArray(cookies)) return false
  return [...texts, ...Object.values(headers), ...cookies].every((text) => typeof text === 'string')
}

/** An event that is none is logged, each time with its stack. */
async function silently<T>(run: () => Promise<T>): Promise<T> {
  const { write } = process.stderr
  process.stderr.write = () => true
  try {
    return await run()
  } finally {
    process.stderr.write = write
  }
}
