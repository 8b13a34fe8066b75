/** `-o`: where to start reading each partition. */
export type StartOffset =
  | { readonly from: 'start' }
  | { readonly from: 'end' }
  /** This offset. */
  | { readonly from: 'offset'; readonly offset: number }
  /** So many before the end. */
  | { readonly from: 'beforeEnd'; readonly count: number }
  /** The first record of this timestamp in ms or later; the end when there is none. */
  | { readonly from: 'timestamp'; readonly timestampMs: number }

/** Kafka's and kcat's words for the two ends. */
const ENDS: Readonly<Record<string, 'start' | 'end'>> = {
  start: 'start',
  beginning: 'start',
  earliest: 'start',
  end: 'end',
  latest: 'end',
}

/** Reads `start`, `end` (or other words for them), `N`, `-N` or `@ms`; undefined when it is none of them. */
export function parseStartOffset(text: string): StartOffset | undefined {
  const end = Object.hasOwn(ENDS, text) ? ENDS[text] : undefined
  if (end !== undefined) return { from: end }
  const match = /^([-@]?)(\d{1,16})$/.exec(text)
  const number = Number(match?.[2])
  if (match === null || !Number.isSafeInteger(number)) return undefined
  if (match[1] === '-') return { from: 'beforeEnd', count: number }
  if (match[1] === '@') return { from: 'timestamp', timestampMs: number }
  return { from: 'offset', offset: number }
}
