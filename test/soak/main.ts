import { constants } from 'node:os'
import { MAX_SEED, optionsOf } from '../support/options.ts'
import { type SoakRun, soak } from './soak.ts'

const values = optionsOf({
  command: 'npm run soak --',
  about: `Runs a real service and its clients as processes, kills them, and troubles storage nodes. Exit 1 when the clients saw
what no log can have shown them. SIGINT and SIGTERM end it, and keep its folder.`,
  options: {
    minutes: { takes: 'number', min: 1, max: 10_080, default: 5, help: 'minutes in which things fail' },
    seconds: { takes: 'number', min: 1, max: 604_800, help: 'the same in seconds', notWith: ['minutes'] },
    seed: {
      takes: 'number',
      min: 0,
      max: MAX_SEED,
      help: 'what befalls whom; else it is drawn. What the machine makes of it differs',
    },
  },
})

await main(
  values.seconds ?? values.minutes * 60,
  values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
)

async function main(seconds: number, seed: number): Promise<void> {
  console.log(`seed ${seed}`)
  const { problems, facts } = await soak({ seconds, seed, say: console.log, onStart: endWithSignals })
  console.table({ ...facts, problems: problems.length })
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) console.error(`again: npm run soak -- --seconds ${seconds} --seed ${seed}`)
  process.exitCode = problems.length > 0 ? 1 : 0
}

/** Whoever is told to end takes the service and the clients along. */
function endWithSignals({ folder, kill }: SoakRun): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      kill()
      process.stderr.write(`${signal}: the service and its clients are killed; kept: ${folder}\n`)
      process.exit(128 + constants.signals[signal])
    })
  }
}
