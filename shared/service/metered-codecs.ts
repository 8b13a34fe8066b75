import type { Codecs } from '../protocol/compression.ts'
import { MAX_DECOMPRESSED_BYTES } from '../protocol/limits.ts'

/** Codecs that count what one request has them decompress: two kilobytes may become 64 MiB, and a request holds many batches. */
export interface MeteredCodecs extends Codecs {
  /** Bytes that came out so far. */
  decompressedBytes(): number
}

/** A failure may have cost all that it was allowed, but a few must not be the end of the good batches behind them. */
const FAILURE_BYTES = MAX_DECOMPRESSED_BYTES / 8

/** Wraps the codecs for one request. */
export function meteredCodecs(codecs: Codecs): MeteredCodecs {
  let bytes = 0
  return {
    compress: codecs.compress,
    decompress: (type, compressed, maxBytes) => {
      bytes += FAILURE_BYTES
      const content = codecs.decompress(type, compressed, maxBytes)
      bytes += content.length - FAILURE_BYTES
      return content
    },
    decompressedBytes: () => bytes,
  }
}
