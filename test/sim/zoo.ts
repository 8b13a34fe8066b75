import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { BUGS, type PlantedBug } from './bugs.ts'
import { UNSEEN } from './bugs-unseen.ts'
import { bugNamed } from './plant.ts'
import { type Failure, newPool } from './zoo-pool.ts'

const USAGE = `usage: npm run sim:zoo -- [--only NAME]... [--budget SEEDS] [--workers N] [--record]
       npm run sim:zoo -- --recorded   tries the seed at which each bug was found last first
`
/** Where the seed at which each bug was found is recorded. */
const RECORD = new URL('./zoo.json', import.meta.url)

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    budget: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '2' },
    record: { type: 'boolean', default: false },
    recorded: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const pool = newPool(Number(values.workers))
/** Whether a seed is fine without any bug, where that was asked. */
const clean = new Map<number, Promise<boolean>>()

if (values.help) process.stdout.write(USAGE)
else await visit()

/** Searches for each bug; every one must be found. */
async function visit(): Promise<void> {
  const { only } = values
  const wanted = only === undefined ? BUGS : only.map(bugNamed)
  const record: Record<string, number> = JSON.parse(readFileSync(RECORD, 'utf8'))
  const startedMs = performance.now()
  const found = new Map<string, Failure>()
  const broken: string[] = []
  const searches = wanted.map(async (bug) => {
    try {
      const failure = await search(bug, values.recorded ? record[bug.name] : undefined)
      if (failure !== undefined) found.set(bug.name, failure)
      if (!values.recorded) console.log(lineOf(bug, failure))
    } catch (error) {
      broken.push(error instanceof Error ? error.message : String(error))
    }
  })
  await Promise.all(searches)
  pool.close()
  console.log()
  for (const bug of wanted) console.log(lineOf(bug, found.get(bug.name)))
  if (only === undefined)
    for (const { name, because } of UNSEEN) console.log(`${name.padEnd(40)}  ${because}`)
  for (const message of broken) console.log(`BROKEN: ${message}`)
  const moved = wanted.filter(({ name }) => found.has(name) && found.get(name)?.seed !== record[name])
  if (values.recorded && moved.length > 0) {
    console.log(`no longer at the recorded seed, --record: ${moved.map(({ name }) => name).join(', ')}`)
  }
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  console.log(`${found.size} of ${wanted.length} planted bugs found in ${seconds} s`)
  if (values.record) store(record, found)
  process.exitCode = found.size === wanted.length ? 0 : 1
}

function lineOf({ name, rule }: PlantedBug, found: Failure | undefined): string {
  const seed = found === undefined ? 'NOT FOUND' : `seed ${found.seed}`
  const problem = found?.problem.split('\n')[0] ?? ''
  return [name.padEnd(40), seed.padEnd(10), problem.slice(0, 110).padEnd(110), rule].join('  ')
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
 */
async function search({ name }: PlantedBug, recorded: number | undefined): Promise<Failure | undefined> {
  if (recorded !== undefined) {
    const failure = await pool.run({ bug: name, from: recorded, to: recorded })
    if (failure !== undefined && (await isClean(recorded))) return failure
  }
  const to = Number(values.budget)
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
