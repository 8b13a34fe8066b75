import { connect } from 'node:net'
import { startLocalServer } from '../../local/server.ts'
import { holds, type Target } from './target.ts'

const BODY = JSON.stringify({
  topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, records: [{ value: 'YQ==' }] }] }],
})
const head = (line: string, ...fields: string[]) => [line, 'Host: localhost', ...fields, '', ''].join('\r\n')
const JSON_TYPE = 'Content-Type: application/json'
const REQUESTS = [
  head('GET /healthz HTTP/1.1'),
  head('HEAD /topics?a=%zz HTTP/1.1', 'Accept: */*;q=0.5, text/html', 'Cookie: a=b'),
  head('POST /v1/produce HTTP/1.1', JSON_TYPE, `Content-Length: ${BODY.length}`) + BODY,
  `${head('POST /v1/produce HTTP/1.1', JSON_TYPE, 'Transfer-Encoding: chunked')}${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
  head('POST /v1/produce HTTP/1.1', JSON_TYPE, 'Expect: 100-continue', `Content-Length: ${BODY.length}`) +
    BODY,
  head('GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c') +
    head('OPTIONS /topics HTTP/1.1', 'Origin: http://a'),
  head('GET /brokers HTTP/1.0') + head('GET /brokers HTTP/1.1', 'Connection: close'),
]
/** Every answer on a connection begins so, and says which request it answers. */
const ANSWER = /^HTTP\/1\.1 \d{3} /

/** The server of this machine, byte by byte: whatever comes over a connection, it goes on to answer. Close it in the end. */
export function socketTarget(): { readonly target: Target; readonly close: () => Promise<void> } {
  const store = { dataDirectory: undefined, nodes: 3, durability: 'process' as const, configs: {} }
  let server: ReturnType<typeof startLocalServer> | undefined
  const port = async () => {
    server ??= startLocalServer({ port: 0, ...store })
    return (await server).port
  }
  return {
    target: {
      name: 'socket',
      seeds: REQUESTS.map((request) => Buffer.from(request)),
      check: async (bytes) => {
        const answer = (await exchange(await port(), bytes)).toString('latin1')
        holds(answer === '' || ANSWER.test(answer), `an answer is HTTP: ${answer.slice(0, 100)}`)
        holds(!/^HTTP\/1\.1 500/m.test(answer), `nothing is unexpected: ${answer}`)
        const health = (await exchange(await port(), Buffer.from(REQUESTS[0] ?? ''))).toString()
        holds(health.startsWith('HTTP/1.1 200'), `the server goes on: ${health}`)
      },
    },
    close: async () => (await server)?.close(),
  }
}

/** Sends bytes and that there are no more; answers all that comes back until the other side has closed. */
function exchange(port: number, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve) => {
    const received: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes))
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('error', () => {}) // a connection may be reset: what came is the answer
    socket.on('close', () => resolve(Buffer.concat(received)))
  })
}
