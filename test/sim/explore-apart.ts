import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { errorLine } from './error-line.ts'
import type { Bounds, Explored } from './explore-search.ts'

/** A scenario to explore in a process of its own, with a planted bug or without one. */
export interface Order extends Bounds {
  readonly scenario: string
  readonly bug: string | undefined
}

/**
 * Explores scenarios in processes of their own, so many at a time; tells of each as soon as it is done, or has broken down.
 *
 * Rejects when one broke down and nobody is to be told.
 */
export async function exploreApart(
  orders: readonly Order[],
  {
    jobs,
    done,
    broken,
  }: {
    readonly jobs: number
    readonly done: (order: Order, explored: Explored) => void
    readonly broken?: (order: Order, why: string) => void
  },
): Promise<void> {
  const waiting = [...orders]
  const worker = async () => {
    for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
      const came = await exploreOne(order)
      if ('explored' in came) done(order, came.explored)
      else if (broken === undefined) throw new Error(`${order.scenario} ${order.bug ?? ''} ${came.why}`)
      else broken(order, came.why)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}

function exploreOne({
  scenario,
  bug,
  states,
  ms,
  faults,
}: Order): Promise<{ readonly explored: Explored } | { readonly why: string }> {
  const { PLANT: _, ...env } = process.env
  const self = fileURLToPath(new URL('./explore.ts', import.meta.url))
  const plant = new URL('./plant.ts', import.meta.url).href
  const bounds = ['--states', `${states}`, '--seconds', `${Math.ceil(ms / 1000)}`, '--faults', `${faults}`]
  const child = spawn(process.execPath, ['--import', plant, self, '--work', scenario, ...bounds], {
    env: bug === undefined ? env : { ...env, PLANT: bug },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let answer = ''
  let complaint = ''
  child.stdout.on('data', (bytes) => {
    answer += bytes
  })
  child.stderr.on('data', (bytes) => {
    complaint = `${complaint}${bytes}`.slice(0, 2000)
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      if (code === 0) resolve({ explored: JSON.parse(answer) })
      else resolve({ why: `ended with ${code}: ${errorLine(complaint)}` })
    })
  })
}
