import { KafkaError } from '../protocol/kafka-error.ts'
import { lz4CompressBlock, lz4DecompressBlock } from './lz4-block.ts'

// frame = magic: u32le 0x184d2204 | FLG: u8 | BD: u8 | contentSize: u64le, if FLG bit 3 | HC: u8
//       | blocks | endMark: u32le 0 | contentChecksum: u32le, if FLG bit 2
// block = size: u32le, bit 31 set when stored as is | size bytes | checksum: u32le, if FLG bit 4
// FLG: bits 7–6 version = 1 | 5 blocks are independent | 1 reserved | 0 dictionary.  BD: bits 6–4: 4…7 = 64 kB…4 MB
//
// Checksums are not looked at: the CRC-32C of the batch covers the same bytes.
const MAGIC = 0x184d2204
const STORED = 0x80000000
const BLOCK_BYTES = 0x10000
/** Magic, independent blocks (Kafka's Java reader takes no others) of 64 kB, and the checksum of these two bytes. */
const HEADER = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82)
/** A byte of a match's length stands for at most 255. */
const MAX_RATIO = 255

/** One LZ4 frame, as Kafka's `Lz4BlockOutputStream` writes it. */
export function lz4Compress(bytes: Uint8Array): Uint8Array {
  const blockCount = Math.ceil(bytes.length / BLOCK_BYTES)
  const frame = new Uint8Array(HEADER.length + bytes.length + 4 * (blockCount + 1))
  const view = new DataView(frame.buffer)
  frame.set(HEADER)
  let position = HEADER.length
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const block = bytes.subarray(start, start + BLOCK_BYTES)
    const compressed = lz4CompressBlock(block)
    const stored = compressed.length >= block.length
    const content = stored ? block : compressed
    view.setUint32(position, content.length | (stored ? STORED : 0), true)
    frame.set(content, position + 4)
    position += 4 + content.length
  }
  return frame.slice(0, position + 4) // four zero bytes are the end mark
}

/**
 * The content of one LZ4 frame of at most `maxBytes`; memory is at most that, and 255 times the input.
 *
 * @throws KafkaError CORRUPT_MESSAGE when it is malformed or holds more
 */
export function lz4Decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { blocks, maxBlockBytes } = readFrame(bytes)
  const bound = blocks.reduce((sum, block) => sum + mostContent(block, maxBlockBytes), 0)
  const output = new Uint8Array(Math.min(bound, maxBytes))
  let length = 0
  for (const { stored, start, end } of blocks) {
    const content = bytes.subarray(start, end)
    const limit = Math.min(output.length, length + maxBlockBytes)
    if (!stored) {
      length = lz4DecompressBlock(content, { bytes: output, start: length, limit })
    } else if (content.length > limit - length) {
      throw malformed('block is too large')
    } else {
      output.set(content, length)
      length += content.length
    }
  }
  return output.slice(0, length)
}

/** A place in the frame; numbers only, since a hostile frame may have very many. */
interface Block {
  readonly stored: boolean
  readonly start: number
  readonly end: number
}

function readFrame(bytes: Uint8Array): { blocks: Block[]; maxBlockBytes: number } {
  if (bytes.length < HEADER.length) throw malformed('frame is cut off')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = view.getUint8(4)
  const sizeCode = (view.getUint8(5) >>> 4) & 0x07
  if (view.getUint32(0, true) !== MAGIC) throw malformed('frame has no magic')
  if (flags >>> 6 !== 1 || (flags & 0x03) !== 0 || sizeCode < 4)
    throw malformed('frame is of an unknown kind')
  const blockChecksumBytes = flags & 0x10 ? 4 : 0
  const contentChecksumBytes = flags & 0x04 ? 4 : 0
  const blocks: Block[] = []
  let position = HEADER.length + (flags & 0x08 ? 8 : 0)
  for (;;) {
    if (position + 4 > bytes.length) throw malformed('frame is cut off')
    const word = view.getUint32(position, true)
    const start = position + 4
    if (word === 0) {
      if (start + contentChecksumBytes !== bytes.length) throw malformed('frame has another length')
      return { blocks, maxBlockBytes: 1 << (8 + 2 * sizeCode) }
    }
    const end = start + (word & ~STORED)
    if (end + blockChecksumBytes > bytes.length) throw malformed('block is cut off')
    blocks.push({ stored: (word & STORED) !== 0, start, end })
    position = end + blockChecksumBytes
  }
}

function mostContent({ stored, start, end }: Block, maxBlockBytes: number): number {
  return Math.min(maxBlockBytes, stored ? end - start : MAX_RATIO * (end - start))
}

function malformed(fact: string): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `lz4 ${fact}`)
}
