/** Line numbers as people write them, `1-3,7`; `openFrom` adds every line from that one on: `1-3,7-`. */
export function lineRanges(numbers: readonly number[], openFrom?: number): string {
  const ranges: { first: number; last: number }[] = []
  const sorted = [...numbers].sort((a, b) => a - b)
  for (const number of sorted) addTo(ranges, { first: number, last: number })
  if (openFrom !== undefined) addTo(ranges, { first: openFrom, last: Number.POSITIVE_INFINITY })
  return ranges.map(spell).join(',')
}

interface Range {
  first: number
  last: number
}

function addTo(ranges: Range[], range: Range): void {
  const previous = ranges.at(-1)
  if (previous !== undefined && range.first <= previous.last + 1) previous.last = range.last
  else ranges.push(range)
}

function spell({ first, last }: Range): string {
  if (first === last) return `${first}`
  return last === Number.POSITIVE_INFINITY ? `${first}-` : `${first}-${last}`
}
