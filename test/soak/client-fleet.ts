import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ClientPlan } from './client-plan.ts'

const PROGRAM = fileURLToPath(new URL('client-process.ts', import.meta.url))
/** Longer than what a client may have under way when it is told to end. */
const END_PATIENCE_MS = 120_000

/** What all clients of a run have in common. */
export type Run = Pick<ClientPlan, 'seed' | 'topic' | 'endpointFile'> & { readonly folder: string }

/** Clients in processes of their own. */
export interface Fleet {
  readonly clients: number
  /** kill -9 of one client, awaited. */
  kill(client: number): Promise<void>
  /** The next life of a client that was killed. */
  start(client: number): void
  /** The files that the clients wrote their histories to. */
  historyFiles(): readonly string[]
  /** Tells all of them to end what they do, and waits until they have. */
  end(): Promise<void>
  /** kill -9 of all that are left, whose ends nobody waits for. */
  close(): void
  /** What clients said that died unasked. */
  readonly deaths: readonly string[]
}

/** As many producers as there are ways to produce, and two consumers for each partition, of which one takes JSON. */
export function startFleet(run: Run): Fleet {
  const roles = [...PRODUCERS, ...Array.from({ length: 2 * run.topic.partitions }, () => CONSUMER)]
  const lives = roles.map(() => 0)
  const files: string[] = []
  const deaths: string[] = []
  const running = new Map<number, { readonly child: ChildProcess; readonly ended: Promise<void> }>()
  let isEnding = false
  const start = (client: number) => {
    const life = lives[client] ?? 0
    lives[client] = life + 1
    const historyFile = join(run.folder, `history-${client}-${life}.jsonl`)
    files.push(historyFile)
    const { folder, ...common } = run
    const positionFile = join(folder, `position-${client}.json`)
    const role = roles[client] ?? CONSUMER
    const plan: ClientPlan = { ...common, ...role, client, life, historyFile, positionFile }
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(plan)], {
      stdio: ['pipe', 'inherit', 'pipe'],
    })
    const said: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
    const ended = once(child, 'close').then(([code, signal]) => {
      // One that was told to end before it could listen has not done anything yet.
      if (code === 0 || signal === 'SIGKILL' || (isEnding && signal === 'SIGTERM')) return
      deaths.push(`client ${client} died unasked code=${code} signal=${signal} ${Buffer.concat(said)}`)
    })
    running.set(client, { child, ended })
  }
  const kill = async (client: number) => {
    const life = running.get(client)
    running.delete(client)
    life?.child.kill('SIGKILL')
    await life?.ended
  }
  for (const client of roles.keys()) start(client)
  return {
    clients: roles.length,
    kill,
    start,
    historyFiles: () => files,
    end: async () => {
      const late = setTimeout(() => {
        for (const [client, { child }] of running) {
          deaths.push(`client ${client} did not end in time`)
          child.kill('SIGKILL')
        }
      }, END_PATIENCE_MS)
      isEnding = true
      for (const { child } of running.values()) child.kill('SIGTERM')
      await Promise.all([...running.values()].map(({ ended }) => ended))
      clearTimeout(late)
    },
    close: () => {
      for (const { child } of running.values()) child.kill('SIGKILL')
    },
    deaths,
  }
}

type Role = Pick<ClientPlan, 'kind' | 'acks' | 'isIdempotent'>

const PRODUCERS: readonly Role[] = [
  { kind: 'producer', acks: -1, isIdempotent: true },
  { kind: 'producer', acks: -1, isIdempotent: true },
  { kind: 'producer', acks: -1, isIdempotent: false },
  { kind: 'producer', acks: 1, isIdempotent: true },
  { kind: 'producer', acks: 1, isIdempotent: false },
  { kind: 'producer', acks: 0, isIdempotent: false },
]
const CONSUMER: Role = { kind: 'consumer', acks: -1, isIdempotent: false }
