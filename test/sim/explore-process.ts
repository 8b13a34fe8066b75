import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { parseClusterConfigs } from '../../shared/protocol/cluster-configs.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { newCaches } from '../../shared/service/caches.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { seededRandom } from '../support/seeded-random.ts'
import type { Call } from './explore-calls.ts'
import { exploredClock, type Timer } from './explore-clock.ts'
import { digest } from './explore-names.ts'
import { type Ask, type DocumentCalls, exploredDocuments, exploredNode } from './explore-ports.ts'
import type { Scenario } from './explore-scenario.ts'
import type { ExploredStores } from './explore-stores.ts'

/** A process: what it remembers dies with it. */
export interface Process {
  readonly name: string
  readonly deps: Deps
  state: 'runs' | 'frozen' | 'crashed'
  /** A name for all that it was told so far: the same name, the same process. */
  told: string
  readonly pending: Pending[]
  readonly timers: Set<Timer>
  /** How many calls it made. */
  made: number
  /** Whether it wrote a document. */
  hasWritten: boolean
  /** Whether it has answered whoever asked it. */
  hasAnswered: boolean
  /** Called when whoever waits for it waits in vain. */
  readonly whenGone: (() => void)[]
}

/** A call that waits for its answer. */
export interface Pending {
  /** Counts the calls of its process. */
  readonly id: number
  readonly call: Call
  readonly signal: AbortSignal | undefined
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** Storage nodes that a process cannot reach, and those that take longer to store anything than it waits. */
export interface Reach {
  readonly cutFrom?: readonly number[]
  readonly slowTo?: readonly number[]
}

/** The world as its processes find it. */
export interface Around {
  readonly scenario: Scenario
  readonly clusterId: string
  readonly stores: ExploredStores
  readonly documents: DocumentCalls
  nowMs(): number
  /** Told of errors that no service should meet. */
  readonly logged: (line: string) => void
}

export function newExploredProcess(
  { name, reach }: { readonly name: string; readonly reach: Reach },
  { scenario, clusterId, stores, documents, nowMs, logged }: Around,
): Process {
  const random = seededRandom(Number.parseInt(Buffer.from(digest(name)).toString('hex').slice(0, 7), 16))
  const self = () => process
  const ask = asking(self)
  const locations = [...stores.nodes].map(([nodeId, { location }]) => [nodeId, location] as const)
  const cutOff = new Set(
    locations.flatMap(([id, location]) => (reach.cutFrom?.includes(id) ? [location] : [])),
  )
  const deps: Deps = {
    clusterId,
    documents: exploredDocuments(ask, documents),
    nodes: new Map(
      [...stores.nodes].map(([nodeId, store]) => {
        const isSlow = (reach.slowTo ?? []).includes(nodeId)
        const place = scenario.wiped.includes(nodeId) ? 'ifShared' : 'never'
        return [nodeId, exploredNode(ask, { nodeId, store, place }, { cutOff, isSlow })]
      }),
    ),
    tasks: { trigger: async () => undefined },
    environmentId: name,
    codecs: nodeCodecs,
    clock: exploredClock(nowMs, self),
    // A topic's id that begins with 0 has its first replica on node 0.
    randomBytes: (count) =>
      Uint8Array.from({ length: count }, (_, at) => (at === 0 ? 0 : random.integer(0, 255))),
    configs: parseClusterConfigs(
      { 'min.insync.replicas': String(scenario.minIsr) },
      scenario.replicationFactor,
    ),
    limits: { ...LIMITS, pageEntries: 2, ...scenario.limits },
    maxFetchWaitMs: 0,
    caches: newCaches(),
    log: {
      warn: () => undefined,
      error: (message, fields) => logged(`logged: ${message} ${JSON.stringify(fields)}`),
    },
  }
  const process: Process = {
    name,
    deps,
    state: 'runs',
    told: `${nowMs()}`,
    pending: [],
    timers: new Set(),
    made: 0,
    hasWritten: false,
    hasAnswered: false,
    whenGone: [],
  }
  return process
}

const asking =
  (process: () => Process): Ask =>
  (call, signal) =>
    new Promise((resolve, reject) => {
      const { made, pending } = process()
      process().made = made + 1
      pending.push({ id: made, call, signal, resolve: resolve as Pending['resolve'], reject })
    })
