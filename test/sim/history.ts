/** `${topicId}/${partition}` */
export type Key = string

/** A value that was sent or polled, and where; offset null where it was not told. */
export type Place = readonly [offset: number | null, value: string]

/** One operation of a client, from its invocation to what its client was told. */
export interface Operation {
  /** A client that does not know what became of an operation goes on under another name. */
  readonly process: string
  readonly f: 'send' | 'poll' | 'end-offset'
  readonly key: Key
  readonly acks: -1 | 0 | 1
  readonly isIdempotent: boolean
  /** Order of events in the whole run. */
  readonly invokedAt: number
  completedAt: number
  /** `fail` only if it had no effect and never will; `info`: nobody knows. */
  type: 'ok' | 'fail' | 'info'
  /** What was sent, or what was polled, in the order of offsets. */
  values: readonly Place[]
  /** Of a poll or an end-offset: where it began, and where it says the log ends. */
  readonly from?: number
  endOffset?: number
  /** Of a poll: the log start that held when it was asked for. */
  error?: string
}

/** An election that took what lies at or beyond `toOffset` from the log, and when in the order of events. */
export interface Truncation {
  readonly key: Key
  readonly toOffset: number
  readonly at: number
}

/** All that clients did and saw. */
export interface History {
  readonly operations: readonly Operation[]
  /** What a fresh consumer read of each key in the end, by offset, in the order in which it did. */
  readonly final: ReadonlyMap<Key, ReadonlyMap<number, string>>
  /** Keys of which an election truncated what readers counted on, and from which offset. */
  readonly losses: ReadonlyMap<Key, number>
  /** All elections that truncated anything; undefined where nobody saw them. */
  readonly truncations: readonly Truncation[] | undefined
}
