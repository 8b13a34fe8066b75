import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { Codecs, CompressionType } from '../protocol/compression.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { gunzipMembersSync } from './gzip.ts'
import { lz4Compress, lz4Decompress } from './lz4-frame.ts'
import { snappyCompress, snappyDecompress } from './snappy.ts'
import { zstdDecompressFramesSync } from './zstd.ts'

/** Kafka's codecs on Node: gzip and zstd from `node:zlib`, snappy and lz4 in plain JavaScript. */
export const nodeCodecs: Codecs = {
  compress: (type, bytes) => plain(CODECS[type].compress(bytes)),
  decompress: (type, bytes, maxBytes) => {
    try {
      return plain(CODECS[type].decompress(bytes, maxBytes))
    } catch (error) {
      if (error instanceof KafkaError) throw error
      throw new KafkaError(
        'CORRUPT_MESSAGE',
        `compressed records are malformed or too large compression=${type} maxBytes=${maxBytes}`,
        { cause: error },
      )
    }
  },
}

interface Codec {
  compress(bytes: Uint8Array): Uint8Array
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array
}

const CODECS: Readonly<Record<CompressionType, Codec>> = {
  none: { compress: (bytes) => bytes, decompress: atMost },
  gzip: {
    compress: (bytes) => gzipSync(bytes),
    decompress: (bytes, maxBytes) => atMost(gunzipMembersSync(bytes, maxBytes), maxBytes),
  },
  snappy: { compress: snappyCompress, decompress: snappyDecompress },
  lz4: { compress: lz4Compress, decompress: lz4Decompress },
  zstd: {
    compress: (bytes) => zstdCompressSync(bytes),
    decompress: zstdDecompressFramesSync,
  },
}

function atMost(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length <= maxBytes) return bytes
  throw new KafkaError('CORRUPT_MESSAGE', `records are too large bytes=${bytes.length} maxBytes=${maxBytes}`)
}

/** A Buffer's `slice` is a view and a Uint8Array's a copy: only the latter leaves here. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
