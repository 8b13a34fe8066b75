import { createInterface } from 'node:readline'
import { isNonsense } from './plant.ts'
import { importPlanted } from './plant-apart.ts'

/** Seeds to run with a bug, or without one, until one of them fails. */
export interface Job {
  readonly bug: string | undefined
  readonly from: number
  readonly to: number
}

/** What a worker says of its job: which seed it begins, and at last what came of it. */
export type Saying =
  | { readonly says: 'begins'; readonly seed: number }
  | { readonly says: 'fails'; readonly seed: number; readonly problem: string }
  | { readonly says: 'passes' }
  | { readonly says: 'does not load'; readonly error: string }

const say = (saying: Saying) => process.stdout.write(`${JSON.stringify(saying)}\n`)

// One job after the other, until there is no input any more.
for await (const line of createInterface({ input: process.stdin })) await work(JSON.parse(line))

async function work({ bug, from, to }: Job): Promise<void> {
  let run: typeof import('./run-seed.ts')
  try {
    run = await importPlanted('./run-seed.ts', bug)
  } catch (error) {
    say({
      says: 'does not load',
      error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    })
    return
  }
  for (let seed = from; seed <= to; seed += 1) {
    say({ says: 'begins', seed })
    const { problems } = await run.runSeed(seed)
    // What nobody waited for fails now or never.
    await new Promise((resolve) => setImmediate(resolve))
    const problem = problems.find(isNonsense) ?? problems[0]
    if (problem === undefined) continue
    say({ says: 'fails', seed, problem })
    return
  }
  say({ says: 'passes' })
}
