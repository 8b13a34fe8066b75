import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { openInMemory } from '../../shared/embedded/data-directory.ts'
import { parseClusterConfigs } from '../../shared/protocol/cluster-configs.ts'
import { LIMITS, type Limits } from '../../shared/protocol/limits.ts'
import { bootCluster } from '../../shared/service/boot-cluster.ts'
import { newCaches } from '../../shared/service/caches.ts'
import type { Clock, Deps } from '../../shared/service/deps.ts'
import type { Task } from '../../shared/store/task-trigger.ts'
import {
  type FaultyDocumentStore,
  type FaultyObjectStore,
  faultyDocumentStore,
  faultyObjectStore,
} from './faulty-store.ts'
import { seededRandom } from './seeded-random.ts'

/** When every test begins. */
export const START_MS = Date.UTC(2026, 10, 21, 7)

/**
 * A clock that only a test moves, and sleep: it is over as soon as nothing else goes on, and moves the clock on to its end.
 * Time-outs that end by then fire.
 */
export interface ManualClock extends Clock {
  /** The time changes; nobody wakes. */
  set(nowMs: number): void
  /** Runs within the next sleep that is not ended before its time, before it is over. */
  duringNextSleep(run: () => Promise<void>): void
  /** Every time-out begun from now on has fired already, until `false`. */
  expireTimeouts(expire: boolean): void
  /** How many turns of the event loop others have at least while somebody sleeps; 2 unless told. */
  turnsPerSleep(count: number): void
  /** How often a request gave way to others so far. */
  breaks(): number
  /** How long each sleep so far was that was not ended before its time. */
  readonly sleptMs: number[]
}

export interface LogLine {
  readonly level: 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Deps of a test: the real services and stores, with faults, time and chance in the hands of the test. */
export interface TestDeps extends Deps {
  readonly documents: FaultyDocumentStore
  readonly nodes: ReadonlyMap<number, FaultyObjectStore>
  readonly clock: ManualClock
  readonly logged: LogLine[]
  /** The hints given so far; nothing is run for them. */
  readonly triggered: Task[]
  /** A storage node loses everything, its `incarnation` too. */
  wipe(nodeId: number): Promise<void>
}

export interface TestOptions {
  readonly nodes?: number
  readonly limits?: Partial<Limits>
  readonly configs?: Readonly<Record<string, string>>
  readonly seed?: number
}

/** Room for so little that paging and spilling happen all the time. */
export const TINY_LIMITS: Partial<Limits> = { pageEntries: 2, maxTailEntries: 4, maxHeadProducers: 3 }

/** Deps of a cluster that was just started, on the embedded store in memory. */
export async function testDeps(options: TestOptions = {}): Promise<TestDeps> {
  const nodeCount = options.nodes ?? 3
  const stores = openInMemory({ nodes: nodeCount })
  const documents = faultyDocumentStore(stores.documents)
  const nodes = new Map([...stores.nodes].map(([id, store]) => [id, faultyObjectStore(id, store)]))
  const clock = manualClock()
  const randomBytes = seededBytes(options.seed ?? 1)
  const { clusterId } = await bootCluster({ documents, nodes, clock, randomBytes })
  documents.faults.calls.length = 0
  for (const node of nodes.values()) node.faults.calls.length = 0
  const logged: LogLine[] = []
  const triggered: Task[] = []
  return {
    clusterId,
    documents,
    nodes,
    tasks: {
      trigger: async (task) => {
        triggered.push(task)
      },
    },
    environmentId: 'environment-1',
    triggered,
    wipe: stores.wipe,
    codecs: nodeCodecs,
    clock,
    randomBytes,
    configs: parseClusterConfigs(options.configs ?? {}, nodeCount),
    limits: { ...LIMITS, ...options.limits },
    maxFetchWaitMs: 20_000,
    caches: newCaches(),
    log: {
      warn: (message, fields) => logged.push({ level: 'warn', message, fields }),
      error: (message, fields) => logged.push({ level: 'error', message, fields }),
    },
    logged,
  }
}

let environments = 1

/** Another environment of the same cluster: the same stores and time, nothing remembered. */
export function otherEnvironment(deps: TestDeps): TestDeps {
  environments += 1
  return { ...deps, caches: newCaches(), environmentId: `environment-${environments}` }
}

function manualClock(): ManualClock {
  let nowMs = START_MS
  let expired = false
  const hooks: (() => Promise<void>)[] = []
  const sleptMs: number[] = []
  const sleepers = new Set<Sleeper>()
  const timers = new Set<Timer>()
  let breaks = 0
  let turns = 2
  let isPassing = false

  /** Time passes as long as somebody sleeps, from one end of a sleep to the next. */
  const pass = async () => {
    isPassing = true
    while (sleepers.size > 0) {
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      const [next] = [...sleepers].sort((a, b) => a.endMs - b.endMs)
      if (next === undefined) break
      sleepers.delete(next)
      sleptMs.push(next.ms)
      nowMs = Math.max(nowMs, next.endMs)
      for (const timer of timers) if (timer.endMs <= nowMs) timer.fire()
      next.end(hooks.shift()?.())
    }
    isPassing = false
  }

  return {
    sleptMs,
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve()
        const sleeper: Sleeper = { ms, endMs: nowMs + ms, end: resolve }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          resolve()
        })
        if (!isPassing) pass()
      }),
    timeout: (ms) => {
      const controller = new AbortController()
      const timer: Timer = { endMs: nowMs + ms, fire: () => controller.abort() }
      if (expired) timer.fire()
      else timers.add(timer)
      return { signal: controller.signal, cancel: () => timers.delete(timer) }
    },
    giveWay: async () => {
      breaks += 1
    },
    breaks: () => breaks,
    set: (ms) => {
      nowMs = ms
    },
    duringNextSleep: (run) => {
      hooks.push(run)
    },
    expireTimeouts: (expire) => {
      expired = expire
    },
    turnsPerSleep: (count) => {
      turns = count
    },
  }
}

interface Sleeper {
  readonly ms: number
  readonly endMs: number
  /** Goes on once `after` is done. */
  end(after: Promise<void> | undefined): void
}

interface Timer {
  readonly endMs: number
  fire(): void
}

function seededBytes(seed: number): (count: number) => Uint8Array {
  const random = seededRandom(seed)
  return (count) => Uint8Array.from({ length: count }, () => random.integer(0, 255))
}
