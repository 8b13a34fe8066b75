import type { Company } from './company.ts'
import { readAll } from './consumer.ts'
import { whatIsLeft } from './disasters.ts'
import { neededCopies } from './lost-objects.ts'
import { storedTopics } from './topics.ts'

/** What all must be back in that readers miss, though nothing else is wrong. */
const MAX_MISSED_MS = 20 * 60_000
/** Between two rounds of readers: a node whose object was missed is asked again by then, and a loss reported again. */
const ROUND_MS = 6000
const MAX_STEPS = 400_000

/**
 * Readers read everything again and again, without any faults, until none of them misses an object that its node needs.
 * Says what they go on missing.
 */
export async function readersMiss(company: Company, tell: (problem: string) => void): Promise<void> {
  const { cluster, pause } = company
  const { scheduler, documents, lostObjects } = cluster
  if (lostObjects.all().length === 0) return
  const untilMs = scheduler.nowMs() + MAX_MISSED_MS
  const stillMissed = () => {
    const needed = new Set(neededCopies(documents).map(({ nodeId, key }) => `${nodeId}/${key}`))
    return lostObjects.all().filter(({ isMet, nodeId, key }) => isMet && needed.has(`${nodeId}/${key}`))
  }
  let left: readonly string[] | undefined
  const read = async () => {
    for (;;) {
      // One that nobody asks for any more need not be back: where another replica leads, it is not read.
      lostObjects.forgetMet()
      for (const topic of storedTopics(documents, { beingDeleted: false })) {
        for (let partition = 0; partition < topic.partitions; partition += 1)
          await readAll(company, topic, partition)
      }
      const missed = stillMissed().map(({ nodeId, key, how }) => `node ${nodeId}: ${key} is ${how}`)
      const missing = [...missed, ...(await whatIsLeft(cluster))]
      if (missing.length === 0 || scheduler.nowMs() >= untilMs) return missing
      await pause(ROUND_MS)
    }
  }
  read().then(
    (missing) => {
      left = missing
    },
    (error: unknown) => {
      left = [error instanceof Error ? error.message : String(error)]
    },
  )
  await scheduler.run(() => left !== undefined, MAX_STEPS)
  for (const fact of left ?? ['readers do not get through'])
    tell(`liveness: readers miss what is not made good: ${fact}`)
}
