import type { History, Key, Operation, Truncation } from './history.ts'

/** What is wrong with a history, in words; the first is the name of the anomaly. */
export interface Anomaly {
  readonly name: string
  readonly text: string
}

/** One key's operations, and what follows from them. */
export interface View {
  readonly key: Key
  readonly operations: readonly Operation[]
  readonly sends: readonly Operation[]
  readonly polls: readonly Operation[]
  readonly writer: ReadonlyMap<string, Operation>
  /** Values by offset: of acknowledged sends and of all polls. */
  readonly log: ReadonlyMap<number, ReadonlySet<string>>
  /** Place of a value in the order of offsets; undefined for one that is in a conflict, there twice, or may be lost. */
  readonly index: ReadonlyMap<string, number>
  readonly final: ReadonlyMap<number, string>
  readonly finalOffsets: ReadonlyMap<string, readonly number[]>
  /** What lies below was never lost; what an unclean election took from here on is not held against the log. */
  readonly lostFrom: number
  readonly truncations: readonly Truncation[] | undefined
}

export type Check = (view: View) => readonly Anomaly[]

export const anomaly = (name: string, view: View, text: string): Anomaly => ({
  name,
  text: `${view.key}: ${text}`,
})

export function viewOf(key: Key, operations: readonly Operation[], history: History): View {
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
  const lostFrom = history.losses.get(key) ?? Number.MAX_SAFE_INTEGER
  const finalOffsets = new Map<string, number[]>()
  for (const [offset, value] of final) finalOffsets.set(value, [...(finalOffsets.get(value) ?? []), offset])
  return {
    key,
    operations,
    sends,
    polls,
    writer,
    log,
    index: indexOf(log, lostFrom),
    final,
    finalOffsets,
    lostFrom,
    truncations: history.truncations?.filter((truncation) => truncation.key === key),
  }
}

/** Whether the place is known, and nothing there was ever lost. */
export function isKept(offset: number | null, { lostFrom }: Pick<View, 'lostFrom'>): offset is number {
  return offset !== null && offset < lostFrom
}

function indexOf(
  log: ReadonlyMap<number, ReadonlySet<string>>,
  lostFrom: number,
): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  const clashing = new Set<string>()
  const offsets = [...log.keys()].sort((a, b) => a - b)
  for (const [position, offset] of offsets.entries()) {
    const values = log.get(offset) ?? new Set<string>()
    for (const value of values) {
      if (values.size > 1 || places.has(value) || offset >= lostFrom) clashing.add(value)
      places.set(value, position)
    }
  }
  for (const value of clashing) places.delete(value)
  return places
}

/** Whether the send took effect: it was acknowledged, or somebody read of it. */
export function mustBeThere({ type, values }: Operation, read: ReadonlySet<string>): boolean {
  return type === 'ok' || (type === 'info' && values.some(([, value]) => read.has(value)))
}

export function readBy(polls: readonly Operation[]): ReadonlySet<string> {
  return new Set(polls.flatMap(({ values }) => values.map(([, value]) => value)))
}
