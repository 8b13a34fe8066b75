import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { type DevOptions, type DevProcess, startDev } from './dev-process.ts'
import type { Life, Lives } from './kill-producer.ts'

/** A life in which nothing is acknowledged for so long, or a producer that cannot end, is a failure. */
const STALL_MS = 30_000
/** A connection that broke because the process died shows its death within this. */
const DEATH_SHOWS_MS = 2000

/** The service on one store, life after life, with what its producers report. */
export interface RestartableService extends Lives {
  /** Where it listens; starts it unless it runs. */
  start(): Promise<string>
  /** kill -9; nothing happens when it does not run. */
  kill(): Promise<void>
  /** Kills it while it starts, after a part of the time that the last start took: 0 at once, 1 all of it. */
  startAndKill(part: number): Promise<void>
  /** Resolves when so many more batches are acknowledged; rejects when they do not come. */
  acknowledgements(more: number): Promise<void>
  /** The promise's value, or a rejection with `fact` when it takes too long or the service is closed. */
  orStalled<T>(promise: Promise<T>, fact: string): Promise<T>
  /** No new batches from now on. */
  end(): void
  /** Kills it for good: whatever still waits for it rejects. */
  close(): Promise<void>
  readonly refusals: Readonly<Record<string, number>>
  longestStartMs(): number
}

/** A service on `dataDirectory` that is not running yet. */
export function restartableService(dataDirectory: DevOptions['dataDirectory']): RestartableService {
  let dev: DevProcess | undefined
  let isOver = false
  let isClosed = false
  let lastStartMs = 0
  let longestStartMs = 0
  let acknowledged = 0
  let awaited: { readonly count: number; readonly reached: () => void } | undefined
  let started = Promise.withResolvers<void>()
  const refusals: Record<string, number> = {}
  const orStalled = stallDetector()

  const kill = async () => {
    const dying = dev
    dev = undefined
    await dying?.kill()
  }
  return {
    start: async () => {
      if (dev !== undefined) return dev.endpoint
      const from = performance.now()
      const next = await startDev({ dataDirectory })
      if (isClosed) {
        await next.kill()
        throw new Error('service is closed')
      }
      dev = next
      lastStartMs = performance.now() - from
      longestStartMs = Math.max(longestStartMs, lastStartMs)
      started.resolve()
      started = Promise.withResolvers()
      return next.endpoint
    },
    kill,
    startAndKill: (part) => startAndKill(dataDirectory, part * lastStartMs),
    next: async (dead) => {
      if (dead !== undefined && dev === dead) throw await brokenUnasked(dev)
      while (dev === undefined) await orStalled.watch(started.promise, 'service is not started again')
      return dev
    },
    isOver: () => isOver,
    acknowledged: () => {
      acknowledged += 1
      if (awaited !== undefined && acknowledged >= awaited.count) awaited.reached()
    },
    refused: (errorName) => {
      refusals[errorName] = (refusals[errorName] ?? 0) + 1
    },
    acknowledgements: (more) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      awaited = { count: acknowledged + more, reached: resolve }
      if (more === 0) resolve()
      return orStalled.watch(promise, 'nothing is acknowledged')
    },
    orStalled: orStalled.watch,
    end: () => {
      isOver = true
    },
    close: async () => {
      isOver = true
      isClosed = true
      orStalled.close()
      await kill()
    },
    refusals,
    longestStartMs: () => Math.round(longestStartMs),
  }
}

async function startAndKill(dataDirectory: DevOptions['dataDirectory'], afterMs: number): Promise<void> {
  const spawned = Promise.withResolvers<() => Promise<unknown>>()
  const starting = startDev({
    dataDirectory,
    onSpawn: (child) => {
      const exited = once(child, 'exit')
      spawned.resolve(() => {
        child.kill('SIGKILL')
        return exited
      })
    },
  })
  const outcome = Promise.allSettled([starting]) // it listens already, or is killed before: both are wanted
  await wait(Math.round(afterMs))
  await (await spawned.promise)()
  await outcome
}

/** The error of a connection that broke although nobody killed the service. */
async function brokenUnasked(dev: Life & Pick<DevProcess, 'exited'>): Promise<Error> {
  const said = await Promise.race([dev.exited, wait(DEATH_SHOWS_MS, undefined, { ref: false })])
  return new Error(
    said === undefined ? 'connection broke, service lives' : `service died unasked stderr=${said}`,
  )
}

/** Bounds waits by time and by the end of the run. */
function stallDetector() {
  const closed = Promise.withResolvers<never>()
  closed.promise.catch(() => {}) // nobody may be waiting
  return {
    close: () => closed.reject(new Error('service is closed')),
    watch: async <T>(promise: Promise<T>, fact: string): Promise<T> => {
      const stalled = Promise.withResolvers<never>()
      const timer = setTimeout(() => stalled.reject(new Error(`${fact} stallMs=${STALL_MS}`)), STALL_MS)
      try {
        return await Promise.race([promise, stalled.promise, closed.promise])
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
