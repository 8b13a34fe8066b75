import { KafkaError } from './kafka-error.ts'
import type { ByteReader } from './varint.ts'

// Kafka's primitive types in a version that is not flexible, all numbers big-endian:
// int16, int32 = two's complement        array = count: int32 | the elements
// string = length: int16 | UTF-8         bytes = length: int32 | bytes
// nullable string, nullable bytes = the same, or a negative length for null

const MAX_STRING_BYTES = 0x7fff
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws KafkaError CORRUPT_MESSAGE when it is cut off */
export function readInt16(reader: ByteReader): number {
  const at = advance(reader, 2)
  return new DataView(reader.bytes.buffer, reader.bytes.byteOffset).getInt16(at)
}

/** @throws KafkaError CORRUPT_MESSAGE when it is cut off */
export function readInt32(reader: ByteReader): number {
  const at = advance(reader, 4)
  return new DataView(reader.bytes.buffer, reader.bytes.byteOffset).getInt32(at)
}

/** @throws KafkaError CORRUPT_MESSAGE when it is cut off, null, or not UTF-8 */
export function readString(reader: ByteReader): string {
  const text = readNullableString(reader)
  if (text === null) throw corrupt('string is null', reader)
  return text
}

/** @throws KafkaError CORRUPT_MESSAGE when it is cut off or not UTF-8 */
export function readNullableString(reader: ByteReader): string | null {
  const length = readInt16(reader)
  if (length < 0) return null
  const at = advance(reader, length)
  try {
    return UTF8.decode(reader.bytes.subarray(at, at + length))
  } catch {
    throw corrupt('string is not UTF-8', reader)
  }
}

/**
 * The bytes are not copied.
 *
 * @throws KafkaError CORRUPT_MESSAGE when they are cut off
 */
export function readNullableBytes(reader: ByteReader): Uint8Array | null {
  const length = readInt32(reader)
  if (length < 0) return null
  const at = advance(reader, length)
  return reader.bytes.subarray(at, at + length)
}

/**
 * Reads an array of elements that take `minBytes` each, or more: a count that the rest cannot hold is refused before anything
 * is kept for it.
 *
 * @throws KafkaError CORRUPT_MESSAGE when it is cut off or null, or an element is refused
 */
export function readArray<T>(reader: ByteReader, minBytes: number, read: (reader: ByteReader) => T): T[] {
  const count = readInt32(reader)
  if (count < 0) throw corrupt('array is null', reader)
  if (count * minBytes > reader.end - reader.position) throw corrupt('array is cut off', reader)
  return Array.from({ length: count }, () => read(reader))
}

/** The bytes of an int16. */
export function int16(value: number): Uint8Array {
  const bytes = new Uint8Array(2)
  new DataView(bytes.buffer).setInt16(0, value)
  return bytes
}

/** The bytes of an int32. */
export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}

/**
 * The bytes of a string, or of null.
 *
 * @throws KafkaError INVALID_REQUEST when it takes more than 32,767 bytes
 */
export function string(text: string | null): Uint8Array {
  if (text === null) return int16(-1)
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > MAX_STRING_BYTES) {
    throw new KafkaError(
      'INVALID_REQUEST',
      `string is too long bytes=${bytes.length} max=${MAX_STRING_BYTES}`,
    )
  }
  return concatenate([int16(bytes.length), bytes])
}

/** The bytes of bytes, or of null. */
export function nullableBytes(bytes: Uint8Array | null): Uint8Array {
  return bytes === null ? int32(-1) : concatenate([int32(bytes.length), bytes])
}

/** The bytes of an array of elements whose bytes `write` gives. */
export function array<T>(elements: readonly T[], write: (element: T) => Uint8Array): Uint8Array {
  return concatenate([int32(elements.length), ...elements.map(write)])
}

/** All parts, one behind the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let position = 0
  for (const part of parts) {
    bytes.set(part, position)
    position += part.length
  }
  return bytes
}

/** Steps over so many bytes; answers where they begin. */
function advance(reader: ByteReader, length: number): number {
  const { position } = reader
  if (length > reader.end - position) throw corrupt('field is cut off', reader)
  reader.position = position + length
  return position
}

function corrupt(fact: string, reader: ByteReader): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `${fact} position=${reader.position}`)
}
