import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { checkHistory } from '../sim/checker.ts'
import type { Key, Operation } from '../sim/history.ts'
import { isFull, type ReplicatedTopic, replicatedTopic } from '../support/replicated-topic.ts'
import { missingCopies, onStage, type ReplicationReport, stageIn } from '../support/replication-stage.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Fleet, startFleet } from './client-fleet.ts'
import { startDisasters } from './disasters.ts'
import { type Histories, newHistories } from './history-file.ts'
import { longestGapMs, summaryOf } from './summary.ts'

/** How long things fail, and the seed that decides what befalls whom; what the machine makes of it differs from run to run. */
export interface SoakOptions {
  readonly seconds: number
  readonly seed: number
  readonly say: (line: string) => void
  /** Told what there is to clean up for whoever ends the run before its time. */
  readonly onStart?: (run: SoakRun) => void
}

/** A run that is under way. */
export interface SoakRun {
  readonly folder: string
  /** kill -9 of the service and the clients, whose ends nobody waits for. */
  kill(): void
}

const PARTITIONS = 3
const NODES = 3
const SAY_EVERY_MS = 10_000
/** For every replica to have everything again, once all is well. */
const HEAL_PATIENCE_MS = 180_000
/** Problems that are told; the first is what matters. */
const MAX_PROBLEMS = 20

/**
 * A real service with a data folder, clients in processes of their own, and everything at once: clients and the service are
 * killed, storage nodes fail, hang and lose their data. In the end all is healed, and what the clients did and saw must be
 * what one log can have shown them. A run that went wrong leaves its folder behind.
 */
export async function soak({ seconds, seed, say, onStart }: SoakOptions): Promise<ReplicationReport> {
  const folder = await mkdtemp(join(tmpdir(), 'stratolog-soak-'))
  const endpointFile = join(folder, 'endpoint')
  let dev: ChildProcess | undefined
  const onSpawn = (child: ChildProcess) => {
    dev = child
  }
  const stage = { ...stageIn(join(folder, 'data'), say), onSpawn }
  let fleet: Fleet | undefined
  let isWell = false
  onStart?.({
    folder,
    kill: () => {
      dev?.kill('SIGKILL')
      fleet?.close()
    },
  })
  try {
    const report = await onStage(stage, async (service) => {
      const moved = async () => {
        await writeFile(`${endpointFile}.new`, service.endpoint())
        await rename(`${endpointFile}.new`, endpointFile)
      }
      await moved()
      const topic = await replicatedTopic(service.endpoint, 'soaked', PARTITIONS)
      const of = { name: topic.name, topicId: topic.topicId, partitions: PARTITIONS }
      const clients = startFleet({ folder, seed, endpointFile, topic: of })
      fleet = clients
      const histories = newHistories()
      const random = seededRandom(seed)
      const disasters = startDisasters({ service, moved, topic, fleet: clients, random, nodes: NODES })
      const untilMs = performance.now() + seconds * 1000
      for (let leftMs = seconds * 1000; leftMs > 0; leftMs = untilMs - performance.now()) {
        await wait(Math.min(SAY_EVERY_MS, leftMs))
        histories.read(clients.historyFiles())
        say(summaryOf(histories.operations, disasters.counts))
        say(await topic.describe())
      }
      await disasters.end()
      const healedAtMs = performance.now()
      await topic.until('a full ISR', isFull, HEAL_PATIENCE_MS)
      const healMs = Math.round(performance.now() - healedAtMs)
      await clients.end()
      await topic.until('a full ISR', isFull, HEAL_PATIENCE_MS)
      histories.read(clients.historyFiles())
      const problems = [
        ...clients.deaths,
        ...(await judge(topic, histories)),
        ...(await missingCopies(stage, topic)),
      ]
      await service.kill()
      problems.push(...service.saidLines('unexpected error'))
      const facts = {
        seed,
        seconds,
        ...countsOf(histories.operations),
        ...disasters.counts,
        longestGapMs: longestGapMs(histories.operations),
        healMs,
      }
      return { problems: problems.slice(0, MAX_PROBLEMS), facts }
    })
    isWell = report.problems.length === 0
    return report
  } finally {
    fleet?.close()
    if (isWell) await rm(folder, { recursive: true, force: true })
    else say(`kept: ${folder} (the clients' histories, and the service's data)`)
  }
}

async function judge(topic: ReplicatedTopic, histories: Histories): Promise<string[]> {
  const final = new Map<Key, ReadonlyMap<number, string>>()
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    final.set(`${topic.topicId}/${partition}`, await topic.read(partition))
  }
  const operations = [...histories.operations].sort((a, b) => a.invokedAt - b.invokedAt)
  const found = checkHistory({ operations, final, losses: new Map(), truncations: undefined })
  return [...histories.surprises, ...found.map(({ name, text }) => `${name}: ${text}`)]
}

function countsOf(operations: readonly Operation[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { f, acks, isIdempotent, type } of operations) {
    const what = f === 'send' ? `send acks=${acks}${isIdempotent ? ' idempotent' : ''}` : f
    counts[`${what} ${type}`] = (counts[`${what} ${type}`] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)))
}
