import { setTimeout as wait } from 'node:timers/promises'
import { openDataDirectory } from '../../shared/embedded/data-directory.ts'
import { decodeHead } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import { isFull, replicatedTopic } from './replicated-topic.ts'
import { brokenPromises, startLoad } from './replication-load.ts'
import { missingCopies, onStage, type ReplicationReport, type Stage } from './replication-stage.ts'

/** So many that the elections of all of them take a while. */
const PARTITIONS = 60
/** Those that are produced to: more would take what time there is from the elections. */
const BUSY = Array.from({ length: 12 }, (_, position) => position * 5)
const NODES = 3

/**
 * Again and again a node fails, and the service is killed some milliseconds after it saw that, while it elects leaders: it
 * starts again with the fault, elects the rest, and nothing that it acknowledged in any life is lost.
 */
export function killedInElection(
  stage: Stage,
  { delaysMs }: { readonly delaysMs: readonly number[] },
): Promise<ReplicationReport> {
  return onStage(stage, async (service) => {
    const { say, dataDirectory } = stage
    const topic = await replicatedTopic(service.endpoint, 'killed-in-election', PARTITIONS)
    const load = startLoad(topic, { partitions: BUSY })
    load.pace(100)
    let longestGapMs = 0
    const left: string[] = []
    for (const [round, delayMs] of delaysMs.entries()) {
      const node = round % NODES
      await load.nextAcknowledgements()
      load.longestGapMs()
      const isDown = service.whenSaid('storage node is down')
      await topic.node(node, 'fail')
      await isDown
      await wait(delayMs) // not for anything: the kill comes at some moment of the election
      await service.kill()
      if (typeof dataDirectory === 'string') left.push(await headsLeft(dataDirectory, topic.topicId, node))
      await service.restart()
      await topic.until('every partition has a leader', (all) =>
        all.every(({ leaderId, isrNodes }) => leaderId >= 0 && !isrNodes.includes(node)),
      )
      await load.nextAcknowledgements()
      const gapMs = Math.round(load.longestGapMs())
      longestGapMs = Math.max(longestGapMs, gapMs)
      say(
        `killed ${delayMs} ms after node ${node} was down, with ${left.at(-1) ?? 'no look at the store'}: longest gap ${gapMs} ms`,
      )
      await topic.node(node, 'restore')
      await topic.until('a full ISR', isFull)
    }
    await load.nextAcknowledgements()
    await load.stop()
    say(await topic.describe())
    const problems = [
      ...load.problems,
      ...(await brokenPromises(topic, load.sent)),
      ...(await missingCopies(stage, topic)),
    ]
    const { sent, errors } = load
    return {
      problems,
      facts: { batches: sent.length, longestGapMs, left: left.join('; '), errors: JSON.stringify(errors) },
    }
  })
}

/** How far the election of another leader than `node` had got: what the store of a dead service holds. */
async function headsLeft(path: string, topicId: string, node: number): Promise<string> {
  const stores = openDataDirectory({ path, nodes: NODES, durability: 'process' })
  try {
    const counts = { leaderless: 0, led: 0 }
    for (let partitionIndex = 0; partitionIndex < PARTITIONS; partitionIndex += 1) {
      const item = await stores.documents.get(headKey(topicId, partitionIndex), 'strong')
      const leader = item === undefined ? undefined : decodeHead(item).leader
      if (leader === undefined) counts.leaderless += 1
      else if (leader.startsWith(`${node}.`)) counts.led += 1
    }
    return `${counts.led} led by it, ${counts.leaderless} by none`
  } finally {
    stores.close()
  }
}
