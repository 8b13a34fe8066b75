import { KafkaError } from '../shared/protocol/kafka-error.ts'
import type { Deps } from '../shared/service/deps.ts'
import { asKafkaError } from '../shared/service/rows.ts'
import { type AccessPolicy, checkAccess, corsHeaders, preflightResponse } from './access-policy.ts'
import { errorResponse, requestIdOf } from './envelope.ts'
import { clockOfRequest } from './give-way.ts'
import type { Handler } from './handler.ts'
import { checkExpectation, checkWireSize, decodedBody } from './http-body.ts'
import type { Dialect, HttpRequest, HttpResponse } from './http-types.ts'
import { contentTypeOf, unsupportedMediaType } from './media-type.ts'
import { newRouter, type RouteRow, type Router } from './router.ts'
import { ROUTES } from './routes.ts'

/** Answers every request; it never rejects. */
export type HttpService = (request: HttpRequest) => Promise<HttpResponse>

/** Handlers by the name that a table of routes gives them. */
type NamedHandlers = Readonly<Partial<Record<string, Handler>>>

/**
 * The service as Request → Response on bytes: the checks of http-api §0 in their order, then the route's handler.
 * A route whose handler is not among `handlers` is another function's.
 */
export function httpService(
  deps: Deps,
  policy: AccessPolicy,
  handlers: NamedHandlers,
  routes: readonly RouteRow[] = ROUTES,
): HttpService {
  const router = newRouter(routes)
  return async (request) => {
    const requestId = requestIdOf(request.headers['x-request-id'], deps.randomBytes)
    const response = await respond({ deps, policy, router, handlers, requestId }, request)
    const headers = {
      ...response.headers,
      ...corsHeaders(policy, request.headers),
      'X-Request-Id': requestId,
    }
    return request.method === 'HEAD' ? withoutBody(response, headers) : { ...response, headers }
  }
}

interface Context {
  readonly deps: Deps
  readonly policy: AccessPolicy
  readonly router: Router
  readonly handlers: NamedHandlers
  readonly requestId: string
}

async function respond(context: Context, request: HttpRequest): Promise<HttpResponse> {
  const { deps, policy, router, handlers, requestId } = context
  const dialect: Dialect = NATIVE_PATH.test(request.path) ? 'v1' : 'rest'
  try {
    checkAccess(policy, request.headers)
    checkExpectation(request)
    // A credential is looked at here, once there are keys: before anything of the body.
    const preflight = preflightResponse(policy, request)
    if (preflight !== undefined) return preflight
    const match = router(request.method, request.path)
    if (match.found === 'path') return methodNotAllowed(match.allow, { requestId, dialect })
    if (match.found === 'nothing') throw unknownPath(request.path)
    const handler = handlers[match.api]
    if (handler === undefined) throw servedElsewhere(match.api)
    checkWireSize(request)
    const mediaType = checkedMediaType(handler, request)
    return await handler.run(
      { ...deps, clock: clockOfRequest(deps.clock), deadlineMs: request.deadlineMs },
      {
        params: match.params,
        query: request.query,
        headers: request.headers,
        mediaType,
        body: handler.accepts === undefined ? NO_BODY : await decodedBody(request, dialect),
        requestId,
        signal: request.signal,
      },
    )
  } catch (thrown) {
    return errorResponse(asKafkaError(deps, thrown, { requestId }), { requestId, dialect })
  }
}

const NATIVE_PATH = /^\/(v1|dev)\//
const NO_BODY = new Uint8Array(0)
/** What a caller sent may be of any length: no more of it than tells what it was. */
const MAX_SHOWN_LENGTH = 100

function unknownPath(path: string): KafkaError {
  const message = `unknown path path=${path.slice(0, MAX_SHOWN_LENGTH)}`
  return new KafkaError('INVALID_REQUEST', message, { restCode: 404 })
}

function servedElsewhere(api: string): KafkaError {
  return new KafkaError('INVALID_REQUEST', `path is not served here api=${api}`, { restCode: 404 })
}

function checkedMediaType(handler: Handler, request: HttpRequest): string {
  if (handler.accepts === undefined) return ''
  const mediaType = contentTypeOf(request.headers)
  if (!handler.accepts(mediaType)) throw unsupportedMediaType(`content-type must be ${handler.wants}`)
  return mediaType
}

function methodNotAllowed(
  allow: readonly string[],
  context: { requestId: string; dialect: Dialect },
): HttpResponse {
  const message = `method must be one of ${allow.join(', ')}`
  const response = errorResponse(new KafkaError('INVALID_REQUEST', message, { restCode: 405 }), context)
  return { ...response, headers: { ...response.headers, Allow: allow.join(', ') } }
}

/** What HEAD answers: all that GET would, but the body. */
function withoutBody(response: HttpResponse, headers: Record<string, string>): HttpResponse {
  const bytes = response.body.reduce((sum, chunk) => sum + chunk.byteLength, 0)
  return { status: response.status, headers: { ...headers, 'Content-Length': String(bytes) }, body: [] }
}
