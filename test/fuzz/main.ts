import { parseArgs } from 'node:util'
import { corpus, fuzz, PURE_TARGETS } from './fuzz.ts'
import { httpTargets } from './http-targets.ts'
import { socketTarget } from './socket-target.ts'

const USAGE = `usage: npm run fuzz -- [--runs N] [--seed N] [--target NAME]
`

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(crypto.getRandomValues(new Uint16Array(1))[0] ?? 0) },
    target: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else await main(Number(values.runs), Number(values.seed))

/** What once did harm first, then new inputs; of the targets with a service a tenth, since each is a whole request. */
async function main(runs: number, seed: number): Promise<void> {
  console.log(`seed ${seed}`)
  const service = httpTargets()
  const socket = socketTarget()
  const isMeant = ({ name }: { readonly name: string }) =>
    values.target === undefined || values.target === name
  const all = [
    ...PURE_TARGETS.map((target) => ({ target, runs })),
    ...[...service.targets, socket.target].map((target) => ({ target, runs: Math.ceil(runs / 10) })),
  ].filter(({ target }) => isMeant(target))
  const past = await corpus()
  for (const { target, runs } of all) {
    const startedMs = performance.now()
    try {
      for (const { base64 } of past.filter((input) => input.target === target.name)) {
        await target.check(Buffer.from(base64, 'base64'))
      }
      await fuzz(target, { runs, seed })
      console.log(`${target.name}: ${runs} runs, ${Math.round(performance.now() - startedMs)} ms`)
    } catch (error) {
      process.exitCode = 1
      console.log(`${target.name} broke: ${error instanceof Error ? error.message : error}`)
    }
  }
  await service.close()
  await socket.close()
}
