import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { newTally } from './exercised.ts'
import { newFailures, planting } from './failures.ts'
import type { SeedReport } from './run-seed.ts'

/** One seed in so many is run twice, the second time by a process that ran others before: its trace must be the same. */
const TWICE_ONE_IN = 100
/** Each row of the table is to be met at least once in so many seeds. */
const MET_ONE_IN = 100
/** Every seed is to have so many client operations and faults, and half of them an election. */
const MIN_OPERATIONS = 200
const MIN_FAULTS = 5
const PROGRESS_MS = 10_000
/** A run that says nothing for so long goes round in circles without ever asking its ports. */
const MAX_SILENT_MS = 180_000

/** Runs `seeds` seeds from `from` on in so many processes, and tells what they came to; answers whether all is well. */
export async function sweep(asked: {
  readonly from: number
  readonly seeds: number
  readonly workers: number
  /** A bug that is planted; undefined for the product as it is. */
  readonly plant: string | undefined
}): Promise<boolean> {
  const { from, seeds, workers, plant } = asked
  const startedMs = performance.now()
  const tally = newTally()
  const hashes = new Map<number, string>()
  const failures = newFailures(plant)
  let done = 0
  let twice = 0

  const note = (report: SeedReport) => {
    const { seed } = report.configuration
    const before = hashes.get(seed)
    if (before !== undefined) {
      twice += 1
      if (before !== report.hash)
        failures.add(seed, [`it has two traces: ${before} and ${report.hash}`], report)
      return
    }
    done += 1
    if (seed % TWICE_ONE_IN === 0) hashes.set(seed, report.hash)
    tally.add(report.exercised)
    const problems = problemsOf(report)
    if (problems.length > 0) failures.add(seed, problems, report)
  }
  const rate = () => (done / ((performance.now() - startedMs) / 1000)).toFixed(1)
  const progress = setInterval(() => {
    process.stderr.write(`${done} of ${seeds} seeds, ${failures.seeds.size} failed, ${rate()} seeds/s\n`)
  }, PROGRESS_MS)

  const queue = seedsOf(from, seeds)
  await Promise.all(
    Array.from({ length: Math.min(workers, seeds) }, () =>
      runWorker({ queue, plant, note }, (seed, why) => {
        done += 1
        failures.add(seed, [why], undefined)
      }),
    ),
  )
  clearInterval(progress)
  const rows = tally.rows()
  console.table(Object.fromEntries(rows.map(({ what, seeds, times }) => [what, { seeds, times }])))
  const missed = rows.flatMap((row) => {
    const needed = rowsNeeded(row.what, seeds)
    return row.seeds < needed ? [`${row.what} (in ${row.seeds} seeds of ${needed} needed)`] : []
  })
  if (missed.length > 0) console.log(`met too rarely: ${missed.join(', ')}`)
  failures.sum()
  if (twice > 0) console.log(`${twice} of them were run twice`)
  console.log(`${done} seeds, ${failures.seeds.size} failed, ${rate()} seeds/s`)
  return failures.seeds.size === 0 && done === seeds && missed.length === 0
}

/** Handlers that crashed never end, and hold on to what they knew: about a megabyte for each seed. */
const SEEDS_PER_PROCESS = 500

/** The seeds, and at the end those that are run once more. */
function seedsOf(from: number, seeds: number): Iterator<number> {
  const all = Array.from({ length: seeds }, (_, index) => from + index)
  return [...all, ...all.filter((seed) => seed % TWICE_ONE_IN === 0)].values()
}

function rowsNeeded(what: string, seeds: number): number {
  if (seeds < MET_ONE_IN) return 0
  return what === 'elections' ? Math.ceil(seeds / 2) : Math.floor(seeds / MET_ONE_IN)
}

function problemsOf({ problems, operations, faults }: SeedReport): readonly string[] {
  if (problems.length > 0 || (operations >= MIN_OPERATIONS && faults >= MIN_FAULTS)) return problems
  return [`it shows nothing: ${operations} operations, ${faults} faults`]
}

/** What a worker's process takes its seeds from, and whom it tells. */
interface Work {
  readonly queue: Iterator<number>
  readonly plant: string | undefined
  readonly note: (report: SeedReport) => void
}

/** Processes, one after the other, that take seeds from the queue until none is left. */
async function runWorker(work: Work, died: (seed: number, why: string) => void): Promise<void> {
  for (let next = work.queue.next(); next.done !== true; next = work.queue.next()) {
    const lost = await runProcess(next.value, work)
    if (lost !== undefined) died(lost.seed, lost.why)
  }
}

/** The seed at which the process died, and how; undefined once it has had its share, or the queue is empty. */
function runProcess(
  first: number,
  { queue, plant, note }: Work,
): Promise<{ readonly seed: number; readonly why: string } | undefined> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, main, '--work', ...planting(plant)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let seed: number | undefined = first
  let isSilent = false
  let complaint = ''
  let ran = 0
  const silence = setTimeout(() => {
    isSilent = true
    child.kill('SIGKILL')
  }, MAX_SILENT_MS)
  // A child that died is told of by its end.
  child.stdin.on('error', () => undefined)
  child.stdin.write(`${first}\n`)
  child.stderr.on('data', (bytes) => {
    complaint = `${complaint}${bytes}`.slice(0, 2000)
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    silence.refresh()
    note(JSON.parse(line))
    ran += 1
    seed = ran < SEEDS_PER_PROCESS ? queue.next().value : undefined
    if (seed === undefined) child.stdin.end()
    else child.stdin.write(`${seed}\n`)
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(silence)
      const why = isSilent ? 'standstill: it asks for nothing any more' : `crash ${code}: ${complaint}`
      resolve(seed === undefined ? undefined : { seed, why })
    })
  })
}
