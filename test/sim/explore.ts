import { parseArgs } from 'node:util'
import type { Scenario } from './explore-scenario.ts'
import { type Explored, explore, type Failure, replay } from './explore-search.ts'
import { forbidOutside } from './no-outside.ts'
import { SCENARIOS } from './scenarios/all.ts'

const USAGE = `usage: npm run explore -- [--only SCENARIO]... [--states N] [--minutes N] [--faults N]
       npm run explore -- --replay SCENARIO CHOICES    one order, with everything that happens
`

const { values, positionals } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    states: { type: 'string', default: '200000' },
    minutes: { type: 'string', default: '5' },
    faults: { type: 'string', default: '1' },
    replay: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

forbidOutside()
if (values.help) process.stdout.write(USAGE)
else if (values.replay !== undefined) await replayOne(named(values.replay), positionals[0] ?? '')
else await exploreAll()

async function exploreAll(): Promise<void> {
  const { only } = values
  const wanted = only === undefined ? SCENARIOS : only.map(named)
  const bounds = {
    states: Number(values.states),
    ms: Number(values.minutes) * 60_000,
    faults: Number(values.faults),
  }
  let failed = 0
  for (const scenario of wanted) {
    const startedMs = performance.now()
    const explored = await explore(scenario, bounds)
    const seconds = (performance.now() - startedMs) / 1000
    console.log(lineOf(scenario, explored, seconds))
    if (explored.failure === undefined) continue
    failed += 1
    await show(scenario, explored.failure)
  }
  console.log(`${wanted.length} scenarios, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

function lineOf(scenario: Scenario, explored: Explored, seconds: number): string {
  const { orders, ends, states, isComplete, failure } = explored
  const verdict = failure !== undefined ? 'FAILED' : isComplete ? 'complete' : 'stopped'
  const counts = [`${orders} orders`, `${states} states`, `${ends} ends`].map((count) => count.padStart(15))
  return `${scenario.name.padEnd(6)}${counts.join('')}  ${verdict.padEnd(8)} ${seconds.toFixed(0).padStart(4)} s  ${scenario.about}`
}

async function show(scenario: Scenario, failure: Failure): Promise<void> {
  const text = Buffer.from(JSON.stringify([failure.choices, failure.shared, failure.faults])).toString(
    'base64url',
  )
  await replay(scenario, failure, (line) => console.log(`  ${line}`))
  for (const problem of failure.problems) console.log(`  ${problem}`)
  console.log(`  replay: npm run explore -- --replay ${scenario.name} ${text}`)
}

async function replayOne(scenario: Scenario, text: string): Promise<void> {
  const [choices, shared, faults] = JSON.parse(Buffer.from(text, 'base64url').toString())
  const problems = await replay(scenario, { choices, shared, faults }, (line) => console.log(line))
  for (const problem of problems) console.log(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}

function named(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no such scenario: ${name}`)
  return found
}
