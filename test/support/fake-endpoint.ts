import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A request as it came over the wire. */
export interface FakeRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  /** Number of the connection it came on, from 0. */
  readonly connection: number
}

/** What the endpoint does: answers, breaks the connection, or says nothing ever. */
export type FakeAnswer =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  | 'reset'
  | 'hang'

/** An HTTP server that plays an AWS endpoint, for the real SDK to talk to. */
export interface FakeEndpoint {
  readonly url: string
  readonly requests: FakeRequest[]
  /** Answers all further requests. */
  answer: (request: FakeRequest) => FakeAnswer
}

/** Starts one for the test that runs. */
export async function fakeEndpoint(answer: FakeEndpoint['answer']): Promise<FakeEndpoint> {
  const connections = new Map<Socket, number>()
  const server = createServer(async (message, response) => {
    const { socket } = message
    const connection = connections.get(socket) ?? connections.size
    connections.set(socket, connection)
    const { method = '', url = '', headers } = message
    const early: FakeRequest = { method, url, headers, body: Buffer.alloc(0), connection }
    try {
      const request = { ...early, body: await bodyOf(message) }
      endpoint.requests.push(request)
      send(endpoint.answer(request), response)
    } catch {
      socket.destroy() // the client left before the end of its body
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const endpoint: FakeEndpoint = { url: `http://127.0.0.1:${port}`, requests: [], answer }
  return endpoint
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function send(answer: FakeAnswer, response: ServerResponse): void {
  if (answer === 'reset') response.socket?.resetAndDestroy()
  else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body ?? '')
}
