import { promisify } from 'node:util'
import { gunzip, gunzipSync } from 'node:zlib'
import { KafkaError } from '../protocol/kafka-error.ts'
import { type Inflated, type InflateOptions, inflateOptions } from './inflated.ts'

// gzip = members, one behind the other (RFC 1952 §2.2)
//
// node:zlib reads all of them, but takes a zero byte between two for the end, and says nothing of what is behind it.

const inflate = promisify(gunzip) as unknown as (
  bytes: Uint8Array,
  options: InflateOptions,
) => Promise<Inflated>
const inflateSync = gunzipSync as unknown as (bytes: Uint8Array, options: InflateOptions) => Inflated

/**
 * The content of all members, of at most `maxBytes` (or one, where that is 0).
 *
 * @throws KafkaError CORRUPT_MESSAGE when there is something else behind them
 * @throws Error whatever node:zlib does: a RangeError when there is more content
 */
export function gunzipMembersSync(bytes: Uint8Array, maxBytes: number): Uint8Array {
  return wholly(bytes, inflateSync(bytes, inflateOptions(maxBytes)))
}

/** As `gunzipMembersSync`, off the event loop. */
export async function gunzipMembers(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  return wholly(bytes, await inflate(bytes, inflateOptions(maxBytes)))
}

function wholly(bytes: Uint8Array, { buffer, engine }: Inflated): Uint8Array {
  if (engine.bytesWritten === bytes.length) return buffer
  throw new KafkaError('CORRUPT_MESSAGE', `gzip has bytes behind its end end=${engine.bytesWritten}`)
}
