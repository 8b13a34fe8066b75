import type { History, Key, Operation } from './history.ts'

/** What is wrong with a history, in words; the first is the name of the anomaly. */
export interface Anomaly {
  readonly name: string
  readonly text: string
}

/** Everything that a history shows which must not be. Where data was lost by an unclean election, silence about it is. */
export function checkHistory(history: History): readonly Anomaly[] {
  const anomalies: Anomaly[] = []
  const byKey = Map.groupBy(history.operations, ({ key }) => key)
  for (const [key, operations] of byKey) {
    const view = viewOf(key, operations, history)
    for (const check of CHECKS) anomalies.push(...check(view))
  }
  return anomalies
}

/** One key's operations, and what follows from them. */
interface View {
  readonly key: Key
  readonly operations: readonly Operation[]
  readonly sends: readonly Operation[]
  readonly polls: readonly Operation[]
  readonly writer: ReadonlyMap<string, Operation>
  /** Values by offset: of acknowledged sends and of all polls. */
  readonly log: ReadonlyMap<number, ReadonlySet<string>>
  /** Place of a value in the order of offsets; undefined for one that is in a conflict or there twice. */
  readonly index: ReadonlyMap<string, number>
  readonly final: ReadonlyMap<number, string>
  readonly finalOffsets: ReadonlyMap<string, readonly number[]>
  /** Data was lost in an unclean election: what is missing then is not held against the log. */
  readonly mayLose: boolean
  readonly wasTold: boolean
}

type Check = (view: View) => readonly Anomaly[]

const anomaly = (name: string, view: View, text: string): Anomaly => ({ name, text: `${view.key}: ${text}` })

function viewOf(key: Key, operations: readonly Operation[], history: History): View {
  const sends = operations.filter(({ f }) => f === 'send')
  const polls = operations.filter(({ f }) => f === 'poll')
  const writer = new Map(sends.flatMap((send) => send.values.map(([, value]) => [value, send] as const)))
  const log = new Map<number, Set<string>>()
  const add = (offset: number | null, value: string) => {
    if (offset === null) return
    const values = log.get(offset) ?? new Set()
    values.add(value)
    log.set(offset, values)
  }
  for (const { type, acks, values } of sends) {
    // What acks=1 was told may be truncated, and its offset given to another one.
    if (type === 'ok' && acks === -1) for (const [offset, value] of values) add(offset, value)
  }
  for (const { values } of polls) for (const [offset, value] of values) add(offset, value)
  const final = history.final.get(key) ?? new Map()
  const finalOffsets = new Map<string, number[]>()
  for (const [offset, value] of final) finalOffsets.set(value, [...(finalOffsets.get(value) ?? []), offset])
  return {
    key,
    operations,
    sends,
    polls,
    writer,
    log,
    index: indexOf(log),
    final,
    finalOffsets,
    mayLose: history.losses.has(key),
    wasTold: history.told.has(key),
  }
}

function indexOf(log: ReadonlyMap<number, ReadonlySet<string>>): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  const clashing = new Set<string>()
  const offsets = [...log.keys()].sort((a, b) => a - b)
  for (const [position, offset] of offsets.entries()) {
    const values = log.get(offset) ?? new Set<string>()
    for (const value of values) {
      if (values.size > 1 || places.has(value)) clashing.add(value)
      places.set(value, position)
    }
  }
  for (const value of clashing) places.delete(value)
  return places
}

const phantomRead: Check = (view) =>
  view.polls.flatMap(({ values }) =>
    values.flatMap(([offset, value]) =>
      view.writer.has(value) ? [] : [anomaly('phantom-read', view, `${value} at ${offset} was never sent`)],
    ),
  )

const inconsistentOffsets: Check = (view) =>
  view.mayLose
    ? []
    : [...view.log].flatMap(([offset, values]) =>
        values.size < 2
          ? []
          : [anomaly('inconsistent-offsets', view, `${offset} holds ${[...values].join(', ')}`)],
      )

const duplicate: Check = (view) => {
  if (view.mayLose) return []
  const offsets = new Map<string, number>()
  return [...view.log].flatMap(([offset, values]) =>
    [...values].flatMap((value) => {
      const other = offsets.get(value)
      offsets.set(value, offset)
      return other === undefined ? [] : [anomaly('duplicate', view, `${value} is at ${other} and ${offset}`)]
    }),
  )
}

/** G1a: what was refused for good is read. */
const abortedRead: Check = (view) =>
  view.polls.flatMap(({ values }) =>
    values.flatMap(([offset, value]) =>
      view.writer.get(value)?.type === 'fail'
        ? [anomaly('G1a', view, `${value} at ${offset} had no effect, it was said`)]
        : [],
    ),
  )

/** Consecutive values of one poll, and of one process's polls, follow each other without a gap. */
const pollSkip: Check = (view) => {
  if (view.mayLose) return []
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

const nonmonotonicSend: Check = (view) => {
  if (view.mayLose) return []
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
const realtimeInversion: Check = (view) => {
  if (view.mayLose) return []
  const sends = view.sends
    .filter(({ type, acks }) => type === 'ok' && acks === -1)
    .flatMap((send) => send.values.flatMap(([offset]) => (offset === null ? [] : [{ send, offset }])))
    .sort((a, b) => a.offset - b.offset)
  let latest: (typeof sends)[number] | undefined
  return sends.flatMap((current) => {
    const inverted = latest !== undefined && latest.send.invokedAt > current.send.completedAt
    const text = `offset ${latest?.offset} was sent after ${current.offset} was acknowledged`
    if (latest === undefined || current.send.invokedAt > latest.send.invokedAt) latest = current
    return inverted ? [anomaly('realtime-inversion', view, text)] : []
  })
}

/** The end of the log never falls behind what was acknowledged, or said, before. */
const staleEnd: Check = (view) => {
  if (view.mayLose) return []
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
        known = Math.max(known, bounds[passed]?.end ?? 0)
      }
      return endOffset < known
        ? [anomaly('stale-end', view, `end ${endOffset}, after ${known} was known`)]
        : []
    })
}

const vanishedRead: Check = (view) =>
  view.mayLose
    ? []
    : view.polls.flatMap(({ values }) =>
        values.flatMap(([offset, value]) =>
          view.final.get(offset ?? -1) === value
            ? []
            : [
                anomaly(
                  'vanished-read',
                  view,
                  `${value} was read at ${offset}, where ${view.final.get(offset ?? -1)} is`,
                ),
              ],
        ),
      )

const finalLost: Check = (view) =>
  view.sends.flatMap(({ type, acks, values }) => {
    if (type !== 'ok' || acks !== -1 || view.mayLose) return []
    return values.flatMap(([offset, value]) => {
      const at = view.finalOffsets.get(value)
      if (at === undefined)
        return [anomaly('final-lost', view, `${value} was acknowledged at ${offset}, and is lost`)]
      return offset === null || at.includes(offset)
        ? []
        : [anomaly('ack-offset-mismatch', view, `${value} was acknowledged at ${offset}, and is at ${at}`)]
    })
  })

const finalAborted: Check = (view) =>
  [...view.final].flatMap(([offset, value]) =>
    view.writer.get(value)?.type === 'fail'
      ? [anomaly('final-aborted', view, `${value} at ${offset} had no effect, it was said`)]
      : [],
  )

const finalDuplicate: Check = (view) =>
  [...view.finalOffsets].flatMap(([value, offsets]) =>
    offsets.length > 1 ? [anomaly('final-duplicate', view, `${value} is at ${offsets.join(' and ')}`)] : [],
  )

const offsetGap: Check = (view) => {
  const offsets = [...view.final.keys()].sort((a, b) => a - b)
  return offsets.flatMap((offset, position) =>
    offset === position ? [] : [anomaly('offset-gap', view, `offset ${offset} is the ${position}th`)],
  )
}

/** Some records of a batch without the others. */
const torn: Check = (view) =>
  view.sends.flatMap(({ values }) => {
    const there = values.filter(([, value]) => view.finalOffsets.has(value)).length
    return there === 0 || there === values.length || view.mayLose
      ? []
      : [anomaly('torn', view, `${there} of ${values.length} records from ${values[0]?.[1]} on`)]
  })

/** A consumer that had passed what an unclean election took is told. */
const silentTruncation: Check = (view) => {
  if (!view.mayLose || view.wasTold) return []
  const lostFrom = new Map<string, { readonly offset: number; readonly at: number }>()
  return view.polls.flatMap(({ process, values, type, completedAt, invokedAt }) => {
    const before = lostFrom.get(process)
    const readOn = values.some(([offset, value]) => view.final.get(offset ?? -1) === value)
    const skipped = before !== undefined && readOn && type === 'ok' && invokedAt > before.at
    const gone = values.find(([offset, value]) => view.final.get(offset ?? -1) !== value)
    if (gone !== undefined && before === undefined) {
      lostFrom.set(process, { offset: gone[0] ?? 0, at: completedAt })
    }
    const text = `${process} read on beyond ${before?.offset}, which was truncated, and was not told`
    return skipped ? [anomaly('silent-truncation', view, text)] : []
  })
}

const CHECKS: readonly Check[] = [
  phantomRead,
  inconsistentOffsets,
  duplicate,
  abortedRead,
  pollSkip,
  nonmonotonicSend,
  realtimeInversion,
  staleEnd,
  vanishedRead,
  finalLost,
  finalAborted,
  finalDuplicate,
  offsetGap,
  torn,
  silentTruncation,
]
