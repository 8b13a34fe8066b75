/** A request as bytes, whatever received it: node:http or a Lambda event. */
export interface HttpRequest {
  readonly method: string
  /** As sent, still percent-encoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** As it came over the wire, `Content-Encoding` not undone. */
  readonly body: Uint8Array
  /** Aborts when the client has gone away: nobody waits for the answer. */
  readonly signal?: AbortSignal
  /** When the client is answered without this answer. */
  readonly deadlineMs?: number
}

/** An answer as bytes: the chunks of `body` are sent one after the other. */
export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: readonly Uint8Array[]
}

/** Which door a request came through: the native API under /v1, or the REST dialect at the root. */
export type Dialect = 'v1' | 'rest'

/** The media type of answers of `dialect`. */
export function answerType(dialect: Dialect): string {
  return dialect === 'v1' ? 'application/json' : 'application/vnd.kafka.v2+json'
}

/** 200 with `value` as JSON. */
export function jsonResponse(value: unknown, contentType = 'application/json'): HttpResponse {
  return {
    status: 200,
    headers: { 'Content-Type': contentType },
    body: [Buffer.from(JSON.stringify(value))],
  }
}
