import { parseArgs } from 'node:util'
import { exploreApart, type Order } from './explore-apart.ts'
import { PLANTED } from './explore-planted.ts'
import type { Scenario } from './explore-scenario.ts'
import { type Explored, explore } from './explore-search.ts'
import { forbidOutside } from './no-outside.ts'
import { requirePlanted } from './plant.ts'
import { SCENARIOS } from './scenarios/all.ts'

const USAGE = `usage: npm run explore -- [--only SCENARIO]... [--states N] [--seconds N] [--faults N] [--jobs N]
       npm run explore -- --planted [--only SCENARIO]... [--bug NAME]...    orders until planted bugs are found
`

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    bug: { type: 'string', multiple: true },
    states: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '300' },
    faults: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    planted: { type: 'boolean', default: false },
    work: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const bounds = {
  states: Number(values.states),
  ms: Number(values.seconds) * 1000,
  faults: Number(values.faults),
}

if (values.help) process.stdout.write(USAGE)
else if (values.work !== undefined) await work(named(values.work))
else if (values.planted) await explorePlanted()
else await exploreAll()

/** The child: explores one scenario, and writes what came of it. */
async function work(scenario: Scenario): Promise<void> {
  requirePlanted(process.env.PLANT)
  forbidOutside()
  process.stdout.write(JSON.stringify(await explore(scenario, bounds)))
}

async function exploreAll(): Promise<void> {
  const scenarios = values.only === undefined ? SCENARIOS : values.only.map(named)
  const orders = scenarios.map(({ name }) => ({ ...bounds, scenario: name, bug: undefined }))
  const startedMs = performance.now()
  let [failed, complete] = [0, 0]
  await exploreApart(orders, {
    jobs: Number(values.jobs),
    done: ({ scenario }, explored) => {
      console.log(`${lineOf(explored)}  ${named(scenario).about}`)
      if (explored.isComplete) complete += 1
      if (explored.failure === undefined) return
      failed += 1
      for (const step of explored.failure.steps) console.log(`  ${step}`)
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
  let missed = 0
  await exploreApart(
    pairs.map((pair): Order => ({ ...bounds, ...pair })),
    {
      jobs: Number(values.jobs),
      done: ({ scenario, bug: name }, { failure, orders, states, seconds }) => {
        if (failure === undefined) missed += 1
        const found = failure === undefined ? 'NOT FOUND' : `after ${orders} orders`
        const problem = failure?.problems[0]?.split('\n')[0] ?? `${states} states, ${seconds.toFixed(0)} s`
        console.log(`${scenario.padEnd(6)}${name?.padEnd(40)}${found.padStart(20)}  ${problem.slice(0, 110)}`)
      },
    },
  )
  console.log(`${pairs.length - missed} of ${pairs.length} found`)
  process.exitCode = missed > 0 ? 1 : 0
}

function named(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no such scenario: ${name}`)
  return found
}
