import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import type { Item, UpdatePlan } from '../../shared/core/update-plan.ts'
import { type MemoryBuckets, memoryObjectStore } from '../../shared/embedded/memory-object-store.ts'
import { type ClusterConfigs, parseClusterConfigs } from '../../shared/protocol/cluster-configs.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { bootCluster } from '../../shared/service/boot-cluster.ts'
import { newCaches } from '../../shared/service/caches.ts'
import { catchUp } from '../../shared/service/catch-up.ts'
import { controllerTick, runController } from '../../shared/service/controller.ts'
import type { Clock, Deps } from '../../shared/service/deps.ts'
import type { Key } from '../../shared/store/document-store.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import type { Task } from '../../shared/store/task-trigger.ts'
import type { Configuration } from './configuration.ts'
import { type LostObjects, newLostObjects } from './lost-objects.ts'
import { type MemoryDocuments, memoryDocuments } from './memory-documents.ts'
import {
  type Exercised,
  type NodeState,
  type Process,
  simulatedDocuments,
  simulatedNode,
  type Wires,
} from './ports.ts'
import type { Scheduler } from './scheduler.ts'
import { newTopics, type Topics } from './topics.ts'

/** A handler's environment: what it remembers dies with it. */
export interface Environment extends Process {
  readonly deps: Deps
  crashed: boolean
  frozenUntilMs: number
  /** What its clock is off by. */
  skewMs: number
  /** Storage nodes that this environment alone cannot reach. */
  readonly cutOff: Set<number>
}

/** One simulated cluster: the real services over stores that only the scheduler lets answer. */
export interface Cluster {
  readonly configuration: Configuration
  readonly scheduler: Scheduler
  readonly exercised: Exercised
  /** The stores behind all faults. */
  readonly documents: MemoryDocuments
  readonly nodes: ReadonlyMap<number, ObjectStore>
  readonly topics: Topics
  readonly nodeStates: Map<number, NodeState>
  readonly lostObjects: LostObjects
  /** Those that take requests now; a crashed one is replaced. */
  readonly environments: readonly Environment[]
  /** No faults and no disasters from now on; everything is well. */
  heal(): void
  isHealed(): boolean
  /** The environment dies: whoever waits for it waits for ever. Another one takes its place. */
  crash(environment: Environment): void
  freeze(environment: Environment, ms: number): void
  /** Its clock shows another time from now on, an earlier or a later one. */
  clockJumps(environment: Environment): void
  wipe(nodeId: number): void
  count(what: string): void
  /** Told of every document write, with the document before and after, and the plan where it was written by one. */
  onWrite: (key: Key, before: Item | undefined, after: Item | undefined, plan?: UpdatePlan) => void
  /** Errors that the services logged as unexpected: bugs. */
  readonly bugs: string[]
}

const NO_FAULTS = {
  slow: 0,
  readFails: 0,
  requestLost: 0,
  answerLost: 0,
  lateApply: 0,
  throttled: 0,
  appliedTwice: 0,
  staleRead: 0,
  objectLost: 0,
  corrupt: 0,
  putIfAbsentTwice: 0,
  taskLost: 0,
  taskDoubled: 0,
}
const NODES = 3
/** What clients tell of themselves. */
const OUTCOME = /^(send|poll|end-offset) /

/** A cluster that was just started. */
export async function newCluster(configuration: Configuration, scheduler: Scheduler): Promise<Cluster> {
  const documents = memoryDocuments()
  const buckets: MemoryBuckets = new Map()
  const nodes = new Map(
    Array.from({ length: NODES }, (_, nodeId) => [nodeId, memoryObjectStore(buckets, `memory-${nodeId}`)]),
  )
  const randomBytes = (count: number) =>
    Uint8Array.from({ length: count }, () => scheduler.random.integer(0, 255))
  const { clusterId } = await bootCluster({ documents, nodes, clock: stillClock(scheduler), randomBytes })
  const exercised: Exercised = {}
  const { note } = scheduler
  const nodeStates = newNodeStates(note)
  const locations = new Map([...nodes].map(([nodeId, { location }]) => [location, nodeId]))
  const bugs: string[] = []
  let rates = configuration.rates
  let made = 0

  const count = (what: string) => {
    exercised[what] = (exercised[what] ?? 0) + 1
  }
  const lostObjects = newLostObjects(count)
  const topics = newTopics({ count, steps: scheduler.steps })
  const wires: Wires = {
    scheduler,
    get rates() {
      return rates
    },
    exercised,
    stateOf: (nodeId, process) =>
      (process as Environment).cutOff.has(nodeId) ? 'fails' : (nodeStates.get(nodeId) ?? 'well'),
    onWrite: (key, before, after, plan) => {
      topics.note(key, before, after)
      cluster.onWrite(key, before, after, plan)
    },
    onRefused: ({ sk }) => {
      if (sk.startsWith('OFFSETS#')) count('group: fence refused')
    },
  }

  const anySkewMs = () => {
    const { skewMs } = configuration
    if (skewMs > 0) count('F13 clock is off')
    return scheduler.random.integer(-skewMs, skewMs)
  }

  const newEnvironment = (): Environment => {
    made += 1
    const environment: Environment = {
      name: `e${made}`,
      crashed: false,
      frozenUntilMs: 0,
      skewMs: anySkewMs(),
      cutOff: newCutOff(`e${made}`, note),
      deps: undefined as unknown as Deps,
    }
    const deps: Deps = {
      clusterId,
      documents: simulatedDocuments(wires, environment, documents),
      nodes: new Map(
        [...nodes].map(([nodeId, store]) => [
          nodeId,
          simulatedNode(wires, environment, { nodeId, store: lostObjects.seen(nodeId, store), locations }),
        ]),
      ),
      tasks: { trigger: async (task) => trigger(task) },
      environmentId: environment.name,
      codecs: nodeCodecs,
      clock: simulatedClock(scheduler, environment),
      randomBytes,
      configs: configsOf(configuration),
      limits: { ...LIMITS, ...configuration.limits },
      maxFetchWaitMs: 2000,
      caches: newCaches(),
      log: {
        warn: (message) => count(`log: ${message}`),
        error: (message, fields) => {
          count(`log: ${message}`)
          if (message === 'unexpected error') bugs.push(`${message} ${JSON.stringify(fields)}`)
        },
      },
    }
    return Object.assign(environment, { deps })
  }

  /** Each task runs in an environment of its own, that may die at any time: a Lambda that nobody waits for. */
  const runTask = (task: Task | 'tick') => {
    const environment = newEnvironment()
    workers.add(environment)
    if (configuration.disasters.crash > 0 && !isHealed && scheduler.chance(12)) {
      scheduler.after(scheduler.random.integer(1, 400), `${environment.name} crashes`, () => {
        if (isHealed || !workers.has(environment)) return
        environment.crashed = true
        count('F6 background crash')
        note(`disaster: crash of ${environment.name}`)
      })
    }
    if (configuration.disasters.freeze > 0 && !isHealed && scheduler.chance(12)) {
      scheduler.after(scheduler.random.integer(1, 400), `${environment.name} freezes`, () => {
        if (isHealed || !workers.has(environment)) return
        environment.frozenUntilMs = scheduler.nowMs() + freezeMs(scheduler)
        count('F7 background freeze')
        note(`disaster: freeze of ${environment.name} until ${environment.frozenUntilMs}`)
      })
    }
    const { deps } = environment
    note(`${environment.name} begins ${task === 'tick' ? task : JSON.stringify(task)}`)
    const work =
      task === 'tick'
        ? controllerTick(deps)
        : task.task === 'controller'
          ? runController(deps)
          : catchUp(deps, task)
    void work
      .catch((error: unknown) => {
        if (task !== 'tick') bugs.push(`task rejected: ${error instanceof Error ? error.stack : error}`)
      })
      .finally(() => workers.delete(environment))
  }

  const trigger = (task: Task) => {
    if (scheduler.chance(rates.taskLost)) {
      count('F9 task lost')
      note(`fault: F9 task lost: ${JSON.stringify(task)}`)
      return
    }
    const times = scheduler.chance(rates.taskDoubled) ? 2 : 1
    if (times === 2) {
      count('F8 task doubled')
      note(`fault: F8 task doubled: ${JSON.stringify(task)}`)
    }
    for (let time = 0; time < times; time += 1) {
      scheduler.after(scheduler.random.integer(5, 60), `task ${task.task}`, () => runTask(task))
    }
  }

  const workers = new Set<Environment>()
  let isHealed = false
  const environments: Environment[] = []
  const cluster: Cluster = {
    configuration,
    scheduler,
    exercised,
    documents,
    nodes,
    topics,
    nodeStates,
    lostObjects,
    environments,
    heal: () => {
      note('all is healed: no fault and no disaster from now on')
      rates = NO_FAULTS
      isHealed = true
      nodeStates.clear()
      for (const environment of environments) environment.cutOff.clear()
    },
    isHealed: () => isHealed,
    crash: (environment) => {
      environment.crashed = true
      const next = newEnvironment()
      environments[environments.indexOf(environment)] = next
      count('F6 crash')
      note(`disaster: crash of ${environment.name}; ${next.name} takes its place`)
    },
    freeze: (environment, ms) => {
      environment.frozenUntilMs = scheduler.nowMs() + ms
      const next = newEnvironment()
      environments[environments.indexOf(environment)] = next
      count('F7 freeze')
      note(`disaster: freeze of ${environment.name} for ${ms} ms; ${next.name} takes its place`)
    },
    clockJumps: (environment) => {
      environment.skewMs = anySkewMs()
      count('F13 clock jumps')
      note(`disaster: clock of ${environment.name} is off by ${environment.skewMs} ms now`)
    },
    wipe: (nodeId) => {
      buckets.get(`memory-${nodeId}`)?.clear()
      lostObjects.wiped(nodeId)
      count('F11 node wiped')
      note(`disaster: node ${nodeId} loses all its data`)
    },
    count: (what) => {
      count(what)
      if (!OUTCOME.test(what)) note(`counted: ${what}`)
    },
    onWrite: () => undefined,
    bugs,
  }
  for (let index = 0; index < configuration.environments; index += 1) environments.push(newEnvironment())
  const tick = () => {
    runTask('tick')
    scheduler.after(configuration.tickMs, 'tick', tick)
  }
  scheduler.after(configuration.tickMs, 'tick', tick)
  return cluster
}

/** Offsets are kept for parts of a minute, which no file may say. */
function configsOf({ minIsr, groups }: Configuration): ClusterConfigs {
  const configs = parseClusterConfigs({ 'min.insync.replicas': String(minIsr) }, NODES)
  if (groups === undefined) return configs
  return {
    ...configs,
    'group.min.session.timeout.ms': 1,
    'group.initial.rebalance.delay.ms': groups.initialDelayMs,
    'offsets.retention.minutes': groups.retentionMinutes,
  }
}

/** Which nodes are not well; the trace is told. */
function newNodeStates(note: Scheduler['note']): Map<number, NodeState> {
  const states = new Map<number, NodeState>()
  const { set, delete: forget } = Map.prototype
  states.set = (nodeId, state) => {
    note(`disaster: node ${nodeId} ${state}`)
    return set.call(states, nodeId, state)
  }
  states.delete = (nodeId) => {
    note(`node ${nodeId} is well`)
    return forget.call(states, nodeId)
  }
  return states
}

/** Which nodes one environment does not reach; the trace is told. */
function newCutOff(name: string, note: Scheduler['note']): Set<number> {
  const nodes = new Set<number>()
  const { add, delete: forget } = Set.prototype
  nodes.add = (nodeId) => {
    note(`disaster: ${name} does not reach node ${nodeId}`)
    return add.call(nodes, nodeId)
  }
  nodes.delete = (nodeId) => {
    note(`${name} reaches node ${nodeId}`)
    return forget.call(nodes, nodeId)
  }
  return nodes
}

/** Mostly as long as a failover takes; now and then longer than anything else. */
export function freezeMs({ random }: Scheduler): number {
  return random.integer(1000, random.integer(1, 4) > 1 ? 20_000 : 90_000)
}

/** Time as one environment has it: off, and standing still while it is frozen. */
function simulatedClock(scheduler: Scheduler, environment: Environment): Clock {
  const settle = (what: string, deliver: () => void) => {
    if (environment.crashed) return
    const leftMs = environment.frozenUntilMs - scheduler.nowMs()
    if (leftMs > 0) scheduler.after(leftMs, `${what} thaws`, () => settle(what, deliver))
    else deliver()
  }
  return {
    nowMs: () => scheduler.nowMs() + environment.skewMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve()
        const what = `${environment.name} sleeps ${ms}`
        const event = scheduler.after(ms, what, () => settle(what, resolve))
        signal?.addEventListener('abort', () => {
          event.cancelled = true
          resolve()
        })
      }),
    timeout: (ms) => {
      const controller = new AbortController()
      const what = `${environment.name} timeout ${ms}`
      const event = scheduler.after(ms, what, () => settle(what, () => controller.abort()))
      return {
        signal: controller.signal,
        cancel: () => {
          event.cancelled = true
        },
      }
    },
    giveWay: async () => undefined,
  }
}

/** The clock of the start, which meets no fault: nothing waits, and no time-out fires. */
function stillClock({ nowMs }: Scheduler): Clock {
  return {
    nowMs,
    sleep: async () => undefined,
    timeout: () => ({ signal: new AbortController().signal, cancel: () => undefined }),
    giveWay: async () => undefined,
  }
}
