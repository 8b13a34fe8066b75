import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import type { Setting } from './explore-actors.ts'
import { type Call, carryOut, isRefused, type Outcome, textOf } from './explore-calls.ts'
import { areDependent, type Facts } from './explore-facts.ts'
import type { Event, Local, LocalCall, Locals } from './explore-local.ts'
import { type Contents, nameOfContents } from './explore-stores.ts'
import type { Watch } from './explore-watch.ts'

/** A world at some point of an order. Nobody changes it: what happens next makes another one. */
export interface State {
  readonly contents: Contents
  readonly nowMs: number
  readonly faultsLeft: number
  /** Whether an election took anything from the log. */
  readonly wasTruncated: boolean
  readonly locals: readonly Local[]
  /** What calls came to of which nobody was told. */
  readonly done: readonly Done[]
  /** Writes whose callers were told that the outcome is unknown, and that arrive whenever they do. */
  readonly late: readonly Late[]
}

interface Done extends Place {
  readonly outcome: Outcome
}

interface Late {
  readonly actor: number
  readonly process: number
  readonly call: Call
}

/** A call of a process of an actor. */
interface Place {
  readonly actor: number
  readonly process: number
  readonly call: number
}

interface Turn extends Place {
  readonly name: string
  readonly local: LocalCall
}

/** One thing that may happen next. */
export interface Option {
  readonly what: string
  /** Whose turn it is. */
  readonly actor: string
  happen(): Promise<State>
}

/** A world that has come to where there is something to choose, or, without options, to rest. */
export interface Settled {
  readonly state: State
  readonly options: readonly Option[]
}

/** How worlds go on. */
export interface Course {
  /** What went wrong in any of them, until it is taken out. */
  readonly problems: string[]
  /** Whether there is a new fact: all that was found out is of no worth. */
  isOutdated: boolean
  onStep: ((what: string) => void) | undefined
  /** Goes on as far as there is nothing to choose. */
  settle(state: State): Promise<Settled>
}

/** The same name, the same world: whatever may happen from here on may happen there. */
export function nameOfState({
  contents,
  nowMs,
  faultsLeft,
  wasTruncated,
  locals,
  done,
  late,
}: State): string {
  const parts = [
    nowMs,
    faultsLeft,
    wasTruncated,
    nameOfContents(contents),
    ...locals.map(({ id }) => id),
    ...done.map(({ actor, process, call, outcome }) => `${actor} ${process} ${call} ${textOf(outcome)}`),
    ...late.map(({ actor, process, call }) => `${actor} ${process} ${call.what}`),
  ]
  return parts.join('|')
}

export interface CourseStart {
  readonly setting: Omit<Setting, 'logged' | 'nowMs'>
  readonly locals: Locals
  readonly facts: Facts
  readonly watch: Watch
}

export function newCourse({ setting, locals, facts, watch }: CourseStart): Course {
  const { stores } = setting
  const head = headKey(setting.topic.topicId, 0)

  /** Carries out a call of a process; nobody is told. */
  const carry = async (state: State, { actor, process }: Omit<Place, 'call'>, call: Call) => {
    const name = state.locals[actor]?.actor.name ?? ''
    if (call.place === 'ifShared' && facts.note(name, process + 1, call)) course.isOutdated = true
    stores.contents = state.contents
    const outcome = await carryOut(call)
    const { contents } = stores
    const wasTruncated = watch.tookFromLog()
    course.problems.push(...(await watch.broken(contents)))
    return { outcome, state: { ...state, contents, wasTruncated: state.wasTruncated || wasTruncated } }
  }

  /** Something happens to an actor. */
  const move = async (state: State, actor: number, event: Event): Promise<State> => {
    const local = state.locals[actor]
    if (local === undefined) throw new Error(`no actor ${actor}`)
    const { to, acknowledged, problems } = await locals.move(local, event, state.nowMs)
    course.problems.push(...problems)
    const item = acknowledged.length === 0 ? undefined : state.contents.documents.get(`${head.pk} ${head.sk}`)
    for (const offset of acknowledged) {
      const { highWatermark } = decodeHead(item?.item ?? {})
      if (highWatermark > offset) continue
      course.problems.push(`offset ${offset} was acknowledged, the high watermark is ${highWatermark}`)
    }
    return { ...state, locals: state.locals.with(actor, to) }
  }
  const tell = (state: State, { actor, process, call }: Place, outcome: Outcome, hasWritten: boolean) => {
    const isOther = (other: Place) =>
      other.actor !== actor || other.process !== process || other.call !== call
    const answers = [{ process, call, outcome, hasWritten }]
    return move({ ...state, done: state.done.filter(isOther) }, actor, { type: 'told', answers })
  }
  const gone = (state: State, { actor, process }: Place, become: 'frozen' | 'crashed') => {
    const isLeft = (other: Place) => become === 'frozen' || other.actor !== actor || other.process !== process
    const left = { ...state, done: state.done.filter(isLeft), faultsLeft: state.faultsLeft - 1 }
    return move(left, actor, { type: 'state', process, state: become })
  }

  const doneOf = (state: State, { actor, process, call }: Place) =>
    state.done.find((done) => done.actor === actor && done.process === process && done.call === call)

  /** What waits for its turn, or for its answer to be delivered. */
  const turnsOf = (state: State): readonly Turn[] =>
    state.locals.flatMap(({ processes }, actor) =>
      processes.flatMap(({ name, state: is, calls }, process) =>
        is === 'runs' ? calls.map((local) => ({ actor, process, call: local.id, name, local })) : [],
      ),
    )

  const isAheadOf = (state: State, other: number, call: Call) => {
    const local = state.locals[other]
    return local !== undefined && facts.isDependent(call, { actor: local.actor.name, from: local.from })
  }
  /** Whether a call's place in the order makes a difference: somebody else may still touch what it touches. */
  const hasPlace = (state: State, { actor, local: { call, isAborted } }: Turn) => {
    if (isAborted || call.place === 'never') return false
    if (state.late.some((late) => areDependent(late.call, call))) return true
    return state.locals.some((_, other) => other !== actor && isAheadOf(state, other, call))
  }
  const mayFail = (state: State, { canFail }: Call) => canFail && state.faultsLeft > 0

  /** What may become of a call: it is carried out, or a fault happens at it. */
  const turnOptions = async (state: State, turn: Turn): Promise<readonly Option[]> => {
    const { actor, process, name, local } = turn
    const { call } = local
    const what = `${name}: ${call.what}`
    const by = state.locals[actor]?.actor.name ?? ''
    const siblings = state.locals[actor]?.processes[process]?.calls.length ?? 1
    const carried = once(() => carry(state, turn, call))
    const happen = async () => {
      const { outcome, state: next } = await carried()
      const hasWritten = call.canFail && !isRefused(outcome)
      // Between a call and its answer nothing makes a difference to a process that waits for one answer only.
      if (siblings === 1) return tell(next, turn, outcome, hasWritten)
      return { ...next, done: [...next.done, { ...turn, outcome }] }
    }
    const options: Option[] = [{ what, actor: by, happen }]
    if (!mayFail(state, call)) return options
    const add = (text: string, fault: () => Promise<State>) =>
      options.push({ what: text, actor: by, happen: fault })
    const isFirst = state.locals[actor]?.processes[process]?.hasWritten !== true
    // A crash before a later write is one after the write that came before.
    if (isFirst) add(`${name} crashes before: ${call.what}`, () => gone(state, turn, 'crashed'))
    add(`${name} freezes before: ${call.what}`, () => gone(state, turn, 'frozen'))
    // A lost answer is a write that arrives next.
    add(`${what}, no answer, and it is still under way`, () => {
      const late = [...state.late, { actor, process, call }]
      return tell({ ...state, late, faultsLeft: state.faultsLeft - 1 }, turn, unknown(call.what), false)
    })
    const after = (text: string, become: 'frozen' | 'crashed') =>
      add(`${text}: ${call.what}`, async () => {
        const { outcome, state: next } = await carried()
        const done = [...next.done, { ...turn, outcome }]
        return gone({ ...next, done }, turn, become)
      })
    if (isRefused((await carried()).outcome)) return options
    after(`${name} crashes after`, 'crashed')
    after(`${name} freezes after`, 'frozen')
    return options
  }
  const answerOption = (state: State, turn: Turn, { outcome }: Done): Option => ({
    what: `${turn.name}: answer to ${turn.local.call.what}`,
    actor: state.locals[turn.actor]?.actor.name ?? '',
    happen: () => tell(state, turn, outcome, turn.local.call.canFail && !isRefused(outcome)),
  })
  const arrivalOptions = (state: State): readonly Option[] =>
    state.late.map((late) => ({
      what: `${state.locals[late.actor]?.processes[late.process]?.name}: ${late.call.what} arrives late`,
      actor: state.locals[late.actor]?.actor.name ?? '',
      happen: () => arrive(state, late),
    }))
  const arrive = async (state: State, late: Late): Promise<State> => {
    const left = { ...state, late: state.late.filter((other) => other !== late) }
    return (await carry(left, late, late.call)).state
  }

  /**
   * The turns of a few actors, if nothing that lies ahead of the others is dependent on any of them: whatever the others
   * do first, it can as well be done after them. A persistent set of Godefroid's. The fault that is left is no reason to
   * try another order: if one of the others takes it, these have none, and are as independent as they were.
   */
  const persistent = (state: State, turns: readonly Turn[]): readonly Turn[] => {
    const actors = [...new Set(turns.map(({ actor }) => actor))]
    for (const first of actors) {
      const chosen = new Set([first])
      for (const actor of chosen) {
        for (const { call } of turns.filter((turn) => turn.actor === actor).map(({ local }) => local)) {
          if (state.late.some((late) => areDependent(late.call, call))) return turns
          for (const other of state.locals.keys()) if (isAheadOf(state, other, call)) chosen.add(other)
        }
      }
      if (actors.some((actor) => !chosen.has(actor))) return turns.filter(({ actor }) => chosen.has(actor))
    }
    return turns
  }

  const choices = async (state: State): Promise<readonly Option[]> => {
    const turns = turnsOf(state)
    const delivered = turns.flatMap((turn) => {
      const done = doneOf(state, turn)
      return done === undefined ? [] : [{ turn, done }]
    })
    // What is delivered to a process with nothing else under way is independent of all that others do.
    for (const { turn } of delivered) {
      const own = turns.filter(({ actor, process }) => actor === turn.actor && process === turn.process)
      const answers = delivered.filter(({ turn: other }) => own.includes(other))
      if (answers.length === own.length)
        return answers.map(({ turn: its, done }) => answerOption(state, its, done))
    }
    const waiting = turns.filter((turn) => doneOf(state, turn) === undefined)
    const unplaced = waiting.find((turn) => !hasPlace(state, turn))
    if (unplaced !== undefined) return turnOptions(state, unplaced)
    const isSplit = delivered.length > 0
    const taken = isSplit ? waiting : persistent(state, waiting)
    const first: Option[] = delivered.map(({ turn, done }) => answerOption(state, turn, done))
    const faults: Option[] = []
    for (const turn of taken) {
      const [own, ...others] = await turnOptions(state, turn)
      if (own !== undefined) first.push(own)
      faults.push(...others)
    }
    const arrivals = taken.length === waiting.length ? arrivalOptions(state) : []
    const passing = turns.length === 0 && arrivals.length > 0 ? timePasses(state) : undefined
    return [...first, ...arrivals, ...(passing === undefined ? [] : [passing]), ...faults]
  }

  const timePasses = (state: State): Option | undefined => {
    const timers = state.locals.flatMap(({ processes }, actor) =>
      processes.flatMap((its, process) =>
        its.state === 'runs'
          ? its.timers.map((timer, at) => ({ actor, process, at, name: its.name, ...timer }))
          : [],
      ),
    )
    const [first] = timers.sort((a, b) => a.atMs - b.atMs)
    if (first === undefined) return undefined
    const { actor, process, at, atMs, name, what } = first
    return {
      actor: state.locals[actor]?.actor.name ?? '',
      what: `${atMs - state.nowMs} ms pass, ${name} ${what}`,
      happen: () =>
        move({ ...state, nowMs: Math.max(state.nowMs, atMs) }, actor, { type: 'timer', process, timer: at }),
    }
  }

  /** Carries out all that nobody else sees and that cannot fail; undefined if there was nothing. */
  const doWhatIsAlone = async (state: State): Promise<State | undefined> => {
    const alone = turnsOf(state).filter(
      (turn) =>
        doneOf(state, turn) === undefined &&
        !hasPlace(state, turn) &&
        (turn.local.isAborted || !mayFail(state, turn.local.call)),
    )
    let next = state
    const told = new Map<number, { process: number; call: number; outcome: Outcome; hasWritten: boolean }[]>()
    for (const turn of alone) {
      const { actor, process, name, local } = turn
      const { id, call, isAborted } = local
      course.onStep?.(`        ${name}: ${call.what}`)
      let outcome: Outcome = { error: new KafkaError('KAFKA_STORAGE_ERROR', `aborted: ${call.what}`) }
      if (!isAborted) {
        const carried = await carry(next, turn, call)
        outcome = carried.outcome
        next = carried.state
      }
      const hasWritten = call.canFail && !isAborted && !isRefused(outcome)
      told.set(actor, [...(told.get(actor) ?? []), { process, call: id, outcome, hasWritten }])
    }
    for (const [actor, answers] of told) next = await move(next, actor, { type: 'told', answers })
    const arrived = next.late.find(
      (late) => !next.locals.some((_, other) => isAheadOf(next, other, late.call)),
    )
    if (arrived !== undefined) return arrive(next, arrived)
    return alone.length > 0 ? next : undefined
  }

  const thaw = async (state: State): Promise<State | undefined> => {
    for (const [actor, { processes }] of state.locals.entries()) {
      const process = processes.findIndex((its) => its.state === 'frozen')
      if (process < 0) continue
      course.onStep?.(`        ${processes[process]?.name} thaws`)
      return move(state, actor, { type: 'state', process, state: 'runs' })
    }
    return undefined
  }

  const course: Course = {
    problems: [],
    isOutdated: false,
    onStep: undefined,
    settle: async (begin) => {
      let state = begin
      for (;;) {
        if (course.problems.length > 0 || course.isOutdated) return { state, options: [] }
        const next = await doWhatIsAlone(state)
        if (next !== undefined) {
          state = next
          continue
        }
        const options = await choices(state)
        if (options.length > 0) return { state, options }
        const passing = timePasses(state)
        if (passing !== undefined) {
          course.onStep?.(`        ${passing.what}`)
          state = await passing.happen()
          continue
        }
        const thawed = await thaw(state)
        if (thawed === undefined) return { state, options: [] }
        state = thawed
      }
    },
  }
  return course
}

function unknown(what: string): Outcome {
  return { error: new KafkaError('REQUEST_TIMED_OUT', `no answer to ${what}`) }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
