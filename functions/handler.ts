import * as z from 'zod'
import { MAX_JSON_VALUES } from '../shared/protocol/http-limits.ts'
import type { Deps } from '../shared/service/deps.ts'
import { malformed } from './envelope.ts'
import { parseJsonBody } from './http-body.ts'
import { type HttpResponse, jsonResponse } from './http-types.ts'
import { JSON_TYPE } from './media-type.ts'
import type { ApiName, FunctionGroup, ROUTES } from './routes.ts'
import { describeIssue } from './schema-issue.ts'

/** A request that found its handler, and whose body is of a type that this one takes. */
export interface Call {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  /** Lower case, without parameters; '' for a request without a body. */
  readonly mediaType: string
  /** With its `Content-Encoding` undone. */
  readonly body: Uint8Array
  readonly requestId: string
  readonly signal: AbortSignal | undefined
}

/** What answers one route. */
export interface Handler {
  /** Whether a body of this media type is taken; a handler of a GET route has none. */
  readonly accepts?: (mediaType: string) => boolean
  /** What `accepts` takes, for the 415. */
  readonly wants?: string
  readonly run: (deps: Deps, call: Call) => Promise<HttpResponse>
}

/** The handlers of one function, by the name that routes.ts gives them. */
export type Handlers = { readonly [api in ApiName]?: Handler }

/** All handlers that the routes of `group` name, and no others. */
export type HandlersOf<Group extends FunctionGroup> = {
  readonly [api in Extract<(typeof ROUTES)[number], { readonly function: Group }>['api']]: Handler
}

/** A `POST /v1/<api>` with a JSON body: schema in, one service called, answer out. */
export function api<Schema extends z.ZodType>(options: {
  readonly request: Schema
  readonly run: (deps: Deps, request: z.infer<Schema>, headers: Call['headers']) => Promise<unknown>
}): Handler {
  return {
    accepts: (mediaType) => mediaType === JSON_TYPE,
    wants: JSON_TYPE,
    run: async (deps, call) =>
      jsonResponse(await options.run(deps, parseRequest(options.request, call.body), call.headers)),
  }
}

/**
 * A /v1 body that `schema` describes.
 *
 * @throws KafkaError INVALID_REQUEST when it is not JSON or not of the schema, naming the field
 */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, body: Uint8Array): z.infer<Schema> {
  checkValueCount(body)
  return checkSchema(schema, parseJsonBody('v1', body))
}

/** A parsed /v1 body that `schema` describes; throws as `parseRequest` does. */
export function checkSchema<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  try {
    return schema.parse(value)
  } catch (error) {
    if (error instanceof z.ZodError) throw malformed('v1', describeIssue(error))
    // zod passes issues on as arguments of a call, which takes about 100,000 of them.
    if (error instanceof RangeError) throw malformed('v1', 'body: is wrong in too many places', error)
    throw error
  }
}

const OPENING_OR_COMMA = [0x7b, 0x5b, 0x2c]

/** zod reports every issue of every element: a body of millions of bad ones would fill the memory. */
function checkValueCount(body: Uint8Array): void {
  if (body.byteLength <= MAX_JSON_VALUES) return
  let count = 0
  for (const byte of body) if (OPENING_OR_COMMA.includes(byte)) count += 1
  if (count > MAX_JSON_VALUES) {
    throw malformed('v1', `body: holds too many values count=${count} max=${MAX_JSON_VALUES}`)
  }
}
