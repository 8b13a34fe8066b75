import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compress as snappyRaw } from 'snappyjs'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import type { CompressionType } from '../../shared/protocol/compression.ts'
import { COMPRESSION_TYPES } from './batch-targets.ts'
import { accepted, holds, sameBytes, type Target } from './target.ts'

const MAX_BYTES = 64 * 1024
/** Larger than what may come out, so that it must be refused. */
const BOMB = new Uint8Array(4 * MAX_BYTES)
/** The most bytes that one compressed byte can stand for, by the formats' grammar. */
const MAX_RATIO: Readonly<Record<CompressionType, number>> = {
  none: 1,
  gzip: 1032,
  snappy: 22,
  lz4: 255,
  zstd: Number.POSITIVE_INFINITY,
}

const TAIL = Buffer.from('and more')

const PLAIN = [
  new Uint8Array(0),
  Buffer.from('a'),
  Buffer.from('abcabcabcabcabcabcabcabcabcabcabcabcabcabcabc.'),
  Buffer.from(Array.from({ length: 3000 }, (_, at) => `${at * at}`).join()),
  Uint8Array.from({ length: 500 }, (_, at) => (at * 197 + (at >> 3) * 31) & 0xff),
]

/** The compressed blocks of each codec, whatever the batch around them. */
export const CODEC_TARGETS: readonly Target[] = COMPRESSION_TYPES.map((type) => ({
  name: `block-${type}`,
  seeds: [...PLAIN, BOMB].map((bytes) => nodeCodecs.compress(type, bytes)).concat(foreign(type)),
  check: (bytes) => checkBlock(type, bytes),
}))

/** What other writers make. */
function foreign(type: CompressionType): Uint8Array[] {
  if (type === 'snappy') return PLAIN.map((bytes) => snappyRaw(Uint8Array.from(bytes)))
  if (type === 'gzip')
    return [gzipSync('stored', { level: 0 }), Buffer.concat([gzipSync('a'), gzipSync('b')])]
  if (type === 'zstd') return [Buffer.concat([zstdCompressSync('a'), zstdCompressSync('b')])]
  return []
}

function checkBlock(type: CompressionType, bytes: Uint8Array): void {
  const content = accepted(() => nodeCodecs.decompress(type, bytes, MAX_BYTES), ['CORRUPT_MESSAGE'])
  if (content === undefined) return
  holds(content.length <= MAX_BYTES, 'no more than may come out')
  holds(content.length <= MAX_RATIO[type] * bytes.length, 'no more than the format can hold')
  holds(
    type === 'none' || content.buffer.byteLength <= 4 * MAX_BYTES,
    'no more memory is kept than may come out',
  )
  const again = nodeCodecs.decompress(type, nodeCodecs.compress(type, content), content.length)
  sameBytes(again, content, 'what came out goes in and out again')
  checkAppended(type, bytes, content)
}

/** What somebody put behind it is read too, or is refused: it is never dropped without a word. */
function checkAppended(type: CompressionType, bytes: Uint8Array, content: Uint8Array): void {
  const appended = Buffer.concat([bytes, nodeCodecs.compress(type, TAIL)])
  const both = accepted(() => nodeCodecs.decompress(type, appended, MAX_BYTES + TAIL.length))
  if (both !== undefined) sameBytes(both, Buffer.concat([content, TAIL]), 'all that is compressed comes out')
}
