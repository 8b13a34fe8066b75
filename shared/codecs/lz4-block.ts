import { KafkaError } from '../protocol/kafka-error.ts'

// block    = sequences; the last one ends behind its literals
// sequence = token: u8 | more literal length | literals | offset: u16le, back from here | more match length
// token: high half = literals (15: more follows), low half = match − 4 (15: more follows)
// more  = bytes to add up, ending with the first that is not 255
//
// No match starts in the last 12 bytes of a block or reaches into its last 5: the C library counts on it.
const MIN_MATCH = 4
const NO_MATCH_START = 12
const LAST_LITERALS = 5
const HASH_BITS = 14

/** Compresses up to 64 kB greedily; the answer may be longer than `block`, then that is better stored as it is. */
export function lz4CompressBlock(block: Uint8Array): Uint8Array {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const output = new Uint8Array(block.length + Math.ceil(block.length / 255) + 16)
  const lastSeen = new Int32Array(1 << HASH_BITS).fill(-1)
  const matchEnd = block.length - LAST_LITERALS
  let length = 0
  let literals = 0
  for (let position = 0, misses = 0; position < block.length - NO_MATCH_START; ) {
    const word = view.getInt32(position, true)
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = lastSeen[slot] as number
    lastSeen[slot] = position
    if (candidate < 0 || view.getInt32(candidate, true) !== word) {
      misses += 1
      position += 1 + (misses >>> 6) // what does not compress is passed faster and faster
      continue
    }
    let end = position + MIN_MATCH
    while (end < matchEnd && block[end] === block[end - position + candidate]) end += 1
    const match = { offset: position - candidate, length: end - position }
    length = writeSequence(output, length, block.subarray(literals, position), match)
    position = end
    literals = end
    misses = 0
  }
  length = writeSequence(output, length, block.subarray(literals), null)
  return output.subarray(0, length)
}

/**
 * Decompresses `block` into `output.bytes[start, limit)`; answers the end of what was written.
 *
 * @throws KafkaError CORRUPT_MESSAGE when it is malformed or holds more
 */
export function lz4DecompressBlock(
  block: Uint8Array,
  output: { readonly bytes: Uint8Array; readonly start: number; readonly limit: number },
): number {
  const { bytes, limit } = output
  const source = { bytes: block, position: 0 }
  let end = output.start
  for (;;) {
    const token = nextByte(source)
    const literals = readLength(source, token >>> 4)
    const literalsEnd = source.position + literals
    if (literalsEnd > block.length || literals > limit - end) throw malformed('literals are too long')
    bytes.set(block.subarray(source.position, literalsEnd), end)
    source.position = literalsEnd
    end += literals
    if (literalsEnd === block.length) return end
    const offset = nextByte(source) | (nextByte(source) << 8)
    if (offset === 0 || offset > end) throw malformed('offset is outside the output')
    const matchEnd = end + MIN_MATCH + readLength(source, token & 0x0f)
    if (matchEnd > limit) throw malformed('match is too long')
    for (; end < matchEnd; end += 1) bytes[end] = bytes[end - offset] as number // may overlap itself
  }
}

function writeSequence(
  output: Uint8Array,
  start: number,
  literals: Uint8Array,
  match: { readonly offset: number; readonly length: number } | null,
): number {
  const extraMatch = match === null ? 0 : match.length - MIN_MATCH
  output[start] = (Math.min(literals.length, 15) << 4) | Math.min(extraMatch, 15)
  let position = writeLength(output, start + 1, literals.length)
  output.set(literals, position)
  position += literals.length
  if (match === null) return position
  output[position] = match.offset & 0xff
  output[position + 1] = match.offset >>> 8
  return writeLength(output, position + 2, extraMatch)
}

/** Writes what did not fit into its half of the token. */
function writeLength(output: Uint8Array, start: number, length: number): number {
  if (length < 15) return start
  let position = start
  let rest = length - 15
  for (; rest >= 255; rest -= 255, position += 1) output[position] = 255
  output[position] = rest
  return position + 1
}

function readLength(source: { bytes: Uint8Array; position: number }, half: number): number {
  let length = half
  if (half === 15) {
    for (let byte = 255; byte === 255; length += byte) byte = nextByte(source)
  }
  return length
}

function nextByte(source: { bytes: Uint8Array; position: number }): number {
  const byte = source.bytes[source.position]
  if (byte === undefined) throw malformed('block is cut off')
  source.position += 1
  return byte
}

function malformed(fact: string): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `lz4 ${fact}`)
}
