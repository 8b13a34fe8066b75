import { compress } from 'snappyjs'
import { KafkaError } from '../protocol/kafka-error.ts'
import { type ByteReader, readUnsignedVarint } from '../protocol/varint.ts'

// xerial = 0x82 "SNAPPY" 0x00 | version: u32be = 1 | compatible version: u32be = 1 | chunks
// chunk  = length: u32be | raw
// raw    = content length: unsigned varint | elements
// element, by bits 0–1 of its first byte t:
//   00 literal: t >>> 2 = length − 1, or 60…63: length − 1 in the next 1…4 bytes, lowest first | the literal
//   01 copy:    (t >>> 2 & 7) + 4 bytes from (t >>> 5 << 8 | next byte) back
//   10, 11:     (t >>> 2) + 1 bytes from as far back as the next 2 or 4 bytes say
//
// snappyjs only compresses here: its decompressor loops forever on a literal of 2³¹ bytes or more.
const XERIAL = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1)
const XERIAL_MAGIC_BYTES = 8
/** As in xerial's SnappyOutputStream. */
const CHUNK_BYTES = 0x8000
/** Three bytes copy at most 64. */
const MAX_RATIO = 22

/** Snappy in xerial's framing, as Kafka's Java client writes it. */
export function snappyCompress(bytes: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = []
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    chunks.push(compress(bytes.subarray(start, start + CHUNK_BYTES)))
  }
  const output = new Uint8Array(chunks.reduce((sum, chunk) => sum + 4 + chunk.length, XERIAL.length))
  const view = new DataView(output.buffer)
  output.set(XERIAL)
  let position = XERIAL.length
  for (const chunk of chunks) {
    view.setUint32(position, chunk.length)
    output.set(chunk, position + 4)
    position += 4 + chunk.length
  }
  return output
}

/**
 * The content of snappy bytes, raw or in xerial's framing, of at most `maxBytes`; memory is at most that, and 22 times
 * the input.
 *
 * @throws KafkaError CORRUPT_MESSAGE when they are malformed or hold more
 */
export function snappyDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const chunks = isXerial(bytes) ? xerialChunks(bytes) : [rawChunk(bytes, 0, bytes.length)]
  const total = chunks.reduce((sum, chunk) => sum + chunk.contentLength, 0)
  if (total > maxBytes) throw malformed(`content is too large bytes=${total} maxBytes=${maxBytes}`)
  const output = new Uint8Array(total)
  let start = 0
  for (const { elements, contentLength } of chunks) {
    readElements(elements, output.subarray(start, start + contentLength))
    start += contentLength
  }
  return output
}

interface Chunk {
  readonly contentLength: number
  readonly elements: ByteReader
}

function isXerial(bytes: Uint8Array): boolean {
  return (
    bytes.length >= XERIAL.length &&
    XERIAL.subarray(0, XERIAL_MAGIC_BYTES).every((byte, index) => bytes[index] === byte)
  )
}

function xerialChunks(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks: Chunk[] = []
  for (let position = XERIAL.length; position < bytes.length; ) {
    if (position + 4 > bytes.length) throw malformed('chunk is cut off')
    const end = position + 4 + view.getUint32(position)
    if (end > bytes.length) throw malformed('chunk is cut off')
    chunks.push(rawChunk(bytes, position + 4, end))
    position = end
  }
  return chunks
}

/** Believes the length that stands in front only as far as so many bytes can hold it. */
function rawChunk(bytes: Uint8Array, position: number, end: number): Chunk {
  const elements: ByteReader = { bytes, position, end }
  const contentLength = readUnsignedVarint(elements)
  if (contentLength > MAX_RATIO * (end - position)) throw malformed('content length is impossible')
  return { contentLength, elements }
}

function readElements(elements: ByteReader, output: Uint8Array): void {
  let length = 0
  while (elements.position < elements.end) {
    const tag = readLittleEndian(elements, 1)
    const kind = tag & 0x03
    if (kind === 0) {
      const short = tag >>> 2
      const size = 1 + (short < 60 ? short : readLittleEndian(elements, short - 59))
      if (size > elements.end - elements.position || size > output.length - length) {
        throw malformed('literal is too long')
      }
      const literalEnd = elements.position + size
      output.set(elements.bytes.subarray(elements.position, literalEnd), length)
      elements.position = literalEnd
      length += size
    } else {
      const size = kind === 1 ? ((tag >>> 2) & 0x07) + 4 : (tag >>> 2) + 1
      const high = kind === 1 ? (tag >>> 5) << 8 : 0
      const offset = high + readLittleEndian(elements, kind === 1 ? 1 : kind === 2 ? 2 : 4)
      if (offset === 0 || offset > length || size > output.length - length) {
        throw malformed('copy is outside the output')
      }
      for (const end = length + size; length < end; length += 1) {
        output[length] = output[length - offset] as number // may overlap itself
      }
    }
  }
  if (length !== output.length) throw malformed('content has another length')
}

function readLittleEndian(elements: ByteReader, byteCount: number): number {
  const start = elements.position
  if (byteCount > elements.end - start) throw malformed('element is cut off')
  let value = 0
  for (let index = 0; index < byteCount; index += 1) {
    value += (elements.bytes[start + index] as number) * 2 ** (8 * index)
  }
  elements.position = start + byteCount
  return value
}

function malformed(fact: string): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `snappy ${fact}`)
}
