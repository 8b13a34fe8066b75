import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { MAX_SEED, optionsOf } from '../support/options.ts'
import { forbidOutside } from './no-outside.ts'
import { BUG_NAMES, MAX_PROCESSES } from './options.ts'
import { sweep } from './sweep.ts'
import { LEGEND, lineOf } from './trace.ts'

const values = optionsOf({
  command: 'npm run sim --',
  about: `Runs seeds: each is a whole history of the service in virtual time. Exit 1 when one fails, or when 100 seeds or more
did not meet all that they are to meet.`,
  options: {
    seeds: { takes: 'number', min: 1, max: MAX_SEED, default: 300, help: 'seeds to run' },
    from: { takes: 'number', min: 0, max: MAX_SEED, default: 1, help: 'the first of them' },
    workers: {
      takes: 'number',
      min: 1,
      max: MAX_PROCESSES,
      default: availableParallelism(),
      help: 'processes at once',
    },
    plant: { takes: 'name', of: 'bug', known: BUG_NAMES, help: 'with this bug of bugs.ts or bugs-unseen.ts' },
    replay: {
      takes: 'number',
      min: 0,
      max: MAX_SEED,
      help: 'this seed alone, with everything that happens',
      notWith: ['seeds', 'from', 'workers'],
    },
    work: { takes: 'nothing', notWith: ['replay'] },
  },
})

if (values.replay !== undefined) await replay(values.replay)
else if (values.work) await work()
else await sweepAll()

async function sweepAll(): Promise<void> {
  const { from, seeds, workers, plant } = values
  if (from + seeds - 1 > MAX_SEED) {
    process.stderr.write(`the last seed is ${MAX_SEED}: --from ${from} --seeds ${seeds} goes beyond it\n`)
    process.exitCode = 2
    return
  }
  process.exitCode = (await sweep({ from, seeds, workers, plant })) ? 0 : 1
}

/** The product as it is, or with a bug in it. */
async function product(): Promise<typeof import('./run-seed.ts')> {
  const { plant } = values
  if (plant === undefined) return import('./run-seed.ts')
  const { importPlanted } = await import('./plant-apart.ts')
  return importPlanted<typeof import('./run-seed.ts')>('./run-seed.ts', plant).catch((error: unknown) => {
    process.stderr.write(`BROKEN: ${error instanceof Error ? error.message : error}\n`)
    return process.exit(1)
  })
}

/** Runs each seed that it reads, and says what it came to. */
async function work(): Promise<void> {
  const { runSeed } = await product()
  forbidOutside()
  for await (const line of createInterface({ input: process.stdin })) {
    // Thousands of errors are made and expected in each run: where they came from is only asked for if it fails.
    Error.stackTraceLimit = 0
    const report = await runSeed(Number(line))
    Error.stackTraceLimit = 10
    const told = report.problems.length === 0 ? report : await runSeed(Number(line))
    process.stdout.write(`${JSON.stringify({ ...told, hash: report.hash })}\n`)
  }
}

async function replay(seed: number): Promise<void> {
  const { runSeed, START_MS } = await product()
  forbidOutside()
  console.log(LEGEND)
  if (values.plant !== undefined) console.log(`planted: ${values.plant}`)
  const report = await runSeed(seed, (entry) => console.log(lineOf(entry, START_MS)))
  console.log(JSON.stringify(report.configuration))
  console.log(
    `${report.operations} operations, ${report.faults} faults, ${report.steps} events, trace ${report.hash}`,
  )
  const { brokeAt } = report
  if (brokeAt !== undefined) console.log(`first broken at ${brokeAt.ms} ms, event #${brokeAt.step}:`)
  for (const problem of report.problems) console.log(problem)
  process.exitCode = report.problems.length > 0 ? 1 : 0
}
