import { fingerprint } from './explore-names.ts'

/** What a call reads or writes: one thing, or whatever `covers` says. */
export type Touched =
  | { readonly id: string }
  | { readonly text: string; readonly covers: (id: string) => boolean }

/** Whether a call's place in the order is tried out where others touch what it touches. */
export type Place = 'ifShared' | 'never'

/** A call of a port. It knows nothing of who makes it, and can be carried out in any number of worlds. */
export interface Call {
  readonly what: string
  readonly touched: Touched
  readonly isWrite: boolean
  readonly place: Place
  /** Whether it is a write at which faults happen. */
  readonly canFail: boolean
  readonly run: () => Promise<unknown>
}

export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** Carries a call out; nobody is told yet. */
export async function carryOut({ run }: Call): Promise<Outcome> {
  try {
    return { value: await run() }
  } catch (error) {
    return { error }
  }
}

/** A text for all that a handler can see of an answer. */
export function textOf(outcome: Outcome): string {
  return 'error' in outcome ? `failed ${String(outcome.error)}` : fingerprint(outcome.value)
}

/** Whether a conditional write was refused: it changed nothing. */
export function isRefused(outcome: Outcome): boolean {
  const value = 'value' in outcome ? outcome.value : undefined
  return typeof value === 'object' && value !== null && 'applied' in value && value.applied === false
}
