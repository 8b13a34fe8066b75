import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { newTally } from './exercised.ts'
import { forbidOutside } from './no-outside.ts'
import { runSeed, type SeedReport } from './run-seed.ts'

const USAGE = `usage: npm run sim -- [--seeds N] [--from N] [--workers N]
       npm run sim -- --replay SEED      one seed, with everything that happens
`
/** One seed in so many is run twice: its trace must be the same. */
const TWICE_ONE_IN = 100
/** Each row of the table is to be met at least once in so many seeds. */
const MET_ONE_IN = 100

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    replay: { type: 'string' },
    work: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else if (values.replay !== undefined) await replay(Number(values.replay))
else if (values.work !== undefined) await work(values.work)
else await sweep()

/** Runs seeds on all cores, and tells what they came to. */
async function sweep(): Promise<void> {
  const [from, seeds, workers] = [Number(values.from), Number(values.seeds), Number(values.workers)]
  const startedMs = performance.now()
  const tally = newTally()
  let done = 0
  let failed = 0
  const note = (report: SeedReport & { readonly sameTrace: boolean }) => {
    done += 1
    tally.add(report.exercised)
    const problems = [...report.problems, ...(report.sameTrace ? [] : ['one seed has two traces'])]
    if (problems.length > 0) {
      failed += 1
      process.stdout.write(failureText(report, problems))
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds} seeds, ${failed} failed`)
  }
  const lists = Array.from({ length: workers }, (_, worker) => {
    return Array.from({ length: seeds }, (_, index) => from + index).filter(
      (seed) => seed % workers === worker,
    )
  })
  const ended = await Promise.all(
    lists.filter((list) => list.length > 0).map((list) => startWorker(list, note)),
  )
  const seconds = (performance.now() - startedMs) / 1000
  const rows = tally.rows()
  console.table(Object.fromEntries(rows.map(({ what, seeds, times }) => [what, { seeds, times }])))
  const missed = rows.filter((row) => row.seeds < Math.floor(seeds / MET_ONE_IN)).map(({ what }) => what)
  if (missed.length > 0) console.log(`met too rarely: ${missed.join(', ')}`)
  if (done < seeds) console.log(`only ${done} of ${seeds} seeds ended`)
  console.log(`${done} seeds, ${failed} failed, ${(done / seconds).toFixed(1)} seeds/s`)
  const isFine = failed === 0 && done === seeds && missed.length === 0 && ended.every((code) => code === 0)
  process.exitCode = isFine ? 0 : 1
}

function failureText(report: SeedReport, problems: readonly string[]): string {
  const { configuration } = report
  return [
    `seed ${configuration.seed} failed: ${problems[0]}`,
    ...problems.slice(1).map((problem) => `  also: ${problem}`),
    `  drawn: ${JSON.stringify(configuration)}`,
    `  replay: npm run sim -- --replay ${configuration.seed}`,
    '',
  ].join('\n')
}

/** A process for some of the seeds; answers its exit code. */
function startWorker(
  seeds: readonly number[],
  note: (report: SeedReport & { readonly sameTrace: boolean }) => void,
): Promise<number> {
  const child = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), '--work', seeds.join()],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => note(JSON.parse(line)))
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)))
}

async function work(list: string): Promise<void> {
  forbidOutside()
  for (const seed of list.split(',').map(Number)) {
    const report = await runSeed(seed)
    const sameTrace = seed % TWICE_ONE_IN !== 0 || (await runSeed(seed)).hash === report.hash
    process.stdout.write(`${JSON.stringify({ ...report, sameTrace })}\n`)
  }
}

async function replay(seed: number): Promise<void> {
  let startMs: number | undefined
  const report = await runSeed(seed, (atMs, what) => {
    startMs ??= atMs
    console.log(`${String(atMs - startMs).padStart(8)} ${what}`)
  })
  console.log(JSON.stringify(report.configuration))
  console.log(`${report.operations} operations, ${report.steps} events, trace ${report.hash}`)
  for (const problem of report.problems) console.log(problem)
  process.exitCode = report.problems.length > 0 ? 1 : 0
}
