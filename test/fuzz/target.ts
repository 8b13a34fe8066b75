import { KafkaError } from '../../shared/protocol/kafka-error.ts'

/** Something that reads bytes from anywhere, and all that must hold whatever they are. */
export interface Target {
  readonly name: string
  /** Valid inputs, which are changed a little. */
  readonly seeds: readonly Uint8Array[]
  /** Throws when it does with `bytes` what it must not. */
  readonly check: (bytes: Uint8Array) => void | Promise<void>
}

/** What `run` answers, or undefined when it refuses with a KafkaError of one of `names`, or of any; all else is rethrown. */
export function accepted<T>(run: () => T, names?: readonly string[]): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof KafkaError && (names === undefined || names.includes(error.errorName))) {
      return undefined
    }
    throw error
  }
}

/** Stops unless the fact holds. */
export function holds(condition: boolean, fact: string): asserts condition {
  if (!condition) throw new Error(`broken: ${fact}`)
}

/** Stops unless both are the same bytes. */
export function sameBytes(one: Uint8Array, other: Uint8Array, fact: string): void {
  holds(Buffer.compare(one, other) === 0, fact)
}

/** Bytes as text of JSON. */
export function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

/** The JSON value of bytes; undefined when they spell none. */
export function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}
