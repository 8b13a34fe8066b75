import { type Anomaly, anomaly, type Check } from './checker-view.ts'
import type { Truncation } from './history.ts'

export const phantomRead: Check = (view) =>
  view.polls.flatMap(({ values }) =>
    values.flatMap(([offset, value]) =>
      view.writer.has(value) ? [] : [anomaly('phantom-read', view, `${value} at ${offset} was never sent`)],
    ),
  )

/** G1a: what was refused for good is read. */
export const abortedRead: Check = (view) =>
  view.polls.flatMap(({ values }) =>
    values.flatMap(([offset, value]) =>
      view.writer.get(value)?.type === 'fail'
        ? [anomaly('G1a', view, `${value} at ${offset} had no effect, it was said`)]
        : [],
    ),
  )

/** G1c: a poll that was over before the value was sent. */
export const readFromTheFuture: Check = (view) =>
  view.polls.flatMap(({ values, completedAt }) =>
    values.flatMap(([offset, value]) =>
      (view.writer.get(value)?.invokedAt ?? 0) > completedAt
        ? [anomaly('G1c', view, `${value} was read at ${offset} before it was sent`)]
        : [],
    ),
  )

/** What a poll returns is below the end that its answer tells (I13). */
export const beyondEnd: Check = (view) =>
  view.polls.flatMap(({ values, endOffset = Number.MAX_SAFE_INTEGER }) =>
    values.flatMap(([offset, value]) =>
      offset !== null && offset >= endOffset
        ? [anomaly('beyond-end', view, `${value} was read at ${offset}, where the end was ${endOffset}`)]
        : [],
    ),
  )

/** Consecutive values of one poll, and of one process's polls, follow each other without a gap. */
export const pollSkip: Check = (view) => {
  const found: Anomaly[] = []
  const last = new Map<string, string>()
  for (const { process, values, type } of view.polls) {
    let before = last.get(process)
    for (const [, value] of values) {
      const [a, b] = [before === undefined ? undefined : view.index.get(before), view.index.get(value)]
      if (a !== undefined && b !== undefined && b - a !== 1) {
        const name = b > a ? 'poll-skip' : 'nonmonotonic-poll'
        found.push(anomaly(name, view, `${process} saw ${value} after ${before}`))
      }
      before = value
    }
    if (type === 'ok' && before !== undefined) last.set(process, before)
  }
  return found
}

/**
 * A consumer that had passed what an unclean election took is told. What is sent again may come to lie where it lay before: so
 * it counts as truncated only from then on.
 */
export const silentTruncation: Check = (view) => {
  const { polls, final, truncations } = view
  const lostBy = new Map<string, { readonly offset: number; readonly at: number }>()
  return polls.flatMap(({ process, values, type, invokedAt }) => {
    const lost = lostBy.get(process)
    const readOn = values.some(([offset, value]) => final.get(offset ?? -1) === value)
    const isTruncated = ({ toOffset, at }: Truncation) =>
      lost !== undefined && toOffset <= lost.offset && at >= lost.at && at < invokedAt
    const skipped = lost !== undefined && readOn && type === 'ok' && (truncations?.some(isTruncated) ?? true)
    const gone = values.find(([offset, value]) => final.get(offset ?? -1) !== value)
    if (gone !== undefined && lost === undefined) lostBy.set(process, { offset: gone[0] ?? 0, at: invokedAt })
    const text = `${process} read on beyond ${lost?.offset}, which was truncated, and was not told`
    return skipped ? [anomaly('silent-truncation', view, text)] : []
  })
}
