import type { Call, Touched } from './explore-calls.ts'

type Touch = Pick<Call, 'touched' | 'isWrite'>

/** An actor, and the first of its processes that may still make a call, counted from 1. */
export interface Ahead {
  readonly actor: string
  readonly from: number
}

/**
 * Who touches what, as far as all runs of a search have shown. Two calls are dependent if they touch the same thing and one
 * of them writes it; what is independent of everything that others may still do has no place in the order.
 *
 * A search is sound once it ends without a fact that it did not begin with: take an order that it left out because it took
 * a call of A for independent of what lies ahead of B, and in it the first call of B that is dependent on it. All before
 * that call commutes with A's call, so the order in which A's comes first was tried and met B's call too: it would have been
 * noted. Until then everything begins anew with each new fact.
 */
export interface Facts {
  /** Whether something that lies ahead of an actor may be dependent on the call. */
  isDependent(touch: Touch, ahead: Ahead): boolean
  /** Notes that an actor's process touches something; whether that makes anything dependent that was not. */
  note(actor: string, process: number, touch: Touch): boolean
  /** How many there are. */
  size(): number
}

/** The last process that does something. */
interface Last {
  read: number
  write: number
}

interface SharedRange {
  readonly actor: string
  readonly text: string
  readonly isWrite: boolean
  readonly covers: (id: string) => boolean
  last: number
}

export function newFacts(): Facts {
  const things = new Map<string, Map<string, Last>>()
  const ranges: SharedRange[] = []
  let count = 0

  const lastOf = (id: string, actor: string): Last => {
    const actors = things.get(id) ?? new Map<string, Last>()
    things.set(id, actors)
    const last = actors.get(actor) ?? { read: 0, write: 0 }
    actors.set(actor, last)
    return last
  }
  const meets = ({ read, write }: Last, isWrite: boolean, from: number) =>
    write >= from || (isWrite && read >= from)

  const isDependent = ({ touched, isWrite }: Touch, { actor, from }: Ahead): boolean => {
    if (!('id' in touched)) {
      return [...things].some(([id, actors]) => {
        const last = actors.get(actor)
        return last !== undefined && meets(last, isWrite, from) && touched.covers(id)
      })
    }
    const last = things.get(touched.id)?.get(actor)
    if (last !== undefined && meets(last, isWrite, from)) return true
    return ranges.some(
      (range) =>
        range.actor === actor && range.last >= from && (isWrite || range.isWrite) && range.covers(touched.id),
    )
  }
  const grows = (actor: string, process: number, { touched, isWrite }: Touch): boolean => {
    if ('id' in touched) {
      const last = lastOf(touched.id, actor)
      const kind = isWrite ? 'write' : 'read'
      if (last[kind] >= process) return false
      last[kind] = process
      return true
    }
    const range = ranges.find((other) => other.actor === actor && other.text === touched.text)
    if (range !== undefined && range.last >= process) return false
    if (range === undefined) ranges.push({ actor, ...touched, isWrite, last: process })
    else range.last = process
    return true
  }
  const actorsOf = () =>
    new Set([...[...things.values()].flatMap((actors) => [...actors.keys()]), ...ranges.map((r) => r.actor)])
  return {
    isDependent,
    note: (actor, process, touch) => {
      if (!grows(actor, process, touch)) return false
      const isNew = [...actorsOf()].some(
        (other) => other !== actor && isDependent(touch, { actor: other, from: 1 }),
      )
      if (isNew) count += 1
      return isNew
    },
    size: () => count,
  }
}

/** Whether two calls are dependent. */
export function areDependent(a: Touch, b: Touch): boolean {
  if (!a.isWrite && !b.isWrite) return false
  if ('id' in a.touched) return covers(b.touched, a.touched.id)
  return 'id' in b.touched ? covers(a.touched, b.touched.id) : true
}

function covers(touched: Touched, id: string): boolean {
  return 'id' in touched ? touched.id === id : touched.covers(id)
}
