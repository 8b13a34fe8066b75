import { bootCluster } from '../../shared/service/boot-cluster.ts'
import { createTopics } from '../../shared/service/create-topics.ts'
import { topicKey } from '../../shared/store/keys.ts'
import { type Actor, type Company, newCompany, type Sent, type Topic } from './explore-actors.ts'
import { digest, newShared, type Shared } from './explore-calls.ts'
import type { Scenario } from './explore-scenario.ts'
import { newExploredStores } from './explore-stores.ts'
import { newWorld, type World } from './explore-world.ts'

/** A scenario that is set up: any number of runs begin there. */
export interface Prepared {
  readonly scenario: Scenario
  readonly topic: Topic
  /** The world as the setup left it, with the scenario's actors about to begin. */
  begin(shared: Shared, faults: number): { readonly world: World; readonly company: Company }
}

const START_MS = Date.UTC(2026, 10, 21, 7)
const TOPIC = 'log'
/** More than any setup and any healing takes. */
const MAX_QUIET_STEPS = 10_000

export async function prepare(scenario: Scenario): Promise<Prepared> {
  const stores = newExploredStores(scenario.replicationFactor)
  const clock = {
    nowMs: () => START_MS,
    sleep: async () => undefined,
    timeout: () => ({ signal: new AbortController().signal, cancel: () => undefined }),
    giveWay: async () => undefined,
  }
  const randomBytes = (count: number) => Uint8Array.from(Buffer.from(digest(`${count}`)).subarray(0, count))
  const { documents, nodes } = stores
  const { clusterId } = await bootCluster({ documents, nodes, clock, randomBytes })
  const start = { scenario, clusterId, stores }
  const first = newWorld({ ...start, shared: newShared(), startMs: START_MS, faults: 0 })
  const topic = await createTopic(first)
  const company = newCompany(first, topic)
  await actQuietly(first, company, { name: 'setup', act: scenario.setup })
  if (first.problems.length > 0) throw new Error(`${scenario.name} was not set up: ${first.problems}`)
  const snapshot = stores.snapshot()
  const startMs = first.nowMs()
  const sent: readonly Sent[] = [...company.sent]
  return {
    scenario,
    topic,
    begin: (shared, faults) => {
      stores.restore(snapshot)
      const world = newWorld({ ...start, shared, startMs, faults })
      const actors = newCompany(world, topic, sent)
      for (const actor of scenario.actors) actors.begin(actor)
      return { world, company: actors }
    },
  }
}

/** Has an actor act with nothing to choose, until it is done. */
export async function actQuietly(world: World, company: Company, actor: Actor): Promise<void> {
  world.isQuiet = true
  company.begin(actor)
  for (let steps = 0; steps < MAX_QUIET_STEPS; steps += 1) {
    if (company.isOver(actor) || world.problems.length > 0) return
    const [only] = await world.options()
    if (only === undefined && !company.isOver(actor)) break
    await only?.happen()
  }
  world.problems.push(`${actor.name} does not come to an end`)
}

async function createTopic(world: World): Promise<Topic> {
  const { scenario, stores } = world
  world.isQuiet = true
  const configs = scenario.unclean ? [{ name: 'unclean.leader.election.enable', value: 'true' }] : []
  const { replicationFactor } = scenario
  const wanted = { name: TOPIC, numPartitions: 1, replicationFactor, assignments: [], configs }
  const { deps } = world.newProcess('setup')
  const creating = createTopics(deps, { topics: [wanted], validateOnly: false })
  await world.options()
  await creating
  const item = await stores.documents.get(topicKey(TOPIC), 'strong')
  if (item === undefined) throw new Error('topic was not created')
  return { name: TOPIC, topicId: String(item.topicId) }
}
