import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import type { HttpRequest, HttpResponse } from './http-types.ts'

/** What a Lambda answers to an HTTP API or a Function URL (payload format 2.0). */
export interface LambdaHttpResult {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly isBase64Encoded: boolean
}

/** What Lambda takes as an answer, less room for status and headers; beyond it the gateway answers 502 in its own words. */
const MAX_RESULT_BYTES = 6_291_556 - 64 * 1024

const TEXT_TYPE = /^(?:text\/|application\/(?:[a-z0-9.-]+\+)?json\b|application\/x-ndjson\b)/

const gzipBytes = promisify(gzip)

/**
 * The answer as a Lambda's: text as it is, other bytes in base64. One that is too large for a Lambda is compressed if
 * the caller takes that.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when it is still too large
 */
export async function toLambdaResult(
  response: HttpResponse,
  request: Pick<HttpRequest, 'headers'>,
): Promise<LambdaHttpResult> {
  const { status: statusCode, body } = response
  const headers = withoutLength(response.headers)
  const bytes = Buffer.concat(body)
  const isText = TEXT_TYPE.test(headers['Content-Type'] ?? '')
  const text = bytes.toString(isText ? 'utf8' : 'base64')
  if (fits(text)) return { statusCode, headers, body: text, isBase64Encoded: !isText }
  if (!acceptsGzip(request.headers['accept-encoding'])) throw tooLarge(bytes.byteLength)
  const compressed = (await gzipBytes(bytes)).toString('base64')
  if (!fits(compressed)) throw tooLarge(bytes.byteLength)
  const compressedHeaders = { ...headers, 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' }
  return { statusCode, headers: compressedHeaders, body: compressed, isBase64Encoded: true }
}

/** The body travels as a JSON string, in which the quotes of JSON text take two bytes each. */
function fits(text: string): boolean {
  if (text.length * 2 <= MAX_RESULT_BYTES && Buffer.byteLength(text) * 2 <= MAX_RESULT_BYTES) return true
  return Buffer.byteLength(JSON.stringify(text)) <= MAX_RESULT_BYTES
}

function acceptsGzip(accepted = ''): boolean {
  return accepted
    .toLowerCase()
    .split(',')
    .map((entry) => entry.replaceAll(' ', ''))
    .some((entry) => entry.startsWith('gzip') && !/;q=0(?:\.0*)?$/.test(entry))
}

/** The gateway says the length itself, and of HEAD it may not say another than that of the body it got. */
function withoutLength(headers: HttpResponse['headers']): Record<string, string> {
  const { 'Content-Length': _, ...others } = headers
  return others
}

function tooLarge(bytes: number): KafkaError {
  return new KafkaError(
    'UNKNOWN_SERVER_ERROR',
    `answer is too large for a lambda bytes=${bytes} max=${MAX_RESULT_BYTES}: ask for fewer bytes, or accept gzip`,
  )
}
