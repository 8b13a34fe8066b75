import type { Effect } from '../shared/protocol/error-table.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { answerType, type Dialect, type HttpResponse } from './http-types.ts'

/** An API gateway's own ids end in `=`. */
const REQUEST_ID = /^[A-Za-z0-9._=-]{1,128}$/
const REQUEST_ID_BYTES = 12
/** What a client should wait before the same request, in seconds. */
const RETRY_AFTER = '1'

/** An error as an answer: the envelope of http-api §0. `effect` says more than the error's own, where a caller knows more. */
export function errorResponse(
  error: KafkaError,
  context: { readonly requestId: string; readonly dialect: Dialect; readonly effect?: Effect },
): HttpResponse {
  const status = error.httpStatus
  const envelope = {
    error_code: error.restCode,
    message: error.message,
    kafka_error: error.errorName,
    retriable: error.retriable,
    effect: context.effect ?? error.effect,
    request_id: context.requestId,
  }
  return {
    status,
    headers: {
      'Content-Type': answerType(context.dialect),
      ...(status === 429 || status === 503 ? { 'Retry-After': RETRY_AFTER } : {}),
    },
    body: [Buffer.from(JSON.stringify(envelope))],
  }
}

/** The caller's X-Request-Id if it is one that can stand in a header and a log, else a new one. */
export function requestIdOf(sent: string | undefined, randomBytes: (count: number) => Uint8Array): string {
  if (sent !== undefined && REQUEST_ID.test(sent)) return sent
  return Buffer.from(randomBytes(REQUEST_ID_BYTES)).toString('hex')
}

/** A body or parameter that is not of its form: 400 on /v1, 422 on REST. */
export function malformed(dialect: Dialect, message: string, cause?: unknown): KafkaError {
  return new KafkaError('INVALID_REQUEST', message, dialect === 'rest' ? { restCode: 422, cause } : { cause })
}
