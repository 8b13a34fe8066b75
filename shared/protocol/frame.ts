import { KafkaError } from './kafka-error.ts'

// frame = headerLength: u32be | header: JSON, UTF-8, headerLength bytes | body: record batches, concatenated
//
// Media type application/vnd.stratolog.frame. The header is the JSON form of the api with `byteLength` in place of
// `records`; the batches stand in the header's order.

const LENGTH_BYTES = 4

/** A frame as chunks to be sent one after the other: the batches are not copied. */
export function encodeFrame(header: unknown, batches: readonly Uint8Array[]): Uint8Array[] {
  const json = new TextEncoder().encode(JSON.stringify(header))
  const head = new Uint8Array(LENGTH_BYTES + json.length)
  new DataView(head.buffer).setUint32(0, json.length)
  head.set(json, LENGTH_BYTES)
  return [head, ...batches]
}

/**
 * Reads a frame: its header as parsed JSON, still to be checked by the api's schema, and the bytes behind it.
 *
 * @throws KafkaError INVALID_REQUEST when it is cut off, its header is over `maxHeaderBytes`, or that is not JSON
 */
export function decodeFrame(
  bytes: Uint8Array,
  maxHeaderBytes: number,
): { header: unknown; body: Uint8Array } {
  if (bytes.length < LENGTH_BYTES) {
    throw new KafkaError('INVALID_REQUEST', `frame headerLength is cut off bytes=${bytes.length}`)
  }
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (headerLength > maxHeaderBytes) {
    throw new KafkaError(
      'INVALID_REQUEST',
      `frame headerLength is too large headerLength=${headerLength} max=${maxHeaderBytes}`,
    )
  }
  const headerEnd = LENGTH_BYTES + headerLength
  if (headerEnd > bytes.length) {
    throw new KafkaError(
      'INVALID_REQUEST',
      `frame headerLength is beyond the end headerLength=${headerLength} bytes=${bytes.length}`,
    )
  }
  return { header: parseHeader(bytes.subarray(LENGTH_BYTES, headerEnd)), body: bytes.subarray(headerEnd) }
}

/** The parser's own words are left out: they quote the payload. */
function parseHeader(json: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch {
    throw new KafkaError('INVALID_REQUEST', `frame header is not JSON in UTF-8 headerLength=${json.length}`)
  }
}
