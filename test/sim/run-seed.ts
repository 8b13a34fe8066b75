import { createTopics } from '../../shared/service/create-topics.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss } from '../../shared/store/items/loss-item.ts'
import { ALL_LOSSES, headKey, partitionPk } from '../../shared/store/keys.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { checkHistory } from './checker.ts'
import { newClients, type Topic } from './clients.ts'
import { type Cluster, newCluster } from './cluster.ts'
import { type Configuration, drawConfiguration } from './configuration.ts'
import { isWhole, startDisasters } from './disasters.ts'
import { checkStored, watchInvariants } from './invariants.ts'
import { newScheduler } from './scheduler.ts'

/** What a seed came to. */
export interface SeedReport {
  readonly configuration: Configuration
  /** Nothing: all is well. Each begins with the name of what is broken. */
  readonly problems: readonly string[]
  readonly exercised: Readonly<Record<string, number>>
  readonly operations: number
  readonly steps: number
  readonly hash: string
}

const START_MS = Date.UTC(2026, 10, 21, 7)
/** Events after which a run that has not come to rest never will: a hundred times what the longest takes. */
const MAX_SAFETY_STEPS = 400_000
const MAX_LIVENESS_STEPS = 400_000
/** Problems of one seed that are told; the first is what matters. */
const MAX_PROBLEMS = 8

/** Runs one seed: faults first, then none, and then everything must be well and nothing lost. */
export async function runSeed(
  seed: number,
  onEvent?: (atMs: number, what: string) => void,
): Promise<SeedReport> {
  const configuration = drawConfiguration(seed, seededRandom(seed))
  const scheduler = newScheduler(seed * 7919 + 1, START_MS)
  scheduler.onEvent = onEvent
  const problems: string[] = []
  const tell = (problem: string) => {
    if (problems.length < MAX_PROBLEMS && !problems.includes(problem)) problems.push(problem)
  }
  const cluster = await newCluster(configuration, scheduler)
  const topic = await newTopic(cluster)
  watchInvariants(cluster, (broken) => tell(`invariant: ${broken}`))
  const clients = newClients(cluster, topic)
  let isOver = false
  let clientsEnded = false
  startDisasters(cluster, topic, () => isOver)
  const running = clients
    .run(() => isOver)
    .then(() => {
      clientsEnded = true
    })
  running.catch((error: unknown) => tell(`client stopped: ${error instanceof Error ? error.stack : error}`))
  const enough = () => clients.operations.length >= configuration.operations || problems.length > 0
  if (!(await scheduler.run(enough, MAX_SAFETY_STEPS))) tell('liveness: clients do not get on')
  isOver = true
  cluster.heal()
  if (problems.length === 0) {
    await settle(cluster, topic, () => clientsEnded, tell)
    await judge(cluster, topic, clients, tell)
  }
  for (const surprise of clients.surprises) tell(`unexpected answer: ${surprise}`)
  for (const bug of cluster.bugs) tell(`bug: ${bug}`)
  return {
    configuration,
    problems,
    exercised: cluster.exercised,
    operations: clients.operations.length,
    steps: scheduler.steps(),
    hash: scheduler.hash(),
  }
}

async function newTopic(cluster: Cluster): Promise<Topic> {
  const { configuration, scheduler, environments } = cluster
  const { partitions, replicationFactor, unclean } = configuration
  const wanted = {
    name: 'log',
    numPartitions: partitions,
    replicationFactor,
    assignments: [],
    configs: unclean ? [{ name: 'unclean.leader.election.enable', value: 'true' }] : [],
  }
  let topic: Topic | undefined
  const create = async () => {
    const { deps } = environments[0] ?? {}
    if (deps === undefined) throw new Error('no environment')
    const { topics } = await createTopics(deps, { topics: [wanted], validateOnly: false })
    const item = await cluster.documents.get({ pk: 'TOPICS', sk: 'log' }, 'strong')
    void topics
    if (item !== undefined) topic = { name: 'log', topicId: String(item.topicId), partitions }
    else scheduler.after(100, 'create topic', () => void create())
  }
  void create()
  if (!(await scheduler.run(() => topic !== undefined, MAX_SAFETY_STEPS)) || topic === undefined) {
    throw new Error('topic was not created')
  }
  return topic
}

/** No faults any more: every operation ends, the ISR is full, nothing is missing. */
async function settle(
  cluster: Cluster,
  topic: Topic,
  clientsEnded: () => boolean,
  tell: (problem: string) => void,
): Promise<void> {
  const { scheduler } = cluster
  let whole = false
  const look = () => {
    void isWhole(cluster, topic).then((is) => {
      whole = is
      if (!is) scheduler.after(250, 'is it whole', look)
    })
  }
  look()
  if (await scheduler.run(() => clientsEnded() && whole, MAX_LIVENESS_STEPS)) return
  if (!clientsEnded()) tell('liveness: an operation does not end')
  for (let partition = 0; partition < topic.partitions; partition += 1) {
    const item = await cluster.documents.get(headKey(topic.topicId, partition), 'strong')
    const { leader, isr, joining, replicas, holeStart, holeEnd } = decodeHead(item ?? {})
    const facts = JSON.stringify({ leader, isr, joining, replicas, holeStart, holeEnd })
    if (!whole) tell(`liveness: partition ${partition} does not get whole ${facts}`)
  }
}

async function judge(
  cluster: Cluster,
  topic: Topic,
  clients: ReturnType<typeof newClients>,
  tell: (problem: string) => void,
): Promise<void> {
  const { scheduler, documents } = cluster
  const final = new Map<string, ReadonlyMap<number, string>>()
  const losses = new Map<string, number>()
  for (let partition = 0; partition < topic.partitions; partition += 1) {
    const key = `${topic.topicId}/${partition}`
    const reading = clients.readAll(partition).then((found) => final.set(key, found))
    reading.catch((error: unknown) => tell(`final read: ${error instanceof Error ? error.message : error}`))
    if (!(await scheduler.run(() => final.has(key), MAX_LIVENESS_STEPS))) return tell('stuck-final-read')
    const pk = partitionPk(topic.topicId, partition)
    for (const broken of await checkStored(cluster, pk)) tell(`invariant: ${broken}`)
    const stored = await documents.list(pk, { ...ALL_LOSSES, limit: 1000, direction: 'ascending' })
    for (const { item } of stored) {
      const loss = decodeLoss(item)
      if (loss.committedTo > loss.fromOffset)
        losses.set(key, Math.min(losses.get(key) ?? loss.fromOffset, loss.fromOffset))
    }
  }
  const { operations, told } = clients
  for (const { name, text } of checkHistory({ operations, final, losses, told })) tell(`${name}: ${text}`)
}
