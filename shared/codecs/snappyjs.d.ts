declare module 'snappyjs' {
  /** Raw snappy, without framing. */
  export function compress(bytes: Uint8Array): Uint8Array
}
