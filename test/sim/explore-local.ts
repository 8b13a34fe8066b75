import { type Actor, beginWork, type Sent, type Setting, type Work } from './explore-actors.ts'
import { type Call, type Outcome, textOf } from './explore-calls.ts'
import { digest, nameOf } from './explore-names.ts'
import type { Process } from './explore-process.ts'

/**
 * What an actor is at some point of an order. An actor does nothing but what follows from what its ports told it, so it is
 * named by that: worlds in which it was told the same share it, and what it does next is found out once for all of them.
 */
export interface Local {
  /** The same number, the same actor: whatever it may do from here on it may do there. */
  readonly id: number
  readonly actor: Actor
  readonly processes: readonly LocalProcess[]
  /** The first process that may still make a call, counted from 1; one past the last if there is none. */
  readonly from: number
  readonly sent: readonly Sent[]
  /** One of the ways in which it came to be. */
  readonly origin: Origin
  readonly moves: Map<string, Move>
  /** The actor itself, if it has not gone on from here. */
  work: Work | undefined
}

export interface LocalProcess {
  readonly name: string
  readonly state: Process['state']
  readonly calls: readonly LocalCall[]
  readonly timers: readonly { readonly atMs: number; readonly what: string }[]
  readonly hasWritten: boolean
}

/** A call that waits for its answer. */
export interface LocalCall {
  readonly id: number
  readonly call: Call
  readonly isAborted: boolean
}

type Origin =
  | { readonly startMs: number }
  | { readonly local: Local; readonly event: Event; readonly nowMs: number }

/** Something that happens to an actor. */
export type Event =
  | { readonly type: 'told'; readonly answers: readonly Answer[] }
  | { readonly type: 'timer'; readonly process: number; readonly timer: number }
  | { readonly type: 'state'; readonly process: number; readonly state: Process['state'] }

export interface Answer {
  readonly process: number
  readonly call: number
  readonly outcome: Outcome
  /** Whether it is known here that the call changed a document. */
  readonly hasWritten: boolean
}

/** What came of an event. */
export interface Move {
  readonly to: Local
  readonly acknowledged: readonly number[]
  readonly problems: readonly string[]
}

/** The actors of a scenario, each in all that it was so far. */
export interface Locals {
  begin(actor: Actor, nowMs: number): Promise<Local>
  move(local: Local, event: Event, nowMs: number): Promise<Move>
  /** How often an actor had to act. */
  acted(): number
}

/** Actors that are kept where they came to; others begin anew, and are told again what they were told. */
const MAX_KEPT = 400

export function newLocals(setting: Omit<Setting, 'logged' | 'nowMs'>): Locals {
  const all = new Map<string, Local>()
  const kept: Local[] = []
  let nowMs = 0
  let acted = 0

  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

  const start = async (actor: Actor, startMs: number): Promise<Work> => {
    nowMs = startMs
    const work = beginWork(actor, { ...setting, nowMs: () => nowMs })
    await settle()
    return work
  }
  const tellAll = async (work: Work, event: Event, atMs: number) => {
    nowMs = atMs
    acted += 1
    tell(work, event, atMs)
    await settle()
  }
  const workOf = async (local: Local): Promise<Work> => {
    const { work } = local
    if (work !== undefined) {
      local.work = undefined
      return work
    }
    const path: (Origin & { readonly event: Event })[] = []
    let { origin } = local
    while ('local' in origin) {
      path.push(origin)
      origin = origin.local.origin
    }
    const replayed = await start(local.actor, origin.startMs)
    for (const { event, nowMs: atMs } of path.reverse() as { event: Event; nowMs: number }[]) {
      await tellAll(replayed, event, atMs)
    }
    return replayed
  }
  const keep = (local: Local, work: Work) => {
    local.work = work
    kept.push(local)
    const oldest = kept.length > MAX_KEPT ? kept.shift() : undefined
    if (oldest !== undefined && oldest !== local) oldest.work = undefined
  }
  const localOf = (actor: Actor, work: Work, origin: Origin): Local => {
    const name = `${actor.name} ${work.isOver} ${work.said}\n${work.processes.map(nameOfProcess).join('\n')}`
    const known = all.get(name)
    if (known !== undefined) return known
    const processes = work.processes.map(seen)
    const alive = work.processes.findIndex((process) => !isGone(process))
    const from = (alive < 0 ? work.processes.length : alive) + 1
    const isOver = work.isOver && alive < 0
    const made: Local = {
      id: nameOf(name),
      actor,
      processes,
      from: isOver ? Number.POSITIVE_INFINITY : from,
      sent: [...work.sent],
      origin,
      moves: new Map(),
      work: undefined,
    }
    all.set(name, made)
    return made
  }
  return {
    begin: async (actor, startMs) => {
      const work = await start(actor, startMs)
      const local = localOf(actor, work, { startMs })
      if (local.work === undefined) keep(local, work)
      return local
    },
    move: async (local, event, atMs) => {
      const name = `${atMs} ${nameOfEvent(event)}`
      const known = local.moves.get(name)
      if (known !== undefined) return known
      const work = await workOf(local)
      const { acknowledged, problems } = work
      const before = [acknowledged.length, problems.length]
      await tellAll(work, event, atMs)
      const to = localOf(local.actor, work, { local, event, nowMs: atMs })
      if (to.work === undefined) keep(to, work)
      const move = { to, acknowledged: acknowledged.slice(before[0]), problems: problems.slice(before[1]) }
      local.moves.set(name, move)
      return move
    },
    acted: () => acted,
  }
}

/** Nothing is left that could ever wake it. */
function isGone({ state, pending, timers, hasAnswered }: Process): boolean {
  return state === 'crashed' || (hasAnswered && pending.length === 0 && timers.size === 0)
}

/**
 * What a process may do from here on follows from what it was told. One that is gone does nothing any more, and what its
 * actor may remember of its answer is in `said`.
 */
function nameOfProcess(process: Process): string {
  if (isGone(process)) return 'gone'
  return `${process.state} ${process.told} ${process.hasWritten}`
}

function seen(process: Process): LocalProcess {
  const { name, state, pending, timers, hasWritten } = process
  return {
    name,
    state,
    calls:
      state === 'crashed'
        ? []
        : pending.map(({ id, call, signal }) => ({ id, call, isAborted: signal?.aborted === true })),
    timers: [...timers].map(({ atMs, what }) => ({ atMs, what })),
    hasWritten,
  }
}

function nameOfEvent(event: Event): string {
  if (event.type === 'timer') return `timer ${event.process} ${event.timer}`
  if (event.type === 'state') return `${event.state} ${event.process}`
  return event.answers
    .map(({ process, call, outcome, hasWritten }) => `${process} ${call} ${hasWritten} ${textOf(outcome)}`)
    .join('\n')
}

function tell({ processes }: Work, event: Event, nowMs: number): void {
  const of = (at: number): Process => {
    const process = processes[at]
    if (process === undefined) throw new Error(`no process ${at}`)
    return process
  }
  if (event.type === 'told') {
    for (const { process, call: id, outcome, hasWritten } of event.answers) {
      answer(of(process), { id, outcome, hasWritten }, nowMs)
    }
  } else if (event.type === 'timer') {
    const process = of(event.process)
    const timer = [...process.timers][event.timer]
    if (timer === undefined) throw new Error(`no timer ${event.timer} of ${process.name}`)
    process.timers.delete(timer)
    process.told = digest(`${process.told} ${nowMs} ${timer.what}`)
    timer.fire()
  } else {
    const process = of(event.process)
    process.state = event.state
    for (const give of process.whenGone.splice(0)) give()
  }
}

function answer(
  process: Process,
  {
    id,
    outcome,
    hasWritten,
  }: { readonly id: number; readonly outcome: Outcome; readonly hasWritten: boolean },
  nowMs: number,
): void {
  const at = process.pending.findIndex((pending) => pending.id === id)
  const [pending] = at < 0 ? [] : process.pending.splice(at, 1)
  if (pending === undefined) throw new Error(`no call ${id} of ${process.name}`)
  process.told = digest(`${process.told} ${nowMs} ${id} ${textOf(outcome)}`)
  process.hasWritten ||= hasWritten
  if ('error' in outcome) pending.reject(outcome.error)
  else pending.resolve(outcome.value as never)
}
