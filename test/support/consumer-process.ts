import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ConsumerOptions, TopicPartition } from '../../client/index.ts'

const PROGRAM = fileURLToPath(new URL('./consumer-program.ts', import.meta.url))

/** What a consumer of its own process is to do. */
export interface ConsumerOrders {
  readonly endpoint: string
  readonly topics: readonly string[]
  readonly options: ConsumerOptions
  readonly commitIntervalMs: number
}

/** A line that it prints. */
export type ConsumerLine =
  | { readonly is: 'assigned' | 'revoked' | 'lost'; readonly partitions: readonly TopicPartition[] }
  | { readonly is: 'record'; readonly partition: number; readonly offset: number; readonly value: string }
  | { readonly is: 'warning' | 'error'; readonly errorName: string; readonly message: string }
  /** How a commit of what it had processed ended that it made as soon as it ran again after a SIGCONT. */
  | { readonly is: 'late commit'; readonly outcome: string }
  | { readonly is: 'member'; readonly generationId: number; readonly memberId: string }

/** A consumer in a process of its own, with the time at which each of its lines came. */
export interface ConsumerProcess {
  readonly lines: (ConsumerLine & { readonly atMs: number })[]
  /** What it has, by its own account. */
  assignment(): readonly TopicPartition[]
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  /** Closes it, or kills one that does not close. */
  end(): Promise<void>
}

/** Starts one. */
export function startConsumer(orders: ConsumerOrders): ConsumerProcess {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, JSON.stringify(orders)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines: ConsumerProcess['lines'] = []
  if (child.stdout === null) throw new Error('the consumer has no output')
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push({ ...(JSON.parse(line) as ConsumerLine), atMs: performance.now() })
  })
  return {
    lines,
    assignment: () => {
      const owned = new Map<number, TopicPartition>()
      for (const line of lines) {
        if (line.is === 'assigned') for (const one of line.partitions) owned.set(one.partition, one)
        if (line.is === 'revoked' || line.is === 'lost') {
          for (const one of line.partitions) owned.delete(one.partition)
        }
      }
      return [...owned.values()]
    },
    signal: (signal) => void child.kill(signal),
    end: async () => {
      child.kill('SIGCONT')
      child.stdin?.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(timer)
    },
  }
}
