import { KafkaError } from '../shared/protocol/kafka-error.ts'
import type { HttpRequest, HttpResponse } from './http-types.ts'

/** Whom the door talks to, before any credential is looked at. */
export interface AccessPolicy {
  /** `loopback` refuses a foreign Host or Origin: a web page must not reach a service on the visitor's own machine. */
  readonly hosts: 'loopback' | 'any'
  /** Origins a browser may call from (`STRATOLOG_CORS_ORIGINS`). */
  readonly corsOrigins: readonly string[]
}

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i
const CORS_METHODS = 'GET, HEAD, POST'
const CORS_HEADERS = 'Accept, Authorization, Content-Encoding, Content-Type, X-Client-Id, X-Request-Id'
const EXPOSED_HEADERS = 'Retry-After, X-Leader-Epoch, X-Next-Offset, X-Request-Id'
const FOREIGN_ORIGIN = 'origin is neither this service nor in STRATOLOG_CORS_ORIGINS'
/** How long a browser may remember a preflight, in seconds. */
const PREFLIGHT_MAX_AGE = '600'

/**
 * Checks Host and Origin.
 *
 * @throws KafkaError CLUSTER_AUTHORIZATION_FAILED when one of them is foreign
 */
export function checkAccess(policy: AccessPolicy, headers: HttpRequest['headers']): void {
  if (policy.hosts === 'any') return
  const host = headers.host ?? ''
  if (!LOOPBACK_HOST.test(host)) {
    throw new KafkaError('CLUSTER_AUTHORIZATION_FAILED', 'host must be localhost, 127.0.0.1 or [::1]')
  }
  const origin = headers.origin
  if (origin === undefined || policy.corsOrigins.includes(origin)) return
  if (origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    throw new KafkaError('CLUSTER_AUTHORIZATION_FAILED', FOREIGN_ORIGIN)
  }
}

/** The headers that let a browser read an answer; none for an origin that is not allowed. */
export function corsHeaders(policy: AccessPolicy, headers: HttpRequest['headers']): Record<string, string> {
  const origin = headers.origin
  if (policy.corsOrigins.length === 0) return {}
  if (origin === undefined || !policy.corsOrigins.includes(origin)) return { Vary: 'Origin' }
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': EXPOSED_HEADERS,
    Vary: 'Origin',
  }
}

/** The answer to a browser's preflight from an allowed origin; undefined when the request is none. */
export function preflightResponse(policy: AccessPolicy, request: HttpRequest): HttpResponse | undefined {
  const origin = request.headers.origin
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return
  if (origin === undefined || !policy.corsOrigins.includes(origin)) return
  return {
    status: 204,
    headers: {
      'Access-Control-Allow-Methods': CORS_METHODS,
      'Access-Control-Allow-Headers': CORS_HEADERS,
      'Access-Control-Max-Age': PREFLIGHT_MAX_AGE,
    },
    body: [],
  }
}
