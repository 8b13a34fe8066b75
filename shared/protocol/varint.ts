import { KafkaError } from './kafka-error.ts'

// unsigned varint = 7 bits per byte, lowest first; the high bit of a byte says that another follows; ≤ 5 bytes
// varint, varlong = the same after zigzag (0, −1, 1, −2 … become 0, 1, 2, 3 …); ≤ 5 and ≤ 10 bytes
//
// As in Kafka's ByteUtils, a number need not be in its shortest form, but may not be longer than the above.

/** A place in `bytes`; every read moves `position` forward and none passes `end`. */
export interface ByteReader {
  readonly bytes: Uint8Array
  position: number
  readonly end: number
}

/**
 * Reads a zigzag varint: an int32.
 *
 * @throws KafkaError CORRUPT_MESSAGE when it is cut off or longer than an int32
 */
export function readVarint(reader: ByteReader): number {
  const value = readZigzag(reader, 5)
  if (value !== (value | 0)) throw corrupt('varint is longer than 32 bits', reader)
  return value
}

/**
 * Reads a zigzag varlong: an int64 that must be a safe integer.
 *
 * @throws KafkaError CORRUPT_MESSAGE when it is cut off, longer than an int64, or not a safe integer
 */
export function readVarlong(reader: ByteReader): number {
  const value = readZigzag(reader, 10)
  if (!Number.isSafeInteger(value)) throw corrupt('varlong is not a safe integer', reader)
  return value
}

/**
 * Reads an unsigned varint: a uint32.
 *
 * @throws KafkaError CORRUPT_MESSAGE when it is cut off or longer than a uint32
 */
export function readUnsignedVarint(reader: ByteReader): number {
  let value = 0
  for (let length = 0, unit = 1; length < 5; length += 1, unit *= 0x80) {
    const byte = nextByte(reader)
    value += (byte & 0x7f) * unit
    if (byte < 0x80) {
      if (value > 0xffffffff) break
      return value
    }
  }
  throw corrupt('unsigned varint is longer than 32 bits', reader)
}

/** Writes a safe integer as a zigzag varint (and varlong: the bytes are the same); answers the position behind it. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  const magnitude = value < 0 ? -1 - value : value
  const low = ((magnitude & 0x3f) << 1) | (value < 0 ? 1 : 0)
  if (magnitude < 0x40) {
    bytes[position] = low
    return position + 1
  }
  bytes[position] = low | 0x80
  return writeUnsignedVarint(bytes, position + 1, Math.floor(magnitude / 0x40))
}

/** Writes a safe integer ≥ 0 as an unsigned varint; answers the position behind it. */
export function writeUnsignedVarint(bytes: Uint8Array, position: number, value: number): number {
  let at = position
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    bytes[at] = (rest % 0x80) | 0x80
    at += 1
  }
  bytes[at] = rest
  return at + 1
}

/** How many bytes `writeVarint` takes for `value`. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = Math.floor((value < 0 ? -1 - value : value) / 0x40); rest > 0; size += 1) {
    rest = Math.floor(rest / 0x80)
  }
  return size
}

/** The lowest bit is the sign, so the rest adds up exactly for as long as it is a safe integer. */
function readZigzag(reader: ByteReader, maxLength: number): number {
  const first = nextByte(reader)
  let magnitude = (first & 0x7f) >>> 1
  if (first >= 0x80) {
    let byte = first
    let unit = 0x40
    for (let length = 1; byte >= 0x80; length += 1, unit *= 0x80) {
      if (length === maxLength) throw corrupt(`varint is longer than ${maxLength} bytes`, reader)
      byte = nextByte(reader)
      magnitude += (byte & 0x7f) * unit
    }
  }
  return first & 1 ? -1 - magnitude : magnitude
}

function nextByte(reader: ByteReader): number {
  const { position } = reader
  if (position >= reader.end) throw corrupt('varint is cut off', reader)
  reader.position = position + 1
  return reader.bytes[position] as number
}

function corrupt(fact: string, reader: ByteReader): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `${fact} position=${reader.position}`)
}
