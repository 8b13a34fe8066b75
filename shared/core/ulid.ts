/** Bytes of randomness in a ULID. */
export const ULID_RANDOM_BYTES = 10

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/**
 * The 16 bytes of a ULID: `u48be milliseconds | 80 random bits`. Of two ULIDs the later one is the greater,
 * as bytes and as text.
 */
export function ulidBytes(nowMs: number, random: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(nowMs / 2 ** 32))
  view.setUint32(2, nowMs % 2 ** 32)
  bytes.set(random.subarray(0, ULID_RANDOM_BYTES), 6)
  return bytes
}

/** The 26 characters of Crockford's base 32 that stand for `bytes`, most significant first. */
export function ulidText(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  // 128 bits are 25 digits of 5 and one of 3: two zero bits go in front.
  let pending = 2
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    pending += 8
    while (pending >= 5) {
      pending -= 5
      text += ALPHABET[(bits >>> pending) & 31]
    }
    bits &= 31
  }
  return text
}

/** When the ULID was made, in ms. */
export function ulidTimeMs(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2)
}
