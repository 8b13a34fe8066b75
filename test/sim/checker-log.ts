import { anomaly, type Check, isKept, mustBeThere, readBy } from './checker-view.ts'

export const inconsistentOffsets: Check = (view) =>
  [...view.log].flatMap(([offset, values]) =>
    values.size > 1 && isKept(offset, view)
      ? [anomaly('inconsistent-offsets', view, `${offset} holds ${[...values].join(', ')}`)]
      : [],
  )

export const duplicate: Check = (view) => {
  const offsets = new Map<string, number>()
  const kept = [...view.log].filter(([offset]) => isKept(offset, view))
  return kept.flatMap(([offset, values]) =>
    [...values].flatMap((value) => {
      const other = offsets.get(value)
      offsets.set(value, offset)
      return other === undefined ? [] : [anomaly('duplicate', view, `${value} is at ${other} and ${offset}`)]
    }),
  )
}

export const nonmonotonicSend: Check = (view) => {
  const last = new Map<string, string>()
  return view.sends.flatMap(({ process, values, type }) => {
    if (type === 'fail') return []
    return values.flatMap(([, value]) => {
      const before = last.get(process)
      last.set(process, value)
      const [a, b] = [before === undefined ? undefined : view.index.get(before), view.index.get(value)]
      return a !== undefined && b !== undefined && b <= a
        ? [anomaly('nonmonotonic-send', view, `${process} sent ${value} after ${before}, it stands before`)]
        : []
    })
  })
}

/** What was acknowledged before another one was sent stands before it. */
export const realtimeInversion: Check = (view) => {
  const sends = view.sends
    .filter(({ type, acks }) => type === 'ok' && acks === -1)
    .flatMap((send) => send.values.flatMap(([offset]) => (isKept(offset, view) ? [{ send, offset }] : [])))
    .sort((a, b) => a.offset - b.offset)
  let latest: (typeof sends)[number] | undefined
  return sends.flatMap((current) => {
    const inverted = latest !== undefined && latest.send.invokedAt > current.send.completedAt
    const text = `offset ${latest?.offset} was sent after ${current.offset} was acknowledged`
    if (latest === undefined || current.send.invokedAt > latest.send.invokedAt) latest = current
    return inverted ? [anomaly('realtime-inversion', view, text)] : []
  })
}

/** The end of the log never falls behind what was acknowledged, or said, before; but for what was lost. */
export const staleEnd: Check = (view) => {
  const bounds = view.operations
    .filter(({ type, acks }) => type === 'ok' && acks === -1)
    .map((operation) => {
      const { f, completedAt, endOffset, values } = operation
      const last = f === 'send' ? (values.at(-1)?.[0] ?? -2) + 1 : (endOffset ?? -1)
      return { completedAt, end: last }
    })
    .sort((a, b) => a.completedAt - b.completedAt)
  let known = 0
  let passed = 0
  const told = view.operations.filter(({ type, endOffset }) => type === 'ok' && endOffset !== undefined)
  return told
    .sort((a, b) => a.invokedAt - b.invokedAt)
    .flatMap(({ invokedAt, endOffset = 0 }) => {
      for (; (bounds[passed]?.completedAt ?? invokedAt) < invokedAt; passed += 1) {
        known = Math.max(known, Math.min(bounds[passed]?.end ?? 0, view.lostFrom))
      }
      return endOffset < known
        ? [anomaly('stale-end', view, `end ${endOffset}, after ${known} was known`)]
        : []
    })
}

/** What somebody read beyond was read by nobody, wherever it is in the end. */
export const lostWrite: Check = (view) => {
  const seen = readBy(view.polls)
  const read = readBy(view.polls.filter(({ type }) => type === 'ok'))
  const passed = Math.max(-1, ...[...read].map((value) => view.index.get(value) ?? -1))
  return view.sends.flatMap((send) => {
    if (send.acks !== -1 || !mustBeThere(send, read)) return []
    return send.values.flatMap(([offset, value]) =>
      (view.index.get(value) ?? Number.MAX_SAFE_INTEGER) <= passed && !seen.has(value)
        ? [anomaly('lost-write', view, `${value} at ${offset} was read by nobody, what follows was`)]
        : [],
    )
  })
}
