import type { IncomingMessage, ServerResponse } from 'node:http'
import { isUnknownExpectation } from '../functions/http-body.ts'
import type { HttpRequest, HttpResponse } from '../functions/http-types.ts'
import { MAX_WIRE_BODY_BYTES } from '../shared/protocol/limits.ts'

/** A request's body as far as it was read: `complete` is false when it is too large to go on. */
interface ReadBody {
  readonly body: Uint8Array
  readonly complete: boolean
}

/** How long, and how much of it, the rest of a refused body is thrown away, so that the client gets to read the answer. */
const LINGER_MS = 1000
const LINGER_BYTES = 16 * 1024 * 1024

/** A client that took nothing of its answer for so long will not come for the rest: up to 6 MB each would pile up. */
export const SEND_TIMEOUT_MS = 30_000

/** Whether the body that a request announces is more than can be taken: there is no need to read any of it. */
export function announcesTooMuch(message: IncomingMessage): boolean {
  return Number(message.headers['content-length'] ?? 0) > MAX_WIRE_BODY_BYTES
}

/** Whether the request asks for what HTTP does not know: it is refused, and its body may or may not follow. */
export function expectsTheUnknown({ headers }: IncomingMessage): boolean {
  return isUnknownExpectation(headers.expect)
}

/** The body, or as much of it as shows that it is too large; undefined when the client leaves before its end. */
export function readBody(message: IncomingMessage): Promise<ReadBody | undefined> {
  if (announcesTooMuch(message) || expectsTheUnknown(message))
    return Promise.resolve({ body: new Uint8Array(0), complete: false })
  if (message.destroyed) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const finish = (complete: boolean) => {
      message.off('data', onData).off('end', onEnd).off('close', onClose)
      const [first] = chunks
      resolve({
        body: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, bytes),
        complete,
      })
    }
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes <= MAX_WIRE_BODY_BYTES) return
      message.pause()
      finish(false)
    }
    const onEnd = () => finish(true)
    const onClose = () => resolve(undefined)
    message.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}

/** The request as functions/http.ts takes it. */
export function toHttpRequest(message: IncomingMessage, body: Uint8Array, signal: AbortSignal): HttpRequest {
  const { url, host } = targetOf(message.url ?? '/')
  const queryAt = url.indexOf('?')
  const path = queryAt < 0 ? url : url.slice(0, queryAt)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  if (host !== undefined) headers.host = host
  return {
    method: message.method ?? 'GET',
    path: path.startsWith('/') ? path : '/',
    query: new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt + 1)),
    headers,
    body,
    signal,
  }
}

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i

/** A request target may be a whole URL, whose host then stands for the Host header (RFC 9112, 3.2.2). */
function targetOf(target: string): { readonly url: string; readonly host: string | undefined } {
  const [prefix = '', host] = ABSOLUTE_FORM.exec(target) ?? []
  return { url: target.slice(prefix.length), host }
}

/**
 * Sends an answer; `isLast` ends the connection behind it, and so does a client that takes nothing of it for `timeoutMs`.
 * Resolves when nothing more will be sent.
 */
export async function sendResponse(
  response: ServerResponse,
  answer: HttpResponse,
  options: { readonly isLast: boolean; readonly bodyIsComing: boolean; readonly timeoutMs: number },
): Promise<void> {
  // node:http takes the time-out off again once the answer is gone; bytes that go out count as progress.
  response.setTimeout(options.timeoutMs, () => response.destroy())
  const bytes = answer.body.reduce((sum, chunk) => sum + chunk.byteLength, 0)
  response.writeHead(answer.status, {
    ...(answer.status === 204 ? {} : { 'Content-Length': bytes }),
    ...answer.headers,
    ...(options.isLast ? { Connection: 'close' } : {}),
  })
  const [only] = answer.body
  if (answer.body.length === 1 && only !== undefined && !options.bodyIsComing) {
    response.end(only)
  } else {
    response.cork()
    for (const chunk of answer.body) response.write(chunk)
    response.uncork()
    if (options.bodyIsComing) await discardBody(response.req)
    response.end()
  }
  await new Promise<void>((resolve) => {
    if (response.writableFinished || response.destroyed) resolve()
    else response.once('finish', resolve).once('close', resolve)
  })
}

/** Closing with unread bytes resets the connection, and takes the answer with it. */
function discardBody(message: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0
    const timer = setTimeout(resolve, LINGER_MS)
    const finish = () => {
      clearTimeout(timer)
      resolve()
    }
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > LINGER_BYTES) finish()
    })
    message.once('end', finish).once('close', finish)
    message.resume()
  })
}
