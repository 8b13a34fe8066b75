import { Agent, type AgentOptions } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { LIMITS } from '../protocol/limits.ts'

/** The connections of one SDK client. */
interface Connections {
  /** What the client is given as `requestHandler`. */
  readonly handler: {
    readonly httpAgent: Agent
    readonly httpsAgent: TlsAgent
    readonly connectionTimeout: number
  }
  /**
   * Middleware for the step `finalizeRequest`: no call starts on a connection that was idle for too long, and none starts
   * on an older connection after a call failed, since that one may have gone the same way.
   */
  readonly middleware: <Args, Answer>(
    next: (args: Args) => Promise<Answer>,
  ) => (args: Args) => Promise<Answer>
}

/**
 * Connections that are kept for the next call, but never for longer than `LIMITS.maxIdleConnectionMs`. Agents have a timer
 * for that, which stands still while a Lambda is frozen: so the clock is asked again before each call.
 */
export function newConnections(): Connections {
  const options: AgentOptions = {
    keepAlive: true,
    maxSockets: LIMITS.maxConnections,
    timeout: LIMITS.maxIdleConnectionMs, // of idle connections: the SDK does not listen for it on others
  }
  const httpAgent = new Agent(options)
  const httpsAgent = new TlsAgent(options)
  const pools = [idlePool(httpAgent), idlePool(httpsAgent)]
  return {
    handler: { httpAgent, httpsAgent, connectionTimeout: LIMITS.connectTimeoutMs },
    middleware: (next) => async (args) => {
      for (const pool of pools) pool.discard({ idleMs: LIMITS.maxIdleConnectionMs })
      try {
        return await next(args)
      } catch (error) {
        if (!isAnswer(error)) for (const pool of pools) pool.discard({ idleMs: 0 })
        throw error
      }
    },
  }
}

/** The idle connections of an agent. */
function idlePool(agent: Agent): { discard(which: { idleMs: number }): void } {
  const idleSinceMs = new WeakMap<Duplex, number>()
  const keepAlive = agent.keepSocketAlive.bind(agent)
  agent.keepSocketAlive = (socket) => {
    idleSinceMs.set(socket, Date.now())
    return keepAlive(socket)
  }
  return {
    discard: ({ idleMs }) => {
      const before = Date.now() - idleMs
      // The longest idle stand first, so an agent that takes the last one never takes one that was destroyed here.
      for (const socket of idleSockets(agent)) if ((idleSinceMs.get(socket) ?? 0) <= before) socket.destroy()
    },
  }
}

function idleSockets(agent: Agent): readonly Socket[] {
  return Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])
}

/** Whether the error is an answer of the service that says nothing about the connection. */
function isAnswer(error: unknown): boolean {
  const status = httpStatusOf(error)
  return status !== undefined && status >= 300 && status < 500
}

/** The HTTP status of an SDK error; undefined when there was no answer. */
export function httpStatusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
