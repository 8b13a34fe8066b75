import { promisify } from 'node:util'
import { type ZstdOptions, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { KafkaError } from '../protocol/kafka-error.ts'
import { type Inflated, type InflateOptions, inflateOptions } from './inflated.ts'

// zstd = frames, one behind the other, some of which may be skippable and hold nothing (RFC 8878 §3)
//
// node:zlib stops behind the first frame and says nothing of the others: what it has read tells where the next begins.

/** Nine bytes are a frame, which takes some 20 µs: writers make one, or one for each of a few parts. */
const MAX_FRAMES = 1000

const inflate = promisify(zstdDecompress) as unknown as (
  bytes: Uint8Array,
  options: InflateOptions,
) => Promise<Inflated>
const inflateSync = zstdDecompressSync as unknown as (bytes: Uint8Array, options: InflateOptions) => Inflated

/**
 * The content of all frames, of at most `maxBytes`.
 *
 * @throws KafkaError CORRUPT_MESSAGE when there are too many frames
 * @throws Error whatever node:zlib does: a RangeError when there is more content
 */
export function zstdDecompressFramesSync(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const content = newContent(bytes, maxBytes)
  do content.add(inflateSync(content.rest(), content.options()))
  while (content.rest().length > 0)
  return content.whole()
}

/** As `zstdDecompressFramesSync`, off the event loop; `params` are those of node:zlib. */
export async function zstdDecompressFrames(
  bytes: Uint8Array,
  { maxBytes, params }: { readonly maxBytes: number; readonly params: NonNullable<ZstdOptions['params']> },
): Promise<Uint8Array> {
  const content = newContent(bytes, maxBytes)
  do content.add(await inflate(content.rest(), { ...content.options(), params }))
  while (content.rest().length > 0)
  return content.whole()
}

/** What came out of the frames so far. */
function newContent(bytes: Uint8Array, maxBytes: number) {
  const parts: Buffer[] = []
  let rest = bytes
  let left = maxBytes
  return {
    rest: () => rest,
    options: () => inflateOptions(left),
    add: ({ buffer, engine }: Inflated) => {
      parts.push(buffer)
      left -= buffer.length
      rest = rest.subarray(engine.bytesWritten)
      if (left < 0) throw new RangeError('zstd frames hold more together')
      if (parts.length >= MAX_FRAMES && rest.length > 0) {
        throw new KafkaError('CORRUPT_MESSAGE', `zstd has too many frames max=${MAX_FRAMES}`)
      }
    },
    whole: () => (parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)),
  }
}
