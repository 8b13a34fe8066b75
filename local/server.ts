import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { HANDLERS } from '../functions/handlers.ts'
import { type HttpService, httpService } from '../functions/http.ts'
import { ROUTES } from '../functions/routes.ts'
import { type AwsOptions, awsDeps, type EmbeddedOptions, embeddedDeps } from '../functions/wiring.ts'
import { malformedHttpResponse } from './malformed-http.ts'
import { NODE_FAULT_ROUTES, nodeFaultHandlers } from './node-fault-routes.ts'
import {
  announcesTooMuch,
  expectsTheUnknown,
  readBody,
  SEND_TIMEOUT_MS,
  sendResponse,
  toHttpRequest,
} from './node-request.ts'

/** Where to listen, and what the service behind it is made of; port 0 takes a free one. */
export type LocalServerOptions = { readonly port: number } & (EmbeddedOptions | AwsOptions)

/** A running local service. */
export interface LocalServer {
  readonly port: number
  /** Storage nodes it has. */
  readonly nodes: number
  /** Takes no more requests, lets those under way finish for up to 5 s, then closes connections and stores. */
  close(): Promise<void>
}

/** Only this machine reaches a service that asks for no credential. */
const LOOPBACK = '127.0.0.1'
const DRAIN_MS = 5000
/** A client that sends its headers or its body more slowly than this only holds a connection. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60_000
/** Each may hold a body of 4.5 MB and an answer of 6 MB; a process has 1,024 file descriptors, and half are for objects. */
const MAX_CONNECTIONS = 500
/** Longer than clients keep an idle connection, so that it is they who close it. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000

/**
 * Starts the service on node:http.
 *
 * Rejects when the port or the data directory is in use, with the cause.
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const local = await ('store' in options ? awsDeps(options) : embeddedDeps(options))
  const { deps, policy, close: closeStores } = local
  const handlers = { ...HANDLERS, ...nodeFaultHandlers(local) }
  const answer = httpService(deps, policy, handlers, [...ROUTES, ...NODE_FAULT_ROUTES])
  const closing = new AbortController()
  const inFlight = new Set<Promise<void>>()
  const lastOf = new WeakMap<Duplex, Exchange>()
  const onRequest = (message: IncomingMessage, response: ServerResponse) => {
    const exchange: Exchange = { message, response, before: lastOf.get(message.socket)?.done }
    const done = respond(exchange, answer, closing.signal)
      .catch((error: unknown) => {
        deps.log.error('answer not sent', { stack: error instanceof Error ? error.stack : String(error) })
        response.destroy()
      })
      .finally(() => {
        inFlight.delete(done)
        if (closing.signal.aborted) server.closeIdleConnections()
      })
    exchange.done = done
    inFlight.add(done)
    lastOf.set(message.socket, exchange)
  }
  const onMalformed = async (code: string | undefined, socket: Duplex) => {
    const last = lastOf.get(socket)
    await (last?.message.complete ? last.done : last?.before)
    if (socket.writable) socket.end(malformedHttpResponse(code, deps.randomBytes))
  }
  const server = newServer(onRequest, onMalformed)
  try {
    await listen(server, options.port)
  } catch (error) {
    await closeStores()
    throw error
  }
  let closed: Promise<void> | undefined
  const close = async () => {
    closing.abort()
    const ended = new Promise<void>((resolve) => server.close(() => resolve()))
    await settledWithin(inFlight, DRAIN_MS)
    server.closeAllConnections()
    await ended
    await closeStores()
  }
  return {
    port: (server.address() as AddressInfo).port,
    nodes: deps.nodes.size,
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

type OnRequest = (message: IncomingMessage, response: ServerResponse) => void
type OnMalformed = (code: string | undefined, socket: Duplex) => void

function newServer(onRequest: OnRequest, onMalformed: OnMalformed): Server {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: 1000,
    noDelay: true,
    requireHostHeader: false, // a request without one is refused in the envelope, like one with a foreign one
  })
  server.maxConnections = MAX_CONNECTIONS
  server.on('request', onRequest)
  server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) => {
    if (!announcesTooMuch(message)) response.writeContinue()
    onRequest(message, response)
  })
  // Without a listener node:http answers a bare 417.
  server.on('checkExpectation', onRequest)
  server.on('clientError', (error: Error & { code?: string }, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
    else onMalformed(error.code, socket)
  })
  return server
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: Error & { code?: string }) => {
      const fact = cause.code === 'EADDRINUSE' ? 'port is in use' : 'cannot listen on port'
      reject(new Error(`${fact} port=${port}`, { cause }))
    })
    server.listen(port, LOOPBACK, resolve)
  })
}

/** One request and its answer. */
interface Exchange {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** Ends with the request before it on the same connection: node:http would run what is pipelined all at once. */
  readonly before: Promise<void> | undefined
  /** Ends with this one; never rejects. */
  done?: Promise<void>
}

async function respond(exchange: Exchange, answer: HttpService, closing: AbortSignal): Promise<void> {
  const { message, response } = exchange
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  response.once('close', leave)
  closing.addEventListener('abort', leave)
  try {
    if (exchange.before !== undefined) await exchange.before
    const read = await readBody(message)
    if (read === undefined) return
    const answered = await answer(toHttpRequest(message, read.body, leaving.signal))
    const isLast = !read.complete || closing.aborted
    const isAskedToSend = message.headers.expect === undefined || expectsTheUnknown(message)
    const bodyIsComing = !read.complete && isAskedToSend
    const timeoutMs = SEND_TIMEOUT_MS
    if (!response.destroyed) await sendResponse(response, answered, { isLast, bodyIsComing, timeoutMs })
  } finally {
    closing.removeEventListener('abort', leave)
  }
}

async function settledWithin(work: ReadonlySet<Promise<void>>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([Promise.allSettled(work), timeout])
  clearTimeout(timer)
}
