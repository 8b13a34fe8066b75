import type { TopicOf } from '../shared/protocol/api/common.ts'
import type { FetchedFrame, FetchResponse } from '../shared/protocol/api/fetch.ts'
import type { NodeAction, NodeActionResponse } from '../shared/protocol/api/node-faults.ts'
import { decodeFrame, encodeFrame } from '../shared/protocol/frame.ts'
import { MAX_FRAME_HEADER_BYTES } from '../shared/protocol/limits.ts'
import { type ApiName, type Apis, IS_READ, type ProduceFrameHeader } from './apis.ts'
import { answerError, parseJsonObject, type RawAnswer, StratologError } from './errors.ts'
import { networkError } from './network-error.ts'
import { DEFAULT_RETRY, type RetryDeps, type RetryPolicy, retrying } from './retry.ts'

/** Media type of a JSON header with record batches behind it. */
const FRAME_TYPE = 'application/vnd.stratolog.frame'
const JSON_TYPE = 'application/json'

/** Where the service is, and how to talk to it. */
export interface TransportOptions {
  /** `http://host:port`, or with a path in front of `/v1`. */
  readonly endpoint: string
  readonly apiKey?: string | undefined
  /** Kafka's clientId. */
  readonly clientId?: string | undefined
  /** Takes the place of the global `fetch`, for example to sign. */
  readonly fetch?: typeof fetch
  readonly retry?: Partial<RetryPolicy>
  /** Told how each try ended: with an error, after which it may be sent again, or well. */
  readonly onTry?: ((error: StratologError | undefined) => void) | undefined
  readonly deps?: Partial<RetryDeps>
}

/** What a single call may say besides its request. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Once aborted, nothing is sent again: the call fails with the error of the try under way, if that fails. */
  readonly lastTry?: AbortSignal | undefined
  /** When the last try must be over, by the transport's clock; from now on `deliveryTimeoutMs` unless given. */
  readonly deadlineMs?: number
  /** Whether a request of unknown effect may be repeated; reads are, all else is not unless it says so. */
  readonly isIdempotent?: boolean
}

/** A fetched partition with the bytes of its batches, of which the first may begin below fetchOffset. */
export type FetchedBatches = FetchedFrame & { readonly batches: Uint8Array }

/** How anything talks to the service: typed calls, sent again as the policy allows. */
export interface Transport extends RetryDeps {
  readonly endpoint: string
  readonly retry: RetryPolicy
  /**
   * JSON in, JSON out. Rows of the answer may have failed: see `rowError`.
   *
   * @throws StratologError when the whole request failed
   * @throws unknown the signal's reason, when it was aborted
   */
  call<A extends ApiName>(
    api: A,
    request: Apis[A]['request'],
    options?: CallOptions,
  ): Promise<Apis[A]['response']>
  /** Produce with record batches as they are: batch i belongs to the i-th partition of the header. */
  callFrame(
    api: 'produce',
    header: ProduceFrameHeader,
    batches: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<Apis['produce']['response']>
  /** Fetch with record batches as they are. */
  fetchFrame(request: Apis['fetch']['request'], options?: CallOptions): Promise<FetchResponse<FetchedBatches>>
  /**
   * Does something to a storage node of `stratolog dev`; anything else answers 404.
   *
   * @throws StratologError BROKER_ID_NOT_REGISTERED when there is no such node
   */
  nodeAction(nodeId: number, action: NodeAction, options?: CallOptions): Promise<NodeActionResponse>
}

/** A transport; nothing is connected before the first call. */
export function transport(options: TransportOptions): Transport {
  const endpoint = options.endpoint.replace(/\/+$/, '')
  const sender: Sender = {
    endpoint,
    headers: credentials(options),
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    retry: { ...DEFAULT_RETRY, ...options.retry },
    onTry: options.onTry ?? (() => {}),
    now: options.deps?.now ?? (() => Date.now()),
    sleep: options.deps?.sleep ?? sleep,
    random: options.deps?.random ?? (() => Math.random()),
  }
  const { retry, now, random } = sender
  return {
    endpoint,
    retry,
    now,
    random,
    sleep: sender.sleep,
    call: async (api, request, callOptions = {}) => {
      const body = new TextEncoder().encode(JSON.stringify(request))
      const sent = { ...native(api), body, contentType: JSON_TYPE, accept: JSON_TYPE }
      return jsonOf(await send(sender, sent, callOptions), api)
    },
    callFrame: async (api, header, batches, callOptions = {}) => {
      const body = concatenate(encodeFrame(header, batches))
      const sent = { ...native(api), body, contentType: FRAME_TYPE, accept: JSON_TYPE }
      return jsonOf(await send(sender, sent, callOptions), api)
    },
    fetchFrame: async (request, callOptions = {}) => {
      const body = new TextEncoder().encode(JSON.stringify(request))
      const sent = { ...native('fetch'), body, contentType: JSON_TYPE, accept: FRAME_TYPE }
      return fetchedFrameOf(await send(sender, sent, callOptions))
    },
    nodeAction: async (nodeId, action, callOptions = {}) => {
      const what = { api: `node-${action}`, path: `/dev/nodes/${nodeId}:${action}` }
      // A node that was wiped twice has lost what it was given in between.
      const sent = { ...what, isRepeatable: action !== 'wipe', contentType: JSON_TYPE, accept: JSON_TYPE }
      return jsonOf(await send(sender, { ...sent, body: new Uint8Array(0) }, callOptions), what.api)
    },
  }
}

/** Waits `ms`, or until the signal is aborted: then it rejects with the signal's reason. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

interface Sender extends RetryDeps {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly fetch: typeof fetch
  readonly retry: RetryPolicy
  readonly onTry: (error: StratologError | undefined) => void
}

interface Sent {
  /** What messages call it. */
  readonly api: string
  readonly path: string
  /** Whether it may be sent again although its effect is unknown, unless the call says. */
  readonly isRepeatable: boolean
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  readonly accept: string
}

function native(api: ApiName): Pick<Sent, 'api' | 'path' | 'isRepeatable'> {
  return { api, path: `/v1/${api}`, isRepeatable: IS_READ[api] }
}

function credentials(options: TransportOptions): Record<string, string> {
  return {
    ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
    ...(options.clientId === undefined ? {} : { 'x-client-id': options.clientId }),
  }
}

function send(sender: Sender, sent: Sent, options: CallOptions): Promise<RawAnswer> {
  return retrying(sender, {
    policy: sender.retry,
    isIdempotent: options.isIdempotent ?? sent.isRepeatable,
    deadlineMs: options.deadlineMs ?? sender.now() + sender.retry.deliveryTimeoutMs,
    signal: options.signal,
    lastTry: options.lastTry,
    send: async (timeoutMs) => {
      try {
        const answer = await sendOnce(sender, sent, { timeoutMs, signal: options.signal })
        sender.onTry(undefined)
        return answer
      } catch (error) {
        if (error instanceof StratologError) sender.onTry(error)
        throw error
      }
    },
  })
}

/** One try, its answer read to the end. The time-out is real time whatever the clock: a socket does not know it. */
async function sendOnce(
  sender: Sender,
  sent: Sent,
  until: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<RawAnswer> {
  const { signal, timeoutMs } = until
  const attempt = new AbortController()
  const stop = () => attempt.abort()
  const late = (ms: number) => attempt.abort(timedOut(sender.endpoint, sent.api, ms))
  const answerMs = Math.min(timeoutMs, sender.retry.answerTimeoutMs)
  const answerTimer = setTimeout(() => late(answerMs), answerMs)
  const timer = setTimeout(() => late(timeoutMs), timeoutMs)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const response = await sender.fetch(`${sender.endpoint}${sent.path}`, {
      method: 'POST',
      headers: { ...sender.headers, 'content-type': sent.contentType, accept: sent.accept },
      body: sent.body,
      signal: attempt.signal,
    })
    clearTimeout(answerTimer)
    const bytes = new Uint8Array(await response.arrayBuffer())
    const answer = { status: response.status, headers: response.headers, bytes }
    if (!response.ok) throw answerError(answer, sent.api)
    return answer
  } catch (error) {
    if (error instanceof StratologError) throw error
    if (signal?.aborted) throw signal.reason
    if (attempt.signal.aborted) throw attempt.signal.reason
    throw networkError(sender.endpoint, error)
  } finally {
    clearTimeout(answerTimer)
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

function timedOut(endpoint: string, api: string, timeoutMs: number): StratologError {
  const message = `${endpoint} did not answer in time api=${api} requestTimeoutMs=${timeoutMs}`
  return new StratologError('REQUEST_TIMED_OUT', message, { retriable: true, effect: 'unknown' })
}

/** The service's own answers are trusted; that it is the service which answered is not. */
function jsonOf<Response>(answer: RawAnswer, api: string): Response {
  const body = parseJsonObject(answer.bytes)
  if (body === undefined) throw notOurs(answer, `${api} was not answered in JSON`)
  return body as unknown as Response
}

function fetchedFrameOf(answer: RawAnswer): FetchResponse<FetchedBatches> {
  const contentType = answer.headers.get('content-type')?.split(';')[0]
  if (contentType !== FRAME_TYPE) throw notOurs(answer, `fetch was not answered in a frame: ${contentType}`)
  try {
    const { header, body } = decodeFrame(answer.bytes, MAX_FRAME_HEADER_BYTES)
    return { topics: withBatches((header as FetchResponse<FetchedFrame>).topics, body) }
  } catch (error) {
    throw notOurs(answer, 'fetch was answered in a malformed frame', error)
  }
}

/** Each partition's batches are the next `byteLength` bytes. */
function withBatches(
  topics: readonly TopicOf<FetchedFrame>[],
  body: Uint8Array,
): readonly TopicOf<FetchedBatches>[] {
  let position = 0
  const framed = topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((partition) => {
      const end = position + partition.byteLength
      const batches = body.subarray(position, end)
      position = end
      return { ...partition, batches }
    }),
  }))
  if (position !== body.length)
    throw new Error(`byteLength and body differ sum=${position} body=${body.length}`)
  return framed
}

function notOurs(answer: RawAnswer, message: string, cause?: unknown): StratologError {
  return new StratologError('UNKNOWN_SERVER_ERROR', message, {
    retriable: false,
    effect: 'unknown',
    httpStatus: answer.status,
    requestId: answer.headers.get('x-request-id') ?? undefined,
    cause,
  })
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let position = 0
  for (const chunk of chunks) {
    bytes.set(chunk, position)
    position += chunk.length
  }
  return bytes
}
