import { assert } from './kafka-error.ts'

/** Whole bytes: of four characters, one alone has only six bits. */
const BASE64URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$/

/** base64url without padding (RFC 4648 §5), for ids and references of some tens of bytes. */
export function toBase64url(bytes: Uint8Array | readonly number[]): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/**
 * The bytes that `toBase64url` made `text` of.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when it is not base64url
 */
export function fromBase64url(text: string): Uint8Array {
  assert(BASE64URL.test(text), `text is not base64url text=${text}`)
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) =>
    letter.charCodeAt(0),
  )
}
