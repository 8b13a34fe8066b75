import type { HttpRequest } from './http-types.ts'

/** What an HTTP API (payload format 2.0) and a Function URL hand to a Lambda, as far as it is read here. */
export interface LambdaHttpEvent {
  /** Without the query; still percent-encoded from a Function URL, already decoded from an HTTP API. */
  readonly rawPath: string
  /** As sent, without the `?`. */
  readonly rawQueryString?: string
  /** Duplicates of a header are joined by commas; cookies stand apart. */
  readonly headers?: Readonly<Record<string, string>>
  readonly cookies?: readonly string[]
  readonly body?: string
  readonly isBase64Encoded?: boolean
  readonly requestContext: {
    readonly requestId?: string
    /** `$default` is not in the path, any other name is its first segment. */
    readonly stage?: string
    readonly http: { readonly method: string }
  }
}

/** What can never stand in a percent-encoded path: its presence shows that the path was decoded on the way. */
const NOT_IN_A_PATH = /%(?![0-9A-Fa-f]{2})|[^!-~]|["#<>?[\\\]^`{|}]/gu
const NO_BODY = new Uint8Array(0)

/** The event as functions/http.ts takes it: what local/server.ts would make of the same request. */
export function toHttpRequest(event: LambdaHttpEvent, signal: AbortSignal): HttpRequest {
  return {
    method: event.requestContext.http.method.toUpperCase(),
    path: pathOf(event),
    query: new URLSearchParams(event.rawQueryString ?? ''),
    headers: headersOf(event),
    body: event.body === undefined ? NO_BODY : Buffer.from(event.body, bodyEncoding(event)),
    signal,
  }
}

/** Content types say nothing about how the gateway passed a body on: this flag does. */
function bodyEncoding(event: LambdaHttpEvent): 'base64' | 'utf8' {
  return event.isBase64Encoded === true ? 'base64' : 'utf8'
}

function pathOf({ rawPath, requestContext: { stage } }: LambdaHttpEvent): string {
  const prefix = stage === undefined || stage === '$default' ? '' : `/${stage}`
  const isBelow = prefix !== '' && (rawPath === prefix || rawPath.startsWith(`${prefix}/`))
  const path = isBelow ? rawPath.slice(prefix.length) : rawPath
  return path.startsWith('/') ? path.replace(NOT_IN_A_PATH, encodeCharacter) : '/'
}

/** Half a surrogate pair has no encoding: it becomes U+FFFD, as it would in UTF-8. */
function encodeCharacter(character: string): string {
  return encodeURIComponent(character.toWellFormed())
}

function headersOf(event: LambdaHttpEvent): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(event.headers ?? {})) {
    const lower = name.toLowerCase()
    const before = headers[lower]
    headers[lower] = before === undefined ? value : `${before}, ${value}`
  }
  if (event.cookies !== undefined && event.cookies.length > 0) headers.cookie = event.cookies.join('; ')
  const { requestId } = event.requestContext
  if (headers['x-request-id'] === undefined && requestId !== undefined) headers['x-request-id'] = requestId
  return headers
}
