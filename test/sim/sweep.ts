import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { newTally } from './exercised.ts'
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
}): Promise<boolean> {
  const { from, seeds, workers } = asked
  const startedMs = performance.now()
  const tally = newTally()
  const hashes = new Map<number, string>()
  const failed = new Set<number>()
  let done = 0
  let twice = 0

  const fail = (seed: number, problems: readonly string[], drawn: string) => {
    failed.add(seed)
    const also = problems.slice(1).map((problem) => `  also: ${problem}\n`)
    const replay = `  replay: npm run sim -- --replay ${seed}\n`
    process.stdout.write(`seed ${seed} failed: ${problems[0]}\n${also.join('')}${drawn}${replay}`)
  }
  const note = (report: SeedReport) => {
    const { seed } = report.configuration
    const drawn = `  drawn: ${JSON.stringify(report.configuration)}\n`
    const before = hashes.get(seed)
    if (before !== undefined) {
      twice += 1
      if (before !== report.hash) fail(seed, [`it has two traces: ${before} and ${report.hash}`], drawn)
      return
    }
    done += 1
    if (seed % TWICE_ONE_IN === 0) hashes.set(seed, report.hash)
    tally.add(report.exercised)
    const problems = problemsOf(report)
    if (problems.length > 0) fail(seed, problems, drawn)
  }
  const rate = () => (done / ((performance.now() - startedMs) / 1000)).toFixed(1)
  const progress = setInterval(() => {
    process.stderr.write(`${done} of ${seeds} seeds, ${failed.size} failed, ${rate()} seeds/s\n`)
  }, PROGRESS_MS)

  const queue = seedsOf(from, seeds)
  await Promise.all(
    Array.from({ length: Math.min(workers, seeds) }, () =>
      runWorker(queue, note, (seed, why) => {
        done += 1
        fail(seed, [why], '')
      }),
    ),
  )
  clearInterval(progress)
  const rows = tally.rows()
  console.table(Object.fromEntries(rows.map(({ what, seeds, times }) => [what, { seeds, times }])))
  const missed = rows.filter((row) => row.seeds < rowsNeeded(row.what, seeds)).map(({ what }) => what)
  if (missed.length > 0) console.log(`met too rarely: ${missed.join(', ')}`)
  if (failed.size > 0) console.log(`failed seeds: ${[...failed].join(' ')}`)
  if (twice > 0) console.log(`${twice} of them were run twice`)
  console.log(`${done} seeds, ${failed.size} failed, ${rate()} seeds/s`)
  return failed.size === 0 && done === seeds && missed.length === 0
}

/** The seeds, and at the end those that are run once more. */
function seedsOf(from: number, seeds: number): Iterator<number> {
  const all = Array.from({ length: seeds }, (_, index) => from + index)
  return [...all, ...all.filter((seed) => seed % TWICE_ONE_IN === 0)].values()
}

function rowsNeeded(what: string, seeds: number): number {
  if (seeds < MET_ONE_IN) return 0
  return what === 'elections' ? seeds / 2 : Math.floor(seeds / MET_ONE_IN)
}

function problemsOf({ problems, operations, faults }: SeedReport): readonly string[] {
  if (problems.length > 0 || (operations >= MIN_OPERATIONS && faults >= MIN_FAULTS)) return problems
  return [`it shows nothing: ${operations} operations, ${faults} faults`]
}

/** Processes, one after the other, that take seeds from `queue` until none is left; another one where one dies. */
async function runWorker(
  queue: Iterator<number>,
  note: (report: SeedReport) => void,
  died: (seed: number, why: string) => void,
): Promise<void> {
  for (let next = queue.next(); next.done !== true; ) {
    const lost = await runProcess(next.value, queue, note)
    if (lost === undefined) return
    died(lost.seed, lost.why)
    next = queue.next()
  }
}

/** The seed at which the process died, and how; undefined once the queue is empty. */
function runProcess(
  first: number,
  queue: Iterator<number>,
  note: (report: SeedReport) => void,
): Promise<{ readonly seed: number; readonly why: string } | undefined> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, main, '--work'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let seed: number | undefined = first
  let isSilent = false
  let complaint = ''
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
    const next = queue.next()
    seed = next.done === true ? undefined : next.value
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
