import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A call that went through a proxy, and its answer. */
export interface ProxiedCall {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly status: number
  readonly answer: Buffer
  /** By `performance.now()`: when the call was there, and when its answer was sent. */
  readonly beganAtMs: number
  readonly endedAtMs: number
}

/** A proxy in front of one endpoint. */
export interface CountingProxy {
  readonly endpoint: string
  close(): Promise<void>
}

interface ProxyOptions {
  /** The endpoint that is called. */
  readonly upstream: string
  /** Each answer is held back for so long: an emulator on this machine answers sooner than AWS. */
  readonly latencyMs: number
  /** The body to send in place of the one that came. */
  readonly rewrite: (body: Buffer, headers: IncomingMessage['headers']) => Buffer
  readonly onCall: (call: ProxiedCall) => void
}

/** Starts a proxy on a free port that tells of every call. It is for emulators: a rewritten body has no valid signature. */
export async function startCountingProxy(options: ProxyOptions): Promise<CountingProxy> {
  const agent = new Agent({ keepAlive: true })
  const server = createServer({ noDelay: true }, (message, response) => {
    passOn(options, agent, message, response).catch((error: unknown) => {
      process.stderr.write(`proxy: ${error}\n`)
      response.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      agent.destroy()
    },
  }
}

async function passOn(
  options: ProxyOptions,
  agent: Agent,
  message: IncomingMessage,
  response: ServerResponse,
) {
  const beganAtMs = performance.now()
  const { method = '', url: path = '', headers } = message
  const body = options.rewrite(await bytesOf(message), headers)
  const sent = request(new URL(path, options.upstream), {
    method,
    agent,
    headers: { ...headers, 'content-length': body.length },
  })
  sent.end(body)
  const [answered] = (await once(sent, 'response')) as [IncomingMessage]
  const answer = await bytesOf(answered)
  await sleep(options.latencyMs)
  const status = answered.statusCode ?? 0
  options.onCall({
    ...{ method, path, headers, body, status, answer },
    ...{ beganAtMs, endedAtMs: performance.now() },
  })
  response.writeHead(status, answered.headers).end(answer)
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
