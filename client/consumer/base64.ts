/** Bytes of base64 (RFC 4648 §4), as the service sends them. */
export function fromBase64(base64: string): Uint8Array {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at)
  return bytes
}

/** A call takes only so many arguments. */
const LETTERS_AT_ONCE = 8192

/** The base64 of `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += LETTERS_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, at + LETTERS_AT_ONCE))
  }
  return btoa(text)
}
