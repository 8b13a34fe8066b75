import type { Operation } from '../sim/history.ts'

/** What happened so far, in a line. */
export function summaryOf(
  operations: readonly Operation[],
  counts: Readonly<Record<string, number>>,
): string {
  const byOutcome = Object.groupBy(operations, ({ type }) => type)
  const { ok = [], fail = [], info = [] } = byOutcome
  const befell = Object.entries(counts).map(([what, times]) => `${times} ${what}`)
  return `${operations.length} operations (${ok.length} ok, ${fail.length} fail, ${info.length} info), ${befell.join(', ')}`
}

/** The longest time in which some partition acknowledged nothing with acks=all, between two that it did. */
export function longestGapMs(operations: readonly Operation[]): number {
  const acknowledged = operations.filter(({ f, acks, type }) => f === 'send' && acks === -1 && type === 'ok')
  let longestUs = 0
  for (const sends of Map.groupBy(acknowledged, ({ key }) => key).values()) {
    const times = sends.map(({ completedAt }) => completedAt).sort((a, b) => a - b)
    for (const [at, time] of times.entries()) longestUs = Math.max(longestUs, time - (times[at - 1] ?? time))
  }
  return Math.round(longestUs / 1000)
}
