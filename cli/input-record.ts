import type { RecordToWrite } from '../shared/protocol/encode-batch.ts'

/** What every record of a `produce` has in common. */
export interface RecordTemplate {
  /** `-k`: the key of each record. */
  readonly key: Uint8Array | null
  /** `-K`: what stands between key and value in a line. */
  readonly delimiter: Uint8Array | null
  /** `-H` */
  readonly headers: RecordToWrite['headers']
}

/** The record of one line. Without the delimiter in it, a line is a value with a null key. */
export function inputRecord(line: Uint8Array, template: RecordTemplate, timestamp: number): RecordToWrite {
  const { delimiter, headers } = template
  if (delimiter === null) return { key: template.key, value: line, headers, timestamp }
  const at = Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(delimiter)
  if (at === -1) return { key: null, value: line, headers, timestamp }
  return { key: line.subarray(0, at), value: line.subarray(at + delimiter.length), headers, timestamp }
}

/** `k=v` as a header: its value begins behind the first `=`. Undefined when there is none, or no key. */
export function parseHeader(text: string): { key: string; value: Uint8Array } | undefined {
  const at = text.indexOf('=')
  return at < 1 ? undefined : { key: text.slice(0, at), value: new TextEncoder().encode(text.slice(at + 1)) }
}
