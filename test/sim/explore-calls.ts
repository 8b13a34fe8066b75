import { hash } from 'node:crypto'

/** What a call reads or writes: one thing, or whatever `covers` says. */
export type Touched =
  | { readonly id: string }
  | { readonly text: string; readonly covers: (id: string) => boolean }

/** Whether a call's place in the order is tried out: it is the same for whom nobody else touches what it touches. */
export type Place = 'ifShared' | 'always' | 'never'

/** A call of a port that was not answered yet. */
export interface Call {
  readonly what: string
  readonly touched: Touched
  readonly isWrite: boolean
  readonly place: Place
  readonly signal: AbortSignal | undefined
  readonly run: () => Promise<unknown>
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
  /** What it came to, once it was carried out. */
  outcome: Outcome | undefined
}

export type Outcome = { readonly value: unknown } | { readonly error: unknown }

/** Carries a call out; nobody is told yet. */
export async function carryOut(call: Call): Promise<Outcome> {
  try {
    call.outcome = { value: await call.run() }
  } catch (error) {
    call.outcome = { error }
  }
  return call.outcome
}

/** A text for all that a handler can see of an answer. */
export function fingerprint(outcome: Outcome): string {
  if ('error' in outcome) return `failed ${String(outcome.error)}`
  const { value } = outcome
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : (JSON.stringify(value) ?? '')
}

/** Whether a conditional write was refused: it changed nothing. */
export function isRefused(outcome: Outcome): boolean {
  const value = 'value' in outcome ? outcome.value : undefined
  return typeof value === 'object' && value !== null && 'applied' in value && value.applied === false
}

/** A short name for a long text. */
export function digest(text: string): string {
  return hash('sha1', text, 'base64')
}

/**
 * Who touched what, in all runs of a search. Calls that touch what nobody else does can be carried out as soon as they are
 * made: their place in the order makes no difference. Where that turns out not to be so, the thing is shared from then on,
 * and all begins anew.
 */
export interface Shared {
  readonly ids: ReadonlySet<string>
  has(touched: Touched): boolean
  /** Notes that an actor touches something; whether anything turns out to be shared that was not known to be. */
  note(actor: string, call: Pick<Call, 'touched' | 'isWrite'>): boolean
}

export function newShared(known: readonly string[] = []): Shared {
  const ids = new Set(known)
  const readers = new Map<string, Set<string>>()
  const writers = new Map<string, Set<string>>()
  const ranges: { readonly actor: string; readonly text: string; covers(id: string): boolean }[] = []
  const others = (map: ReadonlyMap<string, ReadonlySet<string>>, id: string, actor: string) =>
    [...(map.get(id) ?? [])].some((other) => other !== actor)
  const add = (map: Map<string, Set<string>>, id: string, actor: string) => {
    const actors = map.get(id) ?? new Set()
    map.set(id, actors.add(actor))
  }
  const foundBy = (actor: string, { touched, isWrite }: Pick<Call, 'touched' | 'isWrite'>) => {
    if (!('id' in touched)) {
      const { text, covers } = touched
      if (!ranges.some((range) => range.actor === actor && range.text === text)) {
        ranges.push({ actor, text, covers })
      }
      return [...writers.keys()].filter((id) => covers(id) && others(writers, id, actor))
    }
    const { id } = touched
    const isInRange = isWrite && ranges.some((range) => range.actor !== actor && range.covers(id))
    const isShared = others(writers, id, actor) || (isWrite && others(readers, id, actor)) || isInRange
    add(isWrite ? writers : readers, id, actor)
    return isShared ? [id] : []
  }
  return {
    ids,
    has: (touched) => ('id' in touched ? ids.has(touched.id) : [...ids].some((id) => touched.covers(id))),
    note: (actor, call) => {
      const before = ids.size
      for (const id of foundBy(actor, call)) ids.add(id)
      return ids.size > before
    },
  }
}
