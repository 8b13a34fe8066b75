import { isUtf8 } from 'node:buffer'
import { constants } from 'node:zlib'
import { gunzipMembers } from '../shared/codecs/gzip.ts'
import { zstdDecompressFrames } from '../shared/codecs/zstd.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { MAX_BODY_BYTES, MAX_WIRE_BODY_BYTES } from '../shared/protocol/limits.ts'
import { malformed } from './envelope.ts'
import type { Dialect, HttpRequest } from './http-types.ts'
import { unsupportedMediaType } from './media-type.ts'

/** A window larger than the largest body helps nobody, and is allocated before a byte is read. */
const MAX_ZSTD_WINDOW_LOG = 24

/** Whether an Expect header asks for more than HTTP defines: 100-continue, which whoever received the request has answered. */
export function isUnknownExpectation(expect: string | undefined): boolean {
  return expect !== undefined && expect.toLowerCase() !== '100-continue'
}

/**
 * Refuses a request that expects what cannot be promised.
 *
 * @throws KafkaError INVALID_REQUEST (417) when it does
 */
export function checkExpectation({ headers }: HttpRequest): void {
  if (!isUnknownExpectation(headers.expect)) return
  throw new KafkaError('INVALID_REQUEST', 'expect must be 100-continue', { restCode: 417 })
}

/**
 * Checks the size of a body as it came over the wire. A body that says it is too large need not have been read.
 *
 * @throws KafkaError MESSAGE_TOO_LARGE when it is
 */
export function checkWireSize(request: HttpRequest): void {
  const declared = Number(request.headers['content-length'] ?? 0)
  const bytes = Math.max(request.body.byteLength, Number.isFinite(declared) ? declared : 0)
  if (bytes > MAX_WIRE_BODY_BYTES) {
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `request body is too large bytes=${bytes} max=${MAX_WIRE_BODY_BYTES}`,
    )
  }
}

/**
 * The body with its `Content-Encoding` undone.
 *
 * @throws KafkaError MESSAGE_TOO_LARGE when it expands to more than MAX_BODY_BYTES
 * @throws KafkaError INVALID_REQUEST when it is damaged, or (415) encoded in another way than gzip and zstd
 */
export async function decodedBody(request: HttpRequest, dialect: Dialect): Promise<Uint8Array> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity' || encoding === '') return request.body
  if (encoding !== 'gzip' && encoding !== 'zstd') {
    throw unsupportedMediaType('content-encoding must be gzip or zstd')
  }
  try {
    if (encoding === 'gzip') return await gunzipMembers(request.body, MAX_BODY_BYTES)
    const params = { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG }
    return await zstdDecompressFrames(request.body, { maxBytes: MAX_BODY_BYTES, params })
  } catch (error) {
    if (error instanceof RangeError) {
      throw new KafkaError('MESSAGE_TOO_LARGE', `decompressed body is too large max=${MAX_BODY_BYTES}`, {
        cause: error,
      })
    }
    throw malformed(dialect, `body: is not ${encoding}`, error)
  }
}

/**
 * The JSON value of a body. The parser's own words are left out: they quote the payload.
 *
 * @throws KafkaError INVALID_REQUEST when it is empty, not UTF-8 or not JSON
 */
export function parseJsonBody(
  dialect: Dialect,
  body: Uint8Array,
  parse: (text: string) => unknown = JSON.parse,
): unknown {
  try {
    return parse(textOf(dialect, body))
  } catch (error) {
    if (error instanceof KafkaError) throw error
    if (error instanceof RangeError) throw malformed(dialect, 'body: is nested too deeply', error)
    const position = error instanceof Error ? / position (\d+)/.exec(error.message)?.[1] : undefined
    throw malformed(
      dialect,
      `body: is not JSON${position === undefined ? '' : ` position=${position}`}`,
      error,
    )
  }
}

/** The text of a body; throws INVALID_REQUEST when it is empty or not UTF-8. */
function textOf(dialect: Dialect, body: Uint8Array): string {
  if (body.byteLength === 0) throw malformed(dialect, 'body: is empty')
  if (!isUtf8(body)) throw malformed(dialect, 'body: is not UTF-8')
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
}
