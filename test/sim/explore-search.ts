import { newShared, type Shared } from './explore-calls.ts'
import { judge, watch } from './explore-judge.ts'
import type { Scenario } from './explore-scenario.ts'
import { type Prepared, prepare } from './explore-stage.ts'
import type { Option, World } from './explore-world.ts'

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
  /** Runs, each of which ended or came to a known state. */
  readonly orders: number
  /** Of them those that came to rest in a state of its own, and were judged. */
  readonly ends: number
  readonly states: number
  /** Whether there was nothing left to try. */
  readonly isComplete: boolean
  readonly failure: Failure | undefined
}

/** One order of a scenario's calls: what was chosen where there was a choice, and what decides where there is one. */
export interface Order {
  readonly choices: readonly number[]
  readonly shared: readonly string[]
  readonly faults: number
}

/** An order that went wrong. */
export interface Failure extends Order {
  readonly problems: readonly string[]
}

/** A place in the order where there is a choice, and what is being tried there. */
interface Fork {
  readonly count: number
  chosen: number
}

/** Longer than any order of a scenario: one that is longer goes round in circles. */
const MAX_STEPS = 2000

/**
 * Tries every order of a scenario's calls until one fails: first one actor after the other, in each order of them; then
 * all without a fault, depth first, for half of the time at most; then with a fault at every place.
 */
export async function explore(scenario: Scenario, bounds: Bounds): Promise<Explored> {
  const prepared = await prepare(scenario)
  const endMs = performance.now() + bounds.ms
  let sum: Explored | undefined
  for (let faults = 0; faults <= bounds.faults; faults += 1) {
    const part = bounds.faults - faults + 1
    const ms = (endMs - performance.now()) / part
    const states = Math.ceil((bounds.states - (sum?.states ?? 0)) / part)
    const explored = await exploreWith(prepared, { states, ms, faults })
    sum = sum === undefined ? explored : added(sum, explored)
    if (explored.failure !== undefined) break
  }
  if (sum === undefined) throw new Error('nothing was explored')
  return sum
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

async function exploreWith(prepared: Prepared, bounds: Bounds): Promise<Explored> {
  const endMs = performance.now() + bounds.ms
  const shared = newShared()
  for (;;) {
    const search: Search = { prepared, shared, bounds, endMs, known: new Set(), ends: 0, orders: 0 }
    const explored = (await searchWholeActors(search)) ?? (await searchDeep(search))
    if (explored !== 'shared') return explored
  }
}

interface Search {
  readonly prepared: Prepared
  readonly shared: Shared
  readonly bounds: Bounds
  readonly endMs: number
  readonly known: Set<string>
  orders: number
  ends: number
}

/** `shared`: something turned out to be shared, and all that was found out is of no worth. */
type Found = Explored | 'shared' | undefined

/** Has one actor act as far as it can before the next one does, in each order of them. */
async function searchWholeActors(search: Search): Promise<Found> {
  const names = search.prepared.scenario.actors.map(({ name }) => name)
  for (const order of permutations(names)) {
    const rank = ({ actor }: Option) => order.indexOf(actor)
    const choose = (options: readonly Option[]) => {
      const first = Math.min(...options.map(rank))
      return options.findIndex((option) => rank(option) === first)
    }
    const forks: Fork[] = []
    const found = judged(search, forks, await runOnce(search, forks, choose))
    if (found !== undefined) return found
    // Each of them has states that the others have, and goes on from there in its own way.
    search.known.clear()
  }
  return undefined
}

async function searchDeep(search: Search): Promise<Explored | 'shared'> {
  const { bounds, known } = search
  const forks: Fork[] = []
  for (;;) {
    const found = judged(search, forks, await runOnce(search, forks, () => 0))
    if (found !== undefined) return found
    if (!nextOrder(forks)) return reportOf(search, true)
    if (known.size >= bounds.states || performance.now() > search.endMs) return reportOf(search, false)
  }
}

function judged(search: Search, forks: readonly Fork[], world: World): Found {
  const { shared, bounds } = search
  search.orders += 1
  if (world.isOutdated) return 'shared'
  if (world.problems.length === 0) return undefined
  const choices = forks.map(({ chosen }) => chosen)
  const order = { choices, shared: [...shared.ids], faults: bounds.faults }
  return { ...reportOf(search, false), failure: { ...order, problems: [...new Set(world.problems)] } }
}

function reportOf({ prepared, orders, ends, known }: Search, isComplete: boolean): Explored {
  const { name } = prepared.scenario
  return { name, orders, ends, states: known.size, isComplete, failure: undefined }
}

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items]
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))
}

/** The last fork with something left to try tries that; false when there is none. */
function nextOrder(forks: Fork[]): boolean {
  for (let last = forks.at(-1); last !== undefined; last = forks.at(-1)) {
    last.chosen += 1
    if (last.chosen < last.count) return true
    forks.pop()
  }
  return false
}

/** Repeats what `forks` chose, and goes on as `choose` says, until a known state or the end. */
async function runOnce(
  search: Search,
  forks: Fork[],
  choose: (options: readonly Option[]) => number,
): Promise<World> {
  const { prepared, shared, bounds, known } = search
  const { world, company } = prepared.begin(shared, bounds.faults)
  const repeated = forks.length
  let depth = 0
  let settled: (() => Promise<void>) | undefined
  const isWell = () => world.problems.length === 0 && !world.isOutdated
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    // What is repeated was checked before, but for what the last choice leads to.
    if (settled === undefined && depth >= repeated) settled = watch(world, prepared.topic)
    const options = await world.options()
    await settled?.()
    if (!isWell()) return world
    const [first, ...others] = options
    if (first === undefined) {
      if (!isNew(known, world)) return world
      search.ends += 1
      await judge(world, company, { topic: prepared.topic, faults: bounds.faults })
      return world
    }
    if (others.length === 0) {
      await first.happen()
      continue
    }
    if (depth >= repeated) {
      if (!isNew(known, world)) return world
      forks.push({ count: options.length, chosen: choose(options) })
    }
    await options[forks[depth]?.chosen ?? 0]?.happen()
    depth += 1
  }
  world.problems.push('does not come to rest')
  return world
}

function isNew(known: Set<string>, world: World): boolean {
  const key = world.key()
  if (known.has(key)) return false
  known.add(key)
  return true
}

/** Runs one order again, and says everything that happens; answers what is wrong with it. */
export async function replay(
  scenario: Scenario,
  { choices, shared, faults }: Order,
  say: (line: string) => void,
): Promise<readonly string[]> {
  const prepared = await prepare(scenario)
  const { world, company } = prepared.begin(newShared(shared), faults)
  const settled = watch(world, prepared.topic)
  world.onStep = say
  let depth = 0
  const choose = (options: readonly Option[]) => {
    if (options.length === 1) return options[0]
    const chosen = choices[depth] ?? 0
    depth += 1
    say(`${String(chosen).padStart(2)} of ${String(options.length).padEnd(2)}`)
    return options[chosen]
  }
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const options = await world.options()
    await settled()
    if (world.problems.length > 0) break
    const chosen = choose(options)
    if (chosen === undefined) {
      say('everything is at rest')
      world.onStep = undefined
      await judge(world, company, { topic: prepared.topic, faults })
      break
    }
    say(`        ${chosen.what}`)
    await chosen.happen()
  }
  for (const { value, outcome, offset, errorName } of company.sent) {
    say(`${value}: ${outcome} ${outcome === 'ok' ? offset : errorName}`)
  }
  return [...new Set(world.problems)]
}
