import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Bounds, Explored } from './explore-search.ts'

/** A scenario to explore in a process of its own, with a planted bug or without one. */
export interface Order extends Bounds {
  readonly scenario: string
  readonly bug: string | undefined
}

/** Explores scenarios in processes of their own, so many at a time; tells of each as soon as it is done. */
export async function exploreApart(
  orders: readonly Order[],
  { jobs, done }: { readonly jobs: number; readonly done: (order: Order, explored: Explored) => void },
): Promise<void> {
  const waiting = [...orders]
  const worker = async () => {
    for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
      done(order, await exploreOne(order))
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}

function exploreOne({ scenario, bug, states, ms, faults }: Order): Promise<Explored> {
  const { PLANT: _, ...env } = process.env
  const self = fileURLToPath(new URL('./explore.ts', import.meta.url))
  const plant = new URL('./plant.ts', import.meta.url).href
  const bounds = ['--states', `${states}`, '--seconds', `${ms / 1000}`, '--faults', `${faults}`]
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
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(answer))
      else reject(new Error(`${scenario} ${bug ?? ''} ended with ${code}: ${complaint}`))
    })
  })
}
