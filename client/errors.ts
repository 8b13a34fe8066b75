import { type Effect, ERRORS, type ErrorName } from '../shared/protocol/error-table.ts'

interface StratologErrorFacts {
  readonly retriable: boolean
  readonly effect: Effect
  /** Status of the answer that said so; undefined when there was no answer. */
  readonly httpStatus?: number | undefined
  /** `X-Request-Id` of that answer. */
  readonly requestId?: string | undefined
  /** How long the service asked to wait (`Retry-After`). */
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/**
 * The one way anything fails at a client. Unlike the service's KafkaError it repeats what was said about this failure,
 * not what the table says of its kind: the same NETWORK_EXCEPTION has effect `none` when nothing was listening.
 */
export class StratologError extends Error {
  override readonly name = 'StratologError'
  /** Kafka's name of the error; a newer service may say one that this version does not know. */
  readonly errorName: string
  readonly retriable: boolean
  /** Whether the request may have changed something although it failed. */
  readonly effect: Effect
  readonly httpStatus: number | undefined
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(errorName: string, message: string, facts: StratologErrorFacts) {
    super(message, facts.cause === undefined ? {} : { cause: facts.cause })
    this.errorName = errorName
    this.retriable = facts.retriable
    this.effect = facts.effect
    this.httpStatus = facts.httpStatus
    this.requestId = facts.requestId
    this.retryAfterMs = facts.retryAfterMs
  }

  /** Kafka's number of the error; −1 for a name this version does not know. */
  get code(): number {
    return isErrorName(this.errorName) ? ERRORS[this.errorName].code : ERRORS.UNKNOWN_SERVER_ERROR.code
  }
}

/** A row, or the top of an answer, as far as it says how it went. */
export interface AnsweredRow {
  readonly errorCode: number
  readonly errorName?: string
  readonly errorMessage?: string
  readonly retriable?: boolean
  readonly effect?: Effect
}

/** What a row inside a 200 failed with, or undefined when it did not. */
export function rowError(row: AnsweredRow): StratologError | undefined {
  if (row.errorCode === 0) return undefined
  const known = Object.entries(ERRORS).find(([, facts]) => facts.code === row.errorCode)
  return new StratologError(
    row.errorName ?? known?.[0] ?? 'UNKNOWN_SERVER_ERROR',
    row.errorMessage ?? `the service answered errorCode=${row.errorCode}`,
    {
      retriable: row.retriable ?? known?.[1].retriable ?? false,
      effect: row.effect ?? known?.[1].effect ?? 'unknown',
      httpStatus: 200,
    },
  )
}

/** An answer as read whole, before anything is known about it. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
}

/** What an answer with a status other than 2xx failed with: the envelope's word, else what its status tells. */
export function answerError(answer: RawAnswer, what: string): StratologError {
  const { status, headers } = answer
  const requestId = headers.get('x-request-id') ?? undefined
  const facts = { httpStatus: status, requestId, retryAfterMs: retryAfterMs(headers) }
  const envelope = parseEnvelope(answer.bytes)
  if (envelope !== undefined) {
    return new StratologError(envelope.kafka_error, envelope.message, { ...facts, ...envelope })
  }
  return withoutEnvelope(`${what} was answered without an envelope httpStatus=${status}`, facts)
}

/** What a gateway says: 429 came before anything was done, behind 502 to 504 the service may still be at work. */
function withoutEnvelope(
  message: string,
  facts: { httpStatus: number; requestId: string | undefined; retryAfterMs: number | undefined },
): StratologError {
  const { httpStatus } = facts
  if (httpStatus === 429) {
    return new StratologError('THROTTLING_QUOTA_EXCEEDED', message, {
      ...facts,
      retriable: true,
      effect: 'none',
    })
  }
  if (httpStatus === 502 || httpStatus === 503 || httpStatus === 504) {
    return new StratologError('NETWORK_EXCEPTION', message, { ...facts, retriable: true, effect: 'unknown' })
  }
  if (httpStatus === 401 || httpStatus === 403) {
    const refused = `${message}: the credentials were refused before the service was asked`
    return new StratologError('CLUSTER_AUTHORIZATION_FAILED', refused, {
      ...facts,
      retriable: false,
      effect: 'none',
    })
  }
  const effect = httpStatus >= 500 ? 'unknown' : 'none'
  return new StratologError('UNKNOWN_SERVER_ERROR', message, { ...facts, retriable: false, effect })
}

interface Envelope {
  readonly kafka_error: string
  readonly message: string
  readonly retriable: boolean
  readonly effect: Effect
}

function parseEnvelope(bytes: Uint8Array): Envelope | undefined {
  const body = parseJsonObject(bytes)
  if (body === undefined) return undefined
  const { kafka_error, message, retriable, effect } = body
  if (typeof kafka_error !== 'string' || typeof message !== 'string' || typeof retriable !== 'boolean') {
    return undefined
  }
  if (effect !== 'none' && effect !== 'unknown') return undefined
  return { kafka_error, message, retriable, effect }
}

/** The JSON object that `bytes` spell, or undefined when they spell anything else. */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return isObject(value) ? value : undefined
  } catch {
    return undefined // not JSON is an answer to the question here
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `Retry-After` in seconds, the only form the service sends. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined
}

function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(ERRORS, name)
}
