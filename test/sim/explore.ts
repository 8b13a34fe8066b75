import { optionsOf } from '../support/options.ts'
import { exploreApart, type Order } from './explore-apart.ts'
import { PLANTED } from './explore-planted.ts'
import type { Scenario } from './explore-scenario.ts'
import { type Explored, explore } from './explore-search.ts'
import { forbidOutside } from './no-outside.ts'
import { MAX_PROCESSES } from './options.ts'
import { requirePlanted } from './plant.ts'
import { SCENARIOS } from './scenarios/all.ts'

const NAMES = SCENARIOS.map(({ name }) => name)
/** What the lines of a failed order mean. */
const LEGEND = `  what led there, from the beginning on; \`1 of 3\`: of three things that could happen next (0, 1 and 2) this one was
  tried; lines without a number had no alternative; then what each sender was told, and what is wrong`

const values = optionsOf({
  command: 'npm run explore --',
  about: `Runs the handlers of each scenario in every order of their calls, with faults at every place. Exit 1 when an order
fails; with --planted, when a bug is not found.`,
  options: {
    only: { takes: 'names', of: 'scenario', known: NAMES, help: 'this scenario' },
    states: { takes: 'number', min: 1, max: 1e9, default: 200_000, help: 'states of one scenario' },
    seconds: { takes: 'number', min: 1, max: 86_400, default: 300, help: 'seconds for one scenario' },
    faults: {
      takes: 'number',
      min: 0,
      max: 10,
      default: 1,
      help: 'crashes, freezes and lost answers of one order',
    },
    jobs: {
      takes: 'number',
      min: 1,
      max: MAX_PROCESSES,
      default: 2,
      help: 'scenarios at once, each in a process',
    },
    planted: { takes: 'nothing', help: 'each pair of explore-planted.ts: the scenario must show the bug' },
    bug: {
      takes: 'names',
      of: 'bug',
      known: [...new Set(PLANTED.map(({ bug }) => bug))],
      help: 'of the pairs those with this bug',
      onlyWith: 'planted',
    },
    work: { takes: 'name', of: 'scenario', known: NAMES },
  },
})
const bounds = { states: values.states, ms: values.seconds * 1000, faults: values.faults }

if (values.work !== undefined) await work(named(values.work))
else if (values.planted) await explorePlanted()
else await exploreAll()

/** The child: explores one scenario, and writes what came of it. */
async function work(scenario: Scenario): Promise<void> {
  requirePlanted(process.env.PLANT)
  forbidOutside()
  process.stdout.write(JSON.stringify(await explore(scenario, bounds)))
}

async function exploreAll(): Promise<void> {
  const scenarios = values.only === undefined ? SCENARIOS : [...new Set(values.only)].map(named)
  const orders = scenarios.map(({ name }) => ({ ...bounds, scenario: name, bug: undefined }))
  const startedMs = performance.now()
  let [failed, complete] = [0, 0]
  await exploreApart(orders, {
    jobs: values.jobs,
    done: ({ scenario }, explored) => {
      console.log(`${lineOf(explored)}  ${named(scenario).about}`)
      if (explored.isComplete) complete += 1
      if (explored.failure === undefined) return
      failed += 1
      console.log(LEGEND)
      for (const step of explored.failure.steps) console.log(`  ${step}`)
    },
    broken: ({ scenario }, why) => {
      failed += 1
      console.log(`${scenario.padEnd(6)}BROKEN: ${why}`)
    },
  })
  const seconds = (performance.now() - startedMs) / 1000
  console.log(
    `${orders.length} scenarios, ${complete} complete, ${failed} failed, in ${seconds.toFixed(0)} s`,
  )
  process.exitCode = failed > 0 ? 1 : 0
}

function lineOf({ name, orders, states, ends, isComplete, failure, seconds }: Explored): string {
  const verdict = failure !== undefined ? 'FAILED' : isComplete ? 'complete' : 'stopped'
  const counts = [`${orders} orders`, `${states} states`, `${ends} ends`].map((count) => count.padStart(15))
  return `${name.padEnd(6)}${counts.join('')}  ${verdict.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s`
}

/** Every bug of the list must be found. */
async function explorePlanted(): Promise<void> {
  const { only, bug } = values
  const pairs = PLANTED.filter(
    (pair) => (only?.includes(pair.scenario) ?? true) && (bug?.includes(pair.bug) ?? true),
  )
  if (pairs.length === 0) {
    process.stderr.write('no pair of explore-planted.ts has that scenario and that bug\n')
    process.exitCode = 2
    return
  }
  let found = 0
  const tell = ({ scenario, bug: name }: Order, verdict: string, problem: string) =>
    console.log(`${scenario.padEnd(6)}${name?.padEnd(40)}${verdict.padStart(20)}  ${problem}`)
  await exploreApart(
    pairs.map((pair): Order => ({ ...bounds, ...pair })),
    {
      jobs: values.jobs,
      done: (order, { failure, orders, states, seconds }) => {
        if (failure !== undefined) found += 1
        const verdict = failure === undefined ? 'NOT FOUND' : `after ${orders} orders`
        const problem = failure?.problems[0]?.split('\n')[0] ?? `${states} states, ${seconds.toFixed(0)} s`
        tell(order, verdict, problem.slice(0, 110))
      },
      broken: (order, why) => tell(order, 'BROKEN', why),
    },
  )
  console.log(`${found} of ${pairs.length} found`)
  process.exitCode = found < pairs.length ? 1 : 0
}

function named(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no such scenario: ${name}`)
  return found
}
