import { readFileSync, writeFileSync } from 'node:fs'
import { MAX_SEED, optionsOf } from '../support/options.ts'
import { BUGS, type PlantedBug } from './bugs.ts'
import { UNSEEN } from './bugs-unseen.ts'
import { replayOf } from './failures.ts'
import { BUG_NAMES, MAX_PROCESSES } from './options.ts'
import { bugNamed } from './plant.ts'
import { type Failure, newPool } from './zoo-pool.ts'

/** Where the seed at which each bug was found is recorded. */
const RECORD = new URL('./zoo.json', import.meta.url)

const values = optionsOf({
  command: 'npm run sim:zoo --',
  about: `Plants each bug of bugs.ts and runs seeds until one fails with it and not without it. Exit 1 when one is not found,
or cannot be planted.`,
  options: {
    only: { takes: 'names', of: 'bug', known: BUG_NAMES, help: 'this bug, also one of bugs-unseen.ts' },
    budget: { takes: 'number', min: 1, max: MAX_SEED, default: 2000, help: 'seeds from 1 on for each bug' },
    workers: { takes: 'number', min: 1, max: MAX_PROCESSES, default: 2, help: 'processes at once' },
    recorded: { takes: 'nothing', help: 'tries the seed at which each bug was found last first' },
    record: { takes: 'nothing', help: 'stores the seeds in test/sim/zoo.json' },
  },
})
const pool = newPool(values.workers)
/** Whether a seed is fine without any bug, where that was asked. */
const clean = new Map<number, Promise<boolean>>()

await visit()

/** What became of the search for a bug. */
type Outcome = Failure | 'not found' | { readonly broken: string }

/** Searches for each bug; every one must be found. */
async function visit(): Promise<void> {
  const { only } = values
  const wanted = only === undefined ? BUGS : [...new Set(only)].map(bugNamed)
  const record: Record<string, number> = JSON.parse(readFileSync(RECORD, 'utf8'))
  const startedMs = performance.now()
  const outcomes = new Map<string, Outcome>()
  const searches = wanted.map(async (bug) => {
    const outcome = await outcomeOf(bug, values.recorded ? record[bug.name] : undefined)
    outcomes.set(bug.name, outcome)
    if (!values.recorded || !isFound(outcome)) console.log(lineOf(bug, outcome))
  })
  await Promise.all(searches)
  pool.close()
  console.log()
  for (const bug of wanted) console.log(lineOf(bug, outcomes.get(bug.name)))
  if (only === undefined) {
    console.log('\nnot searched for, since no seed shows them:')
    for (const { name, because } of UNSEEN) console.log(`${name.padEnd(40)}  ${because}`)
  }
  const found = new Map(
    [...outcomes].flatMap(([name, outcome]) => (isFound(outcome) ? [[name, outcome]] : [])),
  )
  const moved = wanted.filter(({ name }) => found.has(name) && found.get(name)?.seed !== record[name])
  if (values.recorded && moved.length > 0) {
    console.log(`no longer at the recorded seed, --record: ${moved.map(({ name }) => name).join(', ')}`)
  }
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  console.log(`${found.size} of ${wanted.length} planted bugs found in ${seconds} s`)
  if (values.record) store(record, found)
  process.exitCode = found.size === wanted.length && wanted.length > 0 ? 0 : 1
}

async function outcomeOf(bug: PlantedBug, recorded: number | undefined): Promise<Outcome> {
  try {
    return (await search(bug, recorded)) ?? 'not found'
  } catch (error) {
    return { broken: error instanceof Error ? error.message : String(error) }
  }
}

function isFound(outcome: Outcome | undefined): outcome is Failure {
  return typeof outcome === 'object' && 'seed' in outcome
}

/** What came of it, and the command that shows it. */
function lineOf({ name, rule }: PlantedBug, outcome: Outcome | undefined): string {
  if (typeof outcome === 'object' && 'broken' in outcome)
    return `${name.padEnd(40)}  BROKEN: ${outcome.broken}`
  if (!isFound(outcome)) {
    return `${name.padEnd(40)}  NOT FOUND in seeds 1 to ${values.budget}  ${rule}`
  }
  const problem = outcome.problem.split('\n')[0]?.slice(0, 110) ?? ''
  const line = [name.padEnd(40), `seed ${outcome.seed}`.padEnd(10), problem.padEnd(110), rule].join('  ')
  return `${line}\n    ${replayOf(outcome.seed, name)}`
}

/** Only bugs that there still are, in their order. */
function store(record: Readonly<Record<string, number>>, found: ReadonlyMap<string, Failure>): void {
  const seeds = BUGS.flatMap(({ name }) => {
    const seed = found.get(name)?.seed ?? record[name]
    return seed === undefined ? [] : [[name, seed] as const]
  })
  writeFileSync(RECORD, `${JSON.stringify(Object.fromEntries(seeds), undefined, 2)}\n`)
}

/**
 * The first seed that fails with the bug and not without it: the recorded one, where the product has not changed its
 * course, else from 1 on.
 *
 * @throws Error when the bug cannot be planted
 */
async function search({ name }: PlantedBug, recorded: number | undefined): Promise<Failure | undefined> {
  if (recorded !== undefined) {
    const failure = await pool.run({ bug: name, from: recorded, to: recorded })
    if (failure !== undefined && (await isClean(recorded))) return failure
  }
  const to = values.budget
  for (let from = 1; from <= to; ) {
    const failure = await pool.run({ bug: name, from, to })
    if (failure === undefined || (await isClean(failure.seed))) return failure
    from = failure.seed + 1
  }
  return undefined
}

function isClean(seed: number): Promise<boolean> {
  const known =
    clean.get(seed) ?? pool.run({ bug: undefined, from: seed, to: seed }).then((failure) => !failure)
  clean.set(seed, known)
  return known
}
