import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

const USAGE = `usage: npm run soak -- [--minutes N] [--seed N]
`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(crypto.getRandomValues(new Uint16Array(1))[0] ?? 0) },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else await main(Number(values.minutes) * 60, Number(values.seed))

async function main(seconds: number, seed: number): Promise<void> {
  console.log(`seed ${seed}`)
  const { problems, facts } = await soak({ seconds, seed, say: console.log })
  console.table({ ...facts, problems: problems.length })
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}
