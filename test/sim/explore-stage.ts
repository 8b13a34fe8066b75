import { bootCluster } from '../../shared/service/boot-cluster.ts'
import { createTopics } from '../../shared/service/create-topics.ts'
import { topicKey } from '../../shared/store/keys.ts'
import type { Actor, Setting, Topic } from './explore-actors.ts'
import { type Locals, newLocals } from './explore-local.ts'
import { digest } from './explore-names.ts'
import { documentCalls } from './explore-ports.ts'
import { actQuietly, type Quiet } from './explore-quiet.ts'
import type { Scenario } from './explore-scenario.ts'
import { newExploredStores } from './explore-stores.ts'
import { newWatch, type Watch } from './explore-watch.ts'
import type { State } from './explore-world.ts'

/** A scenario that is set up: any number of orders begin there. */
export interface Prepared {
  readonly scenario: Scenario
  readonly setting: Omit<Setting, 'logged' | 'nowMs'>
  readonly locals: Locals
  readonly watch: Watch
  /** What setup left. */
  readonly start: Quiet
  /** The world as setup left it, with the scenario's actors about to begin. */
  begin(faults: number): Promise<State>
}

const START_MS = Date.UTC(2026, 10, 21, 7)
const TOPIC = 'log'

export async function prepare(scenario: Scenario): Promise<Prepared> {
  // Nobody reads the stacks of the many errors that are part of an order.
  Error.stackTraceLimit = 0
  const stores = newExploredStores(scenario.replicationFactor)
  const clock = {
    nowMs: () => START_MS,
    sleep: async () => undefined,
    timeout: () => ({ signal: new AbortController().signal, cancel: () => undefined }),
    giveWay: async () => undefined,
  }
  const randomBytes = (count: number) => Uint8Array.from(Buffer.from(digest(`${count}`)).subarray(0, count))
  const { clusterId } = await bootCluster({ ...stores, clock, randomBytes })
  const watch = newWatch(stores, scenario)
  const documents = documentCalls(stores.documents, watch.onWrite)
  const around = { scenario, clusterId, stores, documents }
  const empty: Quiet = { contents: stores.contents, nowMs: START_MS, sent: [], problems: [] }
  const created = await actQuietly(empty, creator(scenario), {
    ...around,
    topic: { name: TOPIC, topicId: '' },
  })
  const item = created.contents.documents.get(`${topicKey(TOPIC).pk} ${topicKey(TOPIC).sk}`)?.item
  if (item === undefined) throw new Error(`topic was not created: ${created.problems}`)
  const topic: Topic = { name: TOPIC, topicId: String(item.topicId) }
  const setting = { ...around, topic }
  const start = await actQuietly(created, { name: 'setup', act: scenario.setup }, setting)
  watch.begin(topic)
  const problems = [...start.problems, ...(await watch.broken(start.contents))]
  if (problems.length > 0) throw new Error(`${scenario.name} was not set up: ${problems}`)
  watch.tookFromLog()
  const locals = newLocals(setting)
  return {
    scenario,
    setting,
    locals,
    watch,
    start,
    begin: async (faultsLeft) => {
      const begun = []
      for (const actor of scenario.actors) begun.push(await locals.begin(actor, start.nowMs))
      const { contents, nowMs } = start
      return { contents, nowMs, faultsLeft, wasTruncated: false, locals: begun, done: [], late: [] }
    },
  }
}

function creator({ unclean, replicationFactor }: Scenario): Actor {
  const configs = unclean ? [{ name: 'unclean.leader.election.enable', value: 'true' }] : []
  const wanted = { name: TOPIC, numPartitions: 1, replicationFactor, assignments: [], configs }
  return {
    name: 'creator',
    act: async (stage) => {
      await stage.ask((deps) => createTopics(deps, { topics: [wanted], validateOnly: false }))
    },
  }
}
