import { errorResponse, requestIdOf } from '../functions/envelope.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'

interface Fault {
  readonly statusLine: string
  readonly message: string
  readonly restCode: number
}

const MALFORMED: Fault = {
  statusLine: '400 Bad Request',
  message: 'http request is malformed',
  restCode: 40002,
}
const FAULTS: Readonly<Record<string, Fault>> = {
  HPE_HEADER_OVERFLOW: {
    statusLine: '431 Request Header Fields Too Large',
    message: 'http headers are too large',
    restCode: 431,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    statusLine: '408 Request Timeout',
    message: 'http request took too long to arrive',
    restCode: 408,
  },
}

/** The whole answer to what node:http could not read as a request: the envelope, and the end of the connection. */
export function malformedHttpResponse(
  code: string | undefined,
  randomBytes: (count: number) => Uint8Array,
): string {
  const { statusLine, message, restCode } = FAULTS[code ?? ''] ?? MALFORMED
  const requestId = requestIdOf(undefined, randomBytes)
  const error = new KafkaError('INVALID_REQUEST', message, { restCode })
  const { headers, body } = errorResponse(error, { requestId, dialect: 'rest' })
  const text = Buffer.concat(body).toString('utf8')
  const lines = Object.entries({
    ...headers,
    'X-Request-Id': requestId,
    'Content-Length': String(Buffer.byteLength(text)),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${statusLine}\r\n${lines.join('')}\r\n${text}`
}
