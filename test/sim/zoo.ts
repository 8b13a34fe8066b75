import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { BUGS, type PlantedBug } from './bugs.ts'
import { requirePlanted } from './plant.ts'
import { runSeed } from './run-seed.ts'

const USAGE = `usage: npm run sim:zoo -- [--only NAME]... [--budget SEEDS] [--workers N] [--record]
       npm run sim:zoo -- --recorded   begins with the seed at which each bug was found last
`
/** Where the seed at which each bug was found is recorded. */
const RECORD = new URL('./zoo.json', import.meta.url)
/** A run that says nothing for so long goes round in circles without ever asking its ports. */
const MAX_SILENT_MS = 180_000
/** Whether a seed is fine without any bug, where that was asked. */
const clean = new Map<number, Promise<boolean>>()

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    budget: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '2' },
    record: { type: 'boolean', default: false },
    recorded: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    work: { type: 'string' },
  },
})

if (values.help) process.stdout.write(USAGE)
else if (values.work !== undefined) await work(values.work)
else await visit()

/** What the search for a bug came to: how many seeds it took, and how the last of them shows the bug. */
interface Found {
  readonly seed: number
  readonly problem: string
}

/** Searches for each bug, some at a time; every one must be found. */
async function visit(): Promise<void> {
  const { only } = values
  for (const name of only ?? []) {
    if (!BUGS.some((bug) => bug.name === name)) throw new Error(`no such bug: ${name}`)
  }
  const wanted = BUGS.filter(({ name }) => only === undefined || only.includes(name))
  const record: Record<string, number> = JSON.parse(readFileSync(RECORD, 'utf8'))
  const found = new Map<string, Found>()
  const waiting = [...wanted]
  const visitor = async () => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const result = await search(bug, values.recorded ? record[bug.name] : undefined)
      if (result !== undefined) found.set(bug.name, result)
      console.log(lineOf(bug, result))
    }
  }
  await Promise.all(Array.from({ length: Number(values.workers) }, visitor))
  console.log()
  for (const bug of wanted) console.log(lineOf(bug, found.get(bug.name)))
  console.log(`${found.size} of ${wanted.length} planted bugs found`)
  if (values.record) store(record, found)
  process.exitCode = found.size === wanted.length ? 0 : 1
}

function lineOf({ name, rule }: PlantedBug, found: Found | undefined): string {
  const seed = found === undefined ? 'NOT FOUND' : `seed ${found.seed}`
  const problem = found?.problem.split('\n')[0] ?? ''
  return [name.padEnd(40), seed.padEnd(10), problem.slice(0, 110).padEnd(110), rule].join('  ')
}

/** Only bugs that there still are, in their order. */
function store(record: Readonly<Record<string, number>>, found: ReadonlyMap<string, Found>): void {
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
async function search(bug: PlantedBug, recorded: number | undefined): Promise<Found | undefined> {
  if (recorded !== undefined) {
    const found = await firstFailing(bug.name, { from: recorded, to: recorded })
    if (found !== undefined && (await isClean(found.seed))) return found
  }
  const to = Number(values.budget)
  for (let from = 1; from <= to; ) {
    const found = await firstFailing(bug.name, { from, to })
    if (found === undefined || (await isClean(found.seed))) return found
    from = found.seed + 1
  }
  return undefined
}

function isClean(seed: number): Promise<boolean> {
  const known = clean.get(seed) ?? firstFailing(undefined, { from: seed, to: seed }).then((found) => !found)
  clean.set(seed, known)
  return known
}

/** Runs seeds in a process of its own until one fails, with a bug or without; a crash or a standstill is a failure too. */
function firstFailing(
  name: string | undefined,
  { from, to }: { from: number; to: number },
): Promise<Found | undefined> {
  const { PLANT: _, ...env } = process.env
  const self = fileURLToPath(import.meta.url)
  const plant = new URL('./plant.ts', import.meta.url).href
  const child = spawn(process.execPath, ['--import', plant, self, '--work', `${from}-${to}`], {
    env: name === undefined ? env : { ...env, PLANT: name },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let seed: number | undefined
  let problem: string | undefined
  let complaint = ''
  const silence = setTimeout(() => {
    problem = 'standstill: a run that asks for nothing any more'
    child.kill('SIGKILL')
  }, MAX_SILENT_MS)
  child.stderr.on('data', (bytes) => {
    complaint = `${complaint}${bytes}`.slice(0, 2000)
  })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    silence.refresh()
    const report: { seed: number; problem?: string } = JSON.parse(line)
    seed = report.seed
    problem = report.problem
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      clearTimeout(silence)
      if (seed === undefined) reject(new Error(`${name ?? 'clean run'} did not start: ${complaint}`))
      else if (problem !== undefined) resolve({ seed, problem })
      else if (code !== 0) resolve({ seed, problem: `crash: ${errorLine(complaint)}` })
      else resolve(undefined)
    })
  })
}

function errorLine(complaint: string): string {
  return complaint.split('\n').find((line) => line.includes('Error')) ?? complaint
}

/** The child: says which seed it begins, and how the first one that fails does. */
async function work(range: string): Promise<void> {
  requirePlanted(process.env.PLANT)
  const [from = 1, to = from] = range.split('-').map(Number)
  for (let seed = from; seed <= to; seed += 1) {
    process.stdout.write(`${JSON.stringify({ seed })}\n`)
    const { problems } = await runSeed(seed)
    if (problems.length === 0) continue
    process.stdout.write(`${JSON.stringify({ seed, problem: problems[0] })}\n`)
    return
  }
}
