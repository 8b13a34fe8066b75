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
  next: number
}

/** Longer than any order of a scenario: one that is longer goes round in circles. */
const MAX_STEPS = 2000

interface Search {
  readonly prepared: Prepared
  readonly facts: Facts
  readonly bounds: Bounds
  readonly endMs: number
  readonly course: Course
  readonly known: Set<string>
  orders: number
  ends: number
}

/**
 * Tries every order of a scenario's calls until one fails: first one actor after the other, in each order of them; then all
 * without a fault, depth first, for half of the time at most; then with a fault at every place.
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
 */
export async function explore(scenario: Scenario, bounds: Bounds): Promise<Explored> {
  const prepared = await prepare(scenario)
  const facts = newFacts()
  const startMs = performance.now()
  const endMs = startMs + bounds.ms
  let sum: Explored | undefined
  for (let faults = 0; faults <= bounds.faults; faults += 1) {
    const part = bounds.faults - faults + 1
    const ms = (endMs - performance.now()) / part
    const states = Math.ceil((bounds.states - (sum?.states ?? 0)) / part)
    const explored = await exploreWith({ prepared, facts }, { states, ms, faults })
    sum = sum === undefined ? explored : added(sum, explored)
    if (explored.failure !== undefined) break
  }
  if (sum === undefined) throw new Error('nothing was explored')
  return { ...sum, seconds: (performance.now() - startMs) / 1000 }
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
  const endMs = performance.now() + bounds.ms
  const { locals, watch, setting } = known.prepared
  for (;;) {
    const course = newCourse({ setting, locals, facts: known.facts, watch })
    const search = { ...known, bounds, endMs, course, known: new Set<string>(), ends: 0, orders: 0 }
    const found = (await searchWholeActors(search)) ?? (await searchDeep(search))
    if (found !== 'outdated') return found
  }
}

/** `outdated`: there is a new fact, and all that was found out is of no worth. */
type Found = Explored | 'outdated' | undefined

/** Has one actor act as far as it can before the next one does, in each order of them. */
async function searchWholeActors(search: Search): Promise<Found> {
  const names = search.prepared.scenario.actors.map(({ name }) => name)
  for (const order of permutations(names)) {
    const rank = ({ actor }: Option) => order.indexOf(actor)
    const forks: Fork[] = []
    let state: State | undefined = await search.prepared.begin(search.bounds.faults)
    while (state !== undefined) {
      const fork = await goOn(search, state)
      if (fork === undefined) break
      const first = Math.min(...fork.options.map(rank))
      fork.next = fork.options.findIndex((option) => rank(option) === first) + 1
      forks.push(fork)
      state = await fork.options[fork.next - 1]?.happen()
    }
    const found = await judged(search, forks)
    if (found !== undefined) return found
    // Each of them has states that the others have, and goes on from there in its own way.
    search.known.clear()
  }
  return undefined
}

async function searchDeep(search: Search): Promise<Explored | 'outdated'> {
  const { bounds, known } = search
  const forks: Fork[] = []
  const first = await goOn(search, await search.prepared.begin(bounds.faults))
  if (first !== undefined) forks.push(first)
  for (let fork = first; fork !== undefined; fork = forks.at(-1)) {
    const option = fork.options[fork.next]
    if (option === undefined) {
      forks.pop()
      continue
    }
    fork.next += 1
    const next = await goOn(search, await option.happen())
    if (next !== undefined) {
      forks.push(next)
      if (forks.length < MAX_STEPS) continue
      search.course.problems.push('does not come to rest')
    }
    const found = await judged(search, forks)
    if (found !== undefined) return found
    if (known.size >= bounds.states || performance.now() > search.endMs) return reportOf(search, false)
  }
  return (await judged(search, forks)) ?? reportOf(search, true)
}

/** Goes on until there is a choice in a state that is new; undefined when there never is: that is the end of an order. */
async function goOn(search: Search, begin: State): Promise<Fork | undefined> {
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
    const name = nameOfState(settled.state)
    if (known.has(name)) return undefined
    known.add(name)
    if (only !== undefined) return { ...settled, next: 0 }
    search.ends += 1
    course.onStep?.('everything is at rest')
    course.problems.push(...(await judge(prepared, settled.state, bounds.faults)))
    return undefined
  }
  course.problems.push('does not come to rest')
  return undefined
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
async function stepsOf(
  { prepared, facts, bounds }: Search,
  choices: readonly number[],
): Promise<readonly string[]> {
  const again = await prepare(prepared.scenario)
  const { setting, locals, watch, begin } = again
  const course = newCourse({ setting, locals, facts, watch })
  const search = {
    prepared: again,
    facts,
    bounds,
    endMs: 0,
    course,
    known: new Set<string>(),
    ends: 0,
    orders: 0,
  }
  const steps: string[] = []
  course.onStep = (step) => steps.push(step)
  let state = await begin(bounds.faults)
  for (const chosen of choices) {
    const fork = await goOn(search, state)
    const option = fork?.options[chosen]
    if (option === undefined) break
    steps.push(`${String(chosen).padStart(2)} of ${String(fork?.options.length).padEnd(2)} ${option.what}`)
    state = await option.happen()
  }
  await goOn(search, state)
  for (const { value, outcome, offset, errorName } of state.locals.flatMap(({ sent }) => sent)) {
    steps.push(`${value}: ${outcome} ${outcome === 'ok' ? offset : errorName}`)
  }
  return [...steps, ...new Set(course.problems)]
}

function reportOf({ prepared, orders, ends, known }: Search, isComplete: boolean): Explored {
  const { name } = prepared.scenario
  return { name, orders, ends, states: known.size, isComplete, failure: undefined, seconds: 0 }
}

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items]
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))
}
