import type { ZstdOptions } from 'node:zlib'

/** What node:zlib answers when it is asked for more than the content; its types do not say so. */
export interface Inflated {
  readonly buffer: Buffer
  /** How much of the input was read: what stands behind it was not looked at. */
  readonly engine: { readonly bytesWritten: number }
}

/** Asks for that, and bounds the content. */
export interface InflateOptions {
  readonly info: true
  readonly maxOutputLength: number
  readonly params?: NonNullable<ZstdOptions['params']>
}

/** zlib stops as soon as it has more than `maxBytes`; it does not take 0 for a bound. */
export function inflateOptions(maxBytes: number): InflateOptions {
  return { info: true, maxOutputLength: Math.max(1, maxBytes) }
}
