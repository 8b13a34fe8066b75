import { electLeaders } from '../../shared/service/elect-leaders.ts'
import { partitionOfPk, partitionPk } from '../../shared/store/keys.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { newAdmin } from './admin.ts'
import { checkHistory } from './checker.ts'
import { checkGroups } from './checker-groups.ts'
import { runClients } from './clients.ts'
import { type Cluster, newCluster } from './cluster.ts'
import { type Company, newCompany } from './company.ts'
import { type Configuration, drawConfiguration, MANY_PRODUCERS } from './configuration.ts'
import { readAll } from './consumer.ts'
import { startDisasters, whatIsLeft } from './disasters.ts'
import { faultsOf } from './exercised.ts'
import { type GroupWork, newGroups } from './groups.ts'
import type { Key, Truncation } from './history.ts'
import { checkStored, watchInvariants } from './invariants.ts'
import { watchGroups } from './invariants-groups.ts'
import { takesBatch } from './liveness.ts'
import { resolveNamed } from './named-sends.ts'
import { readersMiss } from './readers-miss.ts'
import { newScheduler, type Scheduler } from './scheduler.ts'
import { leftOvers, storedTopics } from './topics.ts'
import { traceClients, withNames } from './trace.ts'

/** What a seed came to. */
export interface SeedReport {
  readonly configuration: Configuration
  /** Nothing: all is well. Each begins with the name of what is broken. */
  readonly problems: readonly string[]
  /** When the first of them was found: virtual time of the run, and the number of the event. */
  readonly brokeAt: { readonly ms: number; readonly step: number } | undefined
  readonly exercised: Readonly<Record<string, number>>
  readonly operations: number
  readonly faults: number
  readonly steps: number
  readonly hash: string
}

/** When every run begins. */
export const START_MS = Date.UTC(2026, 10, 21, 7)
/** Events after which a run that has not come to rest never will: a hundred times what the longest takes. */
const MAX_SAFETY_STEPS = 400_000
const MAX_LIVENESS_STEPS = 400_000
/** Faults are drawn until there were so many: a run without any shows nothing. */
const MIN_FAULTS = 5
/** What all is to be well in, once nothing fails any more: hold-downs and retries are the longest of it. */
const MAX_SETTLE_MS = 20 * 60_000
const ASK_MS = 30_000
/** Problems of one seed that are told; the first is what matters. */
const MAX_PROBLEMS = 8

/** Runs one seed: faults first, then none, and then everything must be well and nothing lost. */
export async function runSeed(seed: number, onEvent?: Scheduler['onEvent']): Promise<SeedReport> {
  const configuration = drawConfiguration(seed, seededRandom(seed))
  const scheduler = newScheduler(seed * 7919 + 1, START_MS)
  scheduler.onEvent = onEvent
  const problems: string[] = []
  let brokeAt: SeedReport['brokeAt']
  const tell = (problem: string) => {
    if (problems.length >= MAX_PROBLEMS || problems.includes(problem)) return
    problems.push(problem)
    brokeAt ??= { ms: scheduler.nowMs() - START_MS, step: scheduler.steps() }
    scheduler.note(`BROKEN: ${withNames(problem, cluster.topics.known)}`)
  }
  const cluster = await newCluster(configuration, scheduler)
  const company = newCompany(cluster)
  if (onEvent !== undefined) traceClients(company)
  const admin = newAdmin(company)
  let isOver = false
  const truncations: Truncation[] = []
  const noteTruncation = (pk: string, toOffset: number) => {
    const { topicId, partitionIndex } = partitionOfPk(pk) ?? {}
    truncations.push({ key: `${topicId}/${partitionIndex}`, toOffset, at: scheduler.steps() })
  }
  const broken = (fact: string) => tell(`invariant: ${fact}`)
  watchInvariants(cluster, broken, noteTruncation)
  const groups = newGroups(company, tell)
  if (groups !== undefined) watchGroups(cluster, groups.history, broken)
  /** Whether `work` has ended, to be asked again and again. */
  const following = (who: string, work: Promise<unknown>): (() => boolean) => {
    let ended = false
    work.then(
      () => {
        ended = true
      },
      (error: unknown) => tell(`${who} stopped: ${error instanceof Error ? error.stack : error}`),
    )
    return () => ended
  }
  const areMade = following('administrator', admin.createAll())
  const isUp = () => areMade() || problems.length > 0
  if (!(await scheduler.run(isUp, MAX_SAFETY_STEPS))) tell('liveness: topics are not made')
  const disasters = startDisasters(cluster, () => isOver)
  let goOn: (() => Promise<number>) | undefined
  const clientsEnded = following(
    'client',
    runClients(company, () => isOver).then((goesOn) => {
      goOn = goesOn
    }),
  )
  if (configuration.producers === MANY_PRODUCERS) cluster.count('crowd of producers')
  const adminEnded = following(
    'administrator',
    admin.run(() => isOver),
  )
  const groupsEnded = following('member', groups?.run(() => isOver) ?? Promise.resolve())
  const ended = () => clientsEnded() && adminEnded()
  const untilMs = scheduler.nowMs() + configuration.minMs
  const enough = () =>
    problems.length > 0 ||
    (company.operations.length >= configuration.operations &&
      faultsOf(cluster.exercised) >= MIN_FAULTS &&
      scheduler.nowMs() >= untilMs)
  if (!(await scheduler.run(enough, MAX_SAFETY_STEPS))) tell('liveness: clients do not get on')
  isOver = true
  cluster.heal()
  if (problems.length === 0) await settle(cluster, { ended, groups }, tell)
  if (problems.length === 0 && goOn !== undefined) await allComeThrough(cluster, goOn, tell)
  if (groups !== undefined && problems.length === 0) {
    groups.stop()
    const isOut = await scheduler.run(groupsEnded, MAX_LIVENESS_STEPS)
    if (!isOut) tell('liveness: members of groups do not end')
    // A topic may have come late meanwhile.
    await settle(cluster, { ended, groups: undefined }, tell)
  }
  if (problems.length === 0) {
    disasters.last()
    await readersMiss(company, tell)
  }
  if (problems.length === 0) {
    await judge(company, truncations, tell)
    for (const broken of admin.broken()) tell(broken)
    for (const { name, text } of groups === undefined ? [] : checkGroups(groups.history))
      tell(`${name}: ${text}`)
  }
  for (const surprise of company.surprises) tell(`unexpected answer: ${surprise}`)
  for (const bug of cluster.bugs) tell(`bug: ${bug}`)
  return {
    configuration,
    problems: problems.map((problem) => withNames(problem, cluster.topics.known)),
    brokeAt,
    exercised: cluster.exercised,
    operations: company.operations.length,
    faults: faultsOf(cluster.exercised),
    steps: scheduler.steps(),
    hash: scheduler.hash(),
  }
}

/** No faults any more: every operation ends, deletions too, the ISR is full, nothing is missing. */
async function settle(
  cluster: Cluster,
  { ended, groups }: { readonly ended: () => boolean; readonly groups: GroupWork | undefined },
  tell: (problem: string) => void,
): Promise<void> {
  const { scheduler, documents } = cluster
  const untilMs = scheduler.nowMs() + MAX_SETTLE_MS
  let missing: readonly string[] = ['nobody looked yet']
  const beingDeleted = () => storedTopics(documents, { beingDeleted: true })
  const look = () => {
    void whatIsLeft(cluster).then((found) => {
      missing = [...found, ...(groups?.missing() ?? [])]
      if (scheduler.nowMs() < untilMs) scheduler.after(250, 'is it whole', look)
    })
  }
  look()
  if (cluster.configuration.wipesAll) askForLeaders(cluster, () => scheduler.nowMs() >= untilMs)
  const isSettled = () => ended() && missing.length === 0 && beingDeleted().length === 0
  const isOver = () => isSettled() || scheduler.nowMs() >= untilMs
  await scheduler.run(isOver, MAX_LIVENESS_STEPS)
  if (isSettled()) return
  const minutes = Math.round((scheduler.nowMs() - untilMs + MAX_SETTLE_MS) / 60_000)
  if (!ended()) tell(`liveness: an operation does not end within ${minutes} minutes`)
  for (const fact of missing) tell(`liveness: ${fact} after ${minutes} minutes`)
  for (const { name, topicId } of beingDeleted())
    tell(`liveness: ${name} (${topicId}) is not deleted after ${minutes} minutes`)
}

/** Every producer goes on, all of them at once, and something of each comes through. */
async function allComeThrough(
  { scheduler, documents }: Cluster,
  goOn: () => Promise<number>,
  tell: (problem: string) => void,
): Promise<void> {
  const topicIds = () => storedTopics(documents, { beingDeleted: false }).map(({ topicId }) => topicId)
  const before = topicIds()
  if (before.length === 0) return
  const untilMs = scheduler.nowMs() + MAX_SETTLE_MS
  let stuck: number | undefined
  void goOn().then((count) => {
    stuck = count
  })
  await scheduler.run(() => stuck !== undefined || scheduler.nowMs() >= untilMs, MAX_LIVENESS_STEPS)
  // A deletion that slept may end only now.
  if (String(topicIds()) !== String(before)) return
  if (stuck !== 0) tell(`liveness: ${stuck ?? 'some'} producers do not come through`)
}

/** Where no replica is left that has everything, only who accepts the loss gets a leader. */
function askForLeaders(cluster: Cluster, isOver: () => boolean): void {
  const { scheduler, environments } = cluster
  const ask = () => {
    const [environment] = environments
    if (isOver() || environment === undefined) return
    void electLeaders(environment.deps, { electionType: 1, topics: null }).catch(() => undefined)
    scheduler.after(ASK_MS, 'ask for leaders', ask)
  }
  ask()
}

async function judge(
  company: Company,
  truncations: readonly Truncation[],
  tell: (problem: string) => void,
): Promise<void> {
  const { cluster } = company
  const { scheduler, documents, topics } = cluster
  const final = new Map<Key, ReadonlyMap<number, string>>()
  for (const topic of storedTopics(documents, { beingDeleted: false })) {
    for (let partition = 0; partition < topic.partitions; partition += 1) {
      const key = `${topic.topicId}/${partition}`
      let stuck: readonly string[] | undefined
      void takesBatch(company, topic, partition).then((facts) => {
        stuck = facts
      })
      await scheduler.run(() => stuck !== undefined, MAX_LIVENESS_STEPS)
      for (const fact of stuck ?? ['a healed partition gives no answer']) tell(`liveness: ${fact}`)
      const reading = readAll(company, topic, partition).then((found) => final.set(key, found))
      reading.catch((error: unknown) => tell(`final read: ${error instanceof Error ? error.message : error}`))
      if (!(await scheduler.run(() => final.has(key), MAX_LIVENESS_STEPS))) {
        return tell(`stuck-final-read: ${topic.name}-${partition}`)
      }
      const broken = await checkStored(cluster, partitionPk(topic.topicId, partition))
      for (const fact of broken) tell(`invariant: ${fact}`)
    }
  }
  for (const left of leftOvers(topics, documents, cluster.count)) tell(`left-over: ${left}`)
  const losses = new Map<Key, number>()
  for (const { topicId, losses: lost } of topics.known.values())
    for (const [partition, offset] of lost) losses.set(`${topicId}/${partition}`, offset)
  const named = resolveNamed(company.operations, topics.known.values(), final)
  for (const broken of named.broken) tell(broken)
  for (const { name, text } of checkHistory({ operations: named.operations, final, losses, truncations }))
    tell(`${name}: ${text}`)
}
