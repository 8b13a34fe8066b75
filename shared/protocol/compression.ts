import { KafkaError } from './kafka-error.ts'

/** How the records of a batch are compressed; the index is the number in bits 0–2 of the batch's attributes. */
const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** Kafka's `CompressionType`, by its name in `compression.type`. */
export type CompressionType = (typeof COMPRESSION_TYPES)[number]

/**
 * The codecs, injected so that this layer also runs in a browser. `none` gives the bytes themselves.
 *
 * `decompress` holds memory in proportion to `maxBytes`, whatever the compressed bytes claim.
 */
export interface Codecs {
  /** The records of a batch in Kafka's framing for `type` (snappy: xerial; lz4: frame with independent blocks). */
  compress(type: CompressionType, bytes: Uint8Array): Uint8Array
  /**
   * The reverse of `compress`, for bytes from anywhere.
   *
   * @throws KafkaError CORRUPT_MESSAGE when they are malformed or hold more than `maxBytes`
   */
  decompress(type: CompressionType, bytes: Uint8Array, maxBytes: number): Uint8Array
}

/** The number of `type` in a batch's attributes. */
export function compressionCode(type: CompressionType): number {
  return COMPRESSION_TYPES.indexOf(type)
}

/**
 * The compression named by a batch's attributes.
 *
 * @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE when bits 0–2 are 5, 6 or 7
 */
export function compressionOf(attributes: number): CompressionType {
  const type = COMPRESSION_TYPES[attributes & 0x07]
  if (type === undefined) {
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `unknown compression code=${attributes & 0x07}`)
  }
  return type
}
