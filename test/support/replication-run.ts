import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startEmulators } from '../../local/emulators.ts'
import { walObjectsOf } from './bucket-objects.ts'
import { BY_HAND, SCENARIOS } from './replication-scenarios.ts'
import { stageIn } from './replication-stage.ts'

/**
 * `node test/support/replication-run.ts [--scenario NAME] [--aws] [--appends N]`: every step of a scenario, the cycle of all
 * faults unless named, and a table; status 1 if a promise broke.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string', default: 'cycle' },
      aws: { type: 'boolean', default: false },
      appends: { type: 'string' },
    },
  })
  const run = SCENARIOS[values.scenario]
  if (run === undefined) throw new Error(`--scenario is one of ${Object.keys(SCENARIOS).join(', ')}`)
  const emulators = values.aws ? await startEmulators({ nodes: 3 }) : undefined
  const folder = await mkdtemp(join(tmpdir(), 'stratolog-replication-'))
  const stage =
    emulators === undefined
      ? stageIn(folder, console.log)
      : {
          dataDirectory: { environment: emulators.environment },
          walObjects: () => walObjectsOf(emulators),
          say: console.log,
        }
  const { appends } = values
  const scale = {
    ...BY_HAND[values.aws ? 'aws' : 'embedded'],
    ...(appends === undefined ? {} : { absentAppends: Number(appends), wipedAppends: Number(appends) }),
  }
  try {
    const { problems, facts } = await run(stage, scale)
    console.table({ scenario: values.scenario, ...facts, problems: problems.length })
    for (const problem of problems) console.error(problem)
    if (problems.length > 0) process.exitCode = 1
  } finally {
    await emulators?.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
