import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { parseClusterConfigs } from '../../shared/protocol/cluster-configs.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { newCaches } from '../../shared/service/caches.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Call, digest, fingerprint } from './explore-calls.ts'
import { exploredClock, type Timer } from './explore-clock.ts'
import { type Ask, exploredDocuments, exploredNode, type OnWrite } from './explore-ports.ts'
import type { Scenario } from './explore-scenario.ts'
import type { ExploredStores } from './explore-stores.ts'

/** A process: what it remembers dies with it. */
export interface Process {
  readonly name: string
  readonly actor: string
  readonly deps: Deps
  state: 'runs' | 'frozen' | 'crashed'
  /** A name for all that it was told so far: the same name, the same process. */
  told: string
  readonly calls: Call[]
  readonly timers: Set<Timer>
  /** Whether it wrote anything that others touch too. */
  hasWritten: boolean
  /** Called when whoever waits for it waits in vain. */
  readonly whenGone: (() => void)[]
}

/** Storage nodes that a process cannot reach, and those that take longer to store anything than it waits. */
export interface Reach {
  readonly cutFrom?: readonly number[]
  readonly slowTo?: readonly number[]
}

/** The world as its processes find it. */
interface Around {
  readonly scenario: Scenario
  readonly clusterId: string
  readonly stores: ExploredStores
  nowMs(): number
  readonly onWrite: OnWrite
  /** Told of errors that no service should meet. */
  readonly logged: (line: string) => void
}

export function newExploredProcess(
  { name, actor, reach }: { readonly name: string; readonly actor: string; readonly reach: Reach },
  { scenario, clusterId, stores, nowMs, onWrite, logged }: Around,
): Process {
  const random = seededRandom(Number.parseInt(Buffer.from(digest(name)).toString('hex').slice(0, 7), 16))
  const self = () => process
  const locations = [...stores.nodes].map(([nodeId, { location }]) => [nodeId, location] as const)
  const cutOff = new Set(
    locations.flatMap(([id, location]) => (reach.cutFrom?.includes(id) ? [location] : [])),
  )
  const deps: Deps = {
    clusterId,
    documents: exploredDocuments(ask(self), stores.documents, onWrite),
    nodes: new Map(
      [...stores.nodes].map(([nodeId, store]) => {
        const isSlow = (reach.slowTo ?? []).includes(nodeId)
        const place = scenario.wiped.includes(nodeId) ? 'always' : 'never'
        return [nodeId, exploredNode(ask(self), { nodeId, store, place, cutOff, isSlow })]
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
    actor,
    deps,
    state: 'runs',
    told: '',
    calls: [],
    timers: new Set(),
    hasWritten: false,
    whenGone: [],
  }
  return process
}

const ask =
  (process: () => Process): Ask =>
  (call) =>
    new Promise((resolve, reject) => {
      const asked: Call = {
        ...call,
        signal: call.signal,
        resolve: resolve as Call['resolve'],
        reject,
        outcome: undefined,
      }
      process().calls.push(asked)
    })

/** What a process may do from here on follows from what it was told, and from what is under way. */
export function processKey({ name, state, told, calls, timers }: Process, said: string | undefined): string {
  const isOver = said?.startsWith('over') === true && calls.length === 0 && timers.size === 0
  if (isOver || state === 'crashed') return `${name} is gone`
  const outcomes = calls.map(({ outcome }) => (outcome === undefined ? '' : fingerprint(outcome)))
  return [name, state, told, ...outcomes].join(' ')
}
