import { HANDLERS } from '../../functions/handlers.ts'
import { httpService } from '../../functions/http.ts'
import type { HttpResponse } from '../../functions/http-types.ts'
import { embeddedDeps } from '../../functions/wiring.ts'

/** What a test sends; `body` is JSON unless it is bytes or text. */
export interface TestRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** An answer with its body read. */
export interface TestAnswer {
  readonly status: number
  readonly headers: HttpResponse['headers']
  readonly bytes: Uint8Array
  readonly text: string
  /** The parsed body; undefined when it is empty. */
  readonly json: unknown
}

/** The whole service on an in-memory store, without a server around it. */
export async function testService(
  configs: Readonly<Record<string, string>> = {},
  corsOrigins: string[] = [],
) {
  const { deps, close } = await embeddedDeps({
    dataDirectory: undefined,
    nodes: 3,
    durability: 'process',
    configs,
  })
  const answer = httpService(deps, { hosts: 'loopback', corsOrigins }, HANDLERS)
  const send = async (request: TestRequest): Promise<TestAnswer> => {
    const method = request.method ?? (request.body === undefined ? 'GET' : 'POST')
    const queryAt = request.path.indexOf('?')
    const response = await answer({
      method,
      path: queryAt < 0 ? request.path : request.path.slice(0, queryAt),
      query: new URLSearchParams(queryAt < 0 ? '' : request.path.slice(queryAt + 1)),
      headers: {
        host: 'localhost:8082',
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      body: bytesOf(request.body),
    })
    const bytes = Buffer.concat(response.body)
    const text = bytes.toString('utf8')
    const isJson = response.headers['Content-Type']?.includes('json') && bytes.length > 0
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    }
  }
  return { deps, send, close }
}

function bytesOf(body: unknown): Uint8Array {
  if (body === undefined) return new Uint8Array(0)
  if (body instanceof Uint8Array) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}
