import { MAX_SEED, optionsOf } from '../support/options.ts'
import { corpus, fuzz, type Past, PURE_TARGETS } from './fuzz.ts'
import { httpTargets } from './http-targets.ts'
import { socketTarget } from './socket-target.ts'
import type { Target } from './target.ts'

const service = httpTargets()
const socket = socketTarget()
/** Of the targets with a service a tenth of the runs, since each is a whole request. */
const TARGETS = [
  ...PURE_TARGETS.map((target) => ({ target, oneIn: 1 })),
  ...[...service.targets, socket.target].map((target) => ({ target, oneIn: 10 })),
]

const values = optionsOf({
  command: 'npm run fuzz --',
  about: `Gives every decoder and the HTTP surface what once did harm (test/fixtures/corpus), then new inputs. Exit 1 when one
of them answers what it must not.`,
  options: {
    runs: {
      takes: 'number',
      min: 1,
      max: 1e9,
      default: 20_000,
      help: 'inputs for each target, a tenth where each is a request',
    },
    seed: { takes: 'number', min: 0, max: MAX_SEED, help: 'draws the same inputs again; else it is drawn' },
    target: {
      takes: 'names',
      of: 'target',
      known: TARGETS.map(({ target }) => target.name),
      help: 'this one',
    },
  },
})

await main(values.runs, values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)

/** What once did harm first, then new inputs. */
async function main(runs: number, seed: number): Promise<void> {
  console.log(`seed ${seed}`)
  const meant = TARGETS.filter(({ target }) => values.target?.includes(target.name) ?? true)
  const past = await corpus()
  let broken = 0
  for (const { target, oneIn } of meant) {
    const startedMs = performance.now()
    const own = Math.ceil(runs / oneIn)
    const again = `npm run fuzz -- --target ${target.name} --runs ${runs} --seed ${seed}`
    try {
      for (const { base64, why } of past.filter((input) => input.target === target.name)) {
        await checkPast(target, { base64, why })
      }
      await fuzz(target, { runs: own, seed, again })
      console.log(`${target.name}: ${own} runs, ${Math.round(performance.now() - startedMs)} ms`)
    } catch (error) {
      broken += 1
      console.log(error instanceof Error ? error.message : error)
    }
  }
  console.log(`${meant.length} targets, ${broken} broke`)
  process.exitCode = broken > 0 ? 1 : 0
  await service.close()
  await socket.close()
}

async function checkPast(target: Target, { base64, why }: Pick<Past, 'base64' | 'why'>): Promise<void> {
  try {
    await target.check(Buffer.from(base64, 'base64'))
  } catch (cause) {
    const said = cause instanceof Error ? cause.stack : String(cause)
    throw new Error(`${target.name} does harm again with ${why}: ${said}\n  base64: ${base64}`)
  }
}
