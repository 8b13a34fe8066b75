import { type Facts, newFacts } from './explore-facts.ts'
import { judge } from './explore-judge.ts'
import type { Scenario } from './explore-scenario.ts'
import { type Prepared, prepare } from './explore-stage.ts'
import { type Course, nameOfState, newCourse, type Option, type State } from './explore-world.ts'

/** How far an exploration goes. */
export interface Bounds {
  readonly states: number
  readonly ms: number
  /** Crashes, freezes and lost answers of one order. */
  readonly faults: number
}

/** What an exploration came to. */
export interface Explored {
  readonly name: string
  /** Each of them ended, or came to a known state. */
  readonly orders: number
  /** Of them those that came to rest in a state of its own, and were judged. */
  readonly ends: number
  readonly states: number
  /** Whether there was nothing left to try. */
  readonly isComplete: boolean
  readonly failure: Failure | undefined
  readonly seconds: number
}

/** An order that went wrong. */
export interface Failure {
  readonly problems: readonly string[]
  /** What happened where there was a choice, and in between. */
  readonly steps: readonly string[]
}

/** A place in the order where there is a choice, and what is tried there next. */
interface Fork {
  readonly state: State
  readonly options: readonly Option[]
  /** Who acted last, and how often others may still interrupt. */
  readonly last: string
  readonly switches: number
  next: number
}

/** Time as nobody in a scenario sees it. */
const elapsedMs = performance.now.bind(performance)
/** Longer than any order of a scenario: one that is longer goes round in circles. */
const MAX_STEPS = 2000
/** Switches between actors that could go on, in the orders that come first. */
const MAX_SWITCHES = 2

interface Search {
  readonly prepared: Prepared
  readonly facts: Facts
  readonly bounds: Bounds
  readonly endMs: number
  readonly course: Course
  readonly known: Set<string>
  /** What was found of worlds at rest. */
  readonly judged: Map<string, readonly string[]>
  /** How often an actor may be interrupted by another one. */
  readonly switches: number
  orders: number
  ends: number
}

/**
 * Tries every order of a scenario's calls until one fails, depth first: without a fault, for half of the time at most, then
 * with a fault at every place; of both those with few switches between actors first.
 *
 * It leaves orders out in these ways only, and loses no world at rest by any of them:
 * - a world that was there before is not gone on with (`nameOfState`: all that is stored, time, and all that each actor was
 *   told; of processes that are gone, only what their actor may remember);
 * - a call that nobody else's is dependent on, now or later, is carried out at once (`Facts`), and of several actors only a
 *   persistent set is tried (`persistent`);
 * - a write and its answer are one step where the process waits for nothing else: only faults could come between, and are
 *   tried in place of that step;
 * - an answer is lost by a write that arrives late, at once; a crash before a write is one after the write before; who did
 *   nothing yet is frozen or begins later, which is the same.
 *
 * What it does not try: of what a process asks for at once, that on which nobody else is dependent is answered first; and
 * time passes only when nothing else can happen.
 */
export async function explore(scenario: Scenario, bounds: Bounds): Promise<Explored> {
  const prepared = await prepare(scenario)
  const facts = newFacts()
  const startMs = elapsedMs()
  const endMs = startMs + bounds.ms
  let sum: Explored | undefined
  for (let faults = 0; faults <= bounds.faults; faults += 1) {
    const part = bounds.faults - faults + 1
    const ms = (endMs - elapsedMs()) / part
    const states = Math.ceil((bounds.states - (sum?.states ?? 0)) / part)
    const explored = await exploreWith({ prepared, facts }, { states, ms, faults })
    sum = sum === undefined ? explored : added(sum, explored)
    if (explored.failure !== undefined) break
  }
  if (sum === undefined) throw new Error('nothing was explored')
  return { ...sum, seconds: (elapsedMs() - startMs) / 1000 }
}

function added(a: Explored, b: Explored): Explored {
  return {
    ...b,
    orders: a.orders + b.orders,
    ends: a.ends + b.ends,
    states: a.states + b.states,
    isComplete: a.isComplete && b.isComplete,
  }
}

async function exploreWith(known: Pick<Search, 'prepared' | 'facts'>, bounds: Bounds): Promise<Explored> {
  const endMs = elapsedMs() + bounds.ms
  const { locals, watch, setting } = known.prepared
  for (;;) {
    const course = newCourse({ setting, locals, facts: known.facts, watch })
    const counts = { known: new Set<string>(), judged: new Map(), ends: 0, orders: 0 }
    const search = { ...known, bounds, endMs, course, switches: Number.POSITIVE_INFINITY, ...counts }
    const found = (await searchFewSwitches(search)) ?? (await searchDeep(search))
    if (found !== 'outdated') return found
  }
}

/** `outdated`: there is a new fact, and all that was found out is of no worth. */
type Found = Explored | 'outdated' | undefined

/** Most bugs need few switches between actors: orders with the fewest come first, for some of the time. */
async function searchFewSwitches(search: Search): Promise<Found> {
  const { bounds, endMs } = search
  for (let switches = 0; switches <= MAX_SWITCHES; switches += 1) {
    const untilMs = elapsedMs() + (endMs - elapsedMs()) / (2 * (MAX_SWITCHES + 1 - switches))
    const few = { ...search, known: new Set<string>(), endMs: untilMs, switches, ends: 0 }
    const found = await searchDeep({ ...few, bounds: { ...bounds, states: bounds.states / 4 } })
    if (found === 'outdated' || found.failure !== undefined) return found
  }
  return undefined
}

async function searchDeep(search: Search): Promise<Explored | 'outdated'> {
  const { bounds, known } = search
  const forks: Fork[] = []
  const first = await goOn(search, await search.prepared.begin(bounds.faults), undefined)
  if (first !== undefined) forks.push(first)
  for (let fork = first; fork !== undefined; fork = forks.at(-1)) {
    const option = fork.options[fork.next]
    if (option === undefined) {
      forks.pop()
      continue
    }
    fork.next += 1
    const next = await goOn(search, await option.happen(), { fork, option })
    if (next !== undefined) {
      forks.push(next)
      if (forks.length < MAX_STEPS) continue
      search.course.problems.push('does not come to rest')
    }
    const found = await judged(search, forks)
    if (found !== undefined) return found
    if (known.size >= bounds.states || elapsedMs() > search.endMs) return reportOf(search, false)
  }
  return (await judged(search, forks)) ?? reportOf(search, true)
}

/** Goes on until there is a choice in a state that is new; undefined when there never is: that is the end of an order. */
async function goOn(search: Search, begin: State, before: Before | undefined): Promise<Fork | undefined> {
  const { course, known, prepared, bounds } = search
  let state = begin
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const settled = await course.settle(state)
    if (course.problems.length > 0 || course.isOutdated) return undefined
    const [only, ...others] = settled.options
    if (only !== undefined && others.length === 0) {
      course.onStep?.(`        ${only.what}`)
      state = await only.happen()
      continue
    }
    const turn = turnAfter(search, settled.options, before)
    const isFree = turn.switches === Number.POSITIVE_INFINITY
    const isAnyway = isFree || only === undefined
    const name = `${nameOfState(settled.state)}${isAnyway ? '' : ` ${turn.last} ${turn.switches}`}`
    if (known.has(name)) return undefined
    known.add(name)
    if (only !== undefined) return { state: settled.state, ...turn, next: 0 }
    search.ends += 1
    course.onStep?.('everything is at rest')
    const verdict = search.judged.get(name) ?? (await judge(prepared, settled.state, bounds.faults))
    search.judged.set(name, verdict)
    course.problems.push(...verdict)
    return undefined
  }
  course.problems.push('does not come to rest')
  return undefined
}

interface Before {
  readonly fork: Fork
  readonly option: Option
}

/** Whose turn it is, and what may happen next: an actor that could go on is interrupted only so often. */
function turnAfter(
  search: Search,
  options: readonly Option[],
  before: Before | undefined,
): Pick<Fork, 'options' | 'last' | 'switches'> {
  const last = before?.option.actor ?? ''
  const isSwitch = before !== undefined && last !== before.fork.last
  const couldGoOn = before?.fork.options.some(({ actor }) => actor === before.fork.last) === true
  const switches = (before?.fork.switches ?? search.switches) - (isSwitch && couldGoOn ? 1 : 0)
  const own = options.filter(({ actor }) => actor === last)
  return { last, switches, options: switches <= 0 && own.length > 0 ? own : options }
}

async function judged(search: Search, forks: readonly Fork[]): Promise<Found> {
  const { course } = search
  search.orders += 1
  if (course.isOutdated) return 'outdated'
  if (course.problems.length === 0) return undefined
  const problems = [...new Set(course.problems.splice(0))]
  const choices = forks.map(({ next }) => next - 1)
  return { ...reportOf(search, false), failure: { problems, steps: await stepsOf(search, choices) } }
}

/** Everything that happens in one order, which begins anew for it. */
async function stepsOf(failed: Search, choices: readonly number[]): Promise<readonly string[]> {
  const prepared = await prepare(failed.prepared.scenario)
  const { setting, locals, watch } = prepared
  const course = newCourse({ setting, locals, facts: failed.facts, watch })
  const search: Search = { ...failed, prepared, course, known: new Set(), judged: new Map() }
  const steps: string[] = []
  course.onStep = (step) => steps.push(step)
  let state = await prepared.begin(failed.bounds.faults)
  let before: Before | undefined
  for (const chosen of choices) {
    const fork = await goOn(search, state, before)
    const option = fork?.options[chosen]
    if (fork === undefined || option === undefined) break
    steps.push(`${String(chosen).padStart(2)} of ${String(fork.options.length).padEnd(2)} ${option.what}`)
    state = await option.happen()
    before = { fork, option }
  }
  await goOn(search, state, before)
  for (const { value, outcome, offset, errorName } of state.locals.flatMap(({ sent }) => sent)) {
    steps.push(`${value}: ${outcome} ${outcome === 'ok' ? offset : errorName}`)
  }
  return [...steps, ...new Set(course.problems)]
}

function reportOf({ prepared, orders, ends, known }: Search, isComplete: boolean): Explored {
  const { name } = prepared.scenario
  return { name, orders, ends, states: known.size, isComplete, failure: undefined, seconds: 0 }
}
