import { malformed } from './envelope.ts'

/** What Node 24 has and the standard library's types do not yet. */
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): object
}

const json = JSON as unknown as JsonWithSource

/** A number that JavaScript may write in another way than it was sent: with a point, an exponent, −0, or many digits. */
const UNUSUAL_NUMBER = /\d[.eE]|\d{16}|-0/

/** Parses JSON so that `compactJson` gives every number back digit by digit. */
export function parseKeepingDigits(text: string): unknown {
  if (!UNUSUAL_NUMBER.test(text)) return JSON.parse(text)
  return json.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value)
      ? json.rawJSON(source)
      : value,
  )
}

/**
 * The compact text of a parsed value as UTF-8.
 *
 * @throws KafkaError INVALID_REQUEST (422) when it is nested too deeply
 */
export function compactJson(value: unknown): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(value))
  } catch (error) {
    if (error instanceof RangeError) throw malformed('rest', 'records: a value is nested too deeply', error)
    throw error
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPENING = [0x5b, 0x7b]
const CLOSING = [0x5d, 0x7d]
const WHITESPACE = [0x20, 0x09, 0x0a, 0x0d]

/** The elements of a JSON array as they stand in `text`, which must be valid JSON: views without the space around them. */
export function elementsOf(text: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = []
  let depth = 0
  let start = -1
  let end = -1
  const finish = () => {
    if (start >= 0) elements.push(text.subarray(start, end))
    start = -1
  }
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] as number
    if (WHITESPACE.includes(byte)) continue
    if (depth === 1 && byte === COMMA) {
      finish()
      continue
    }
    const closing = CLOSING.includes(byte)
    if (closing) depth -= 1
    if (closing && depth === 0) break
    if (depth === 1 && start < 0) start = at
    if (OPENING.includes(byte)) depth += 1
    if (byte === QUOTE) at = stringEnd(text, at)
    end = at + 1
  }
  finish()
  return elements
}

/** Where the quote stands that ends the string begun at `start`. */
function stringEnd(text: Uint8Array, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
  return at
}
