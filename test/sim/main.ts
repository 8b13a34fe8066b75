import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { forbidOutside } from './no-outside.ts'
import { runSeed } from './run-seed.ts'
import { sweep } from './sweep.ts'

const USAGE = `usage: npm run sim -- [--seeds N] [--from N] [--workers N]
       npm run sim -- --replay SEED      one seed, with everything that happens
`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    replay: { type: 'string' },
    work: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else if (values.replay !== undefined) await replay(numberOf('replay', 0))
else if (values.work) await work()
else {
  const asked = { from: numberOf('from', 0), seeds: numberOf('seeds', 1), workers: numberOf('workers', 1) }
  process.exitCode = (await sweep(asked)) ? 0 : 1
}

/** Runs each seed that it reads, and says what it came to. */
async function work(): Promise<void> {
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
  forbidOutside()
  let startMs: number | undefined
  const report = await runSeed(seed, (atMs, what) => {
    startMs ??= atMs
    console.log(`${String(atMs - startMs).padStart(8)} ${what}`)
  })
  console.log(JSON.stringify(report.configuration))
  console.log(
    `${report.operations} operations, ${report.faults} faults, ${report.steps} events, trace ${report.hash}`,
  )
  for (const problem of report.problems) console.log(problem)
  process.exitCode = report.problems.length > 0 ? 1 : 0
}

function numberOf(option: 'from' | 'seeds' | 'workers' | 'replay', min: number): number {
  const number = Number(values[option])
  if (Number.isSafeInteger(number) && number >= min) return number
  process.stderr.write(`--${option} must be a number of ${min} or more\n${USAGE}`)
  process.exit(2)
}
