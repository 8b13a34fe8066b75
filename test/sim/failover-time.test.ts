import { describe, expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { createTopics } from '../../shared/service/create-topics.ts'
import { produce } from '../../shared/service/produce.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Cluster, newCluster } from './cluster.ts'
import { drawConfiguration } from './configuration.ts'
import { newScheduler, type Scheduler } from './scheduler.ts'

const START_MS = Date.UTC(2026, 10, 21, 7)
const PARTITIONS = 3
/** How long a client waits before it sends what was refused again: Kafka's retry.backoff.max.ms. */
const BACKOFF_MS = 1000
/** Nobody looks around by the clock here: what is noticed is noticed because somebody was refused. */
const NEVER_MS = 3_600_000

/** A cluster without any fault but those of a test. */
async function quietCluster(seed: number): Promise<{ cluster: Cluster; scheduler: Scheduler }> {
  const drawn = drawConfiguration(seed, seededRandom(seed))
  const scheduler = newScheduler(seed, START_MS)
  const configuration = { ...drawn, tickMs: NEVER_MS, skewMs: 0, minIsr: 2, environments: 3, limits: {} }
  const cluster = await newCluster(configuration, scheduler)
  cluster.heal()
  return { cluster, scheduler }
}

/** Runs `work` in virtual time. */
async function inTime<T>(scheduler: Scheduler, work: Promise<T>): Promise<T> {
  let done = false
  const noted = work.finally(() => {
    done = true
  })
  noted.catch(() => undefined)
  expect(await scheduler.run(() => done, 200_000)).toBe(true)
  return noted
}

/** Sends a record to a partition until it is acknowledged by all; answers how long that took, in ms of virtual time. */
async function timeToAcknowledge(cluster: Cluster, partitionIndex: number): Promise<number> {
  const { scheduler } = cluster
  const sinceMs = scheduler.nowMs()
  const batch = encodeBatch({
    records: [{ key: null, value: new Uint8Array(1), headers: [], timestamp: 0 }],
    compression: 'none',
    codecs: nodeCodecs,
  })
  const topics = [{ name: 'log', partitions: [{ partitionIndex, batch }] }]
  for (;;) {
    const deps = scheduler.pick(cluster.environments as [Cluster['environments'][0]]).deps
    const answer = await produce(deps, { acks: -1, timeoutMs: 20_000, transactionalId: null, topics })
    if (answer.topics[0]?.partitions[0]?.errorCode === 0) return scheduler.nowMs() - sinceMs
    await new Promise<void>((resolve) => scheduler.after(BACKOFF_MS, 'backoff', resolve))
  }
}

describe('service goes on, in virtual time,', () => {
  test.each([
    { fault: 'fails' as const, withinMs: 5000 },
    { fault: 'hangs' as const, withinMs: 8000 },
  ])('within $withinMs ms after a storage node $fault, whichever it is', async ({ fault, withinMs }) => {
    let longestMs = 0
    for (let seed = 1; seed <= 20; seed += 1) {
      const { cluster, scheduler } = await quietCluster(seed)
      const [environment] = cluster.environments
      if (environment === undefined) throw new Error('no environment')
      const wanted = {
        name: 'log',
        numPartitions: PARTITIONS,
        replicationFactor: 3,
        assignments: [],
        configs: [],
      }
      await inTime(scheduler, createTopics(environment.deps, { topics: [wanted], validateOnly: false }))
      const all = () =>
        Promise.all(
          Array.from({ length: PARTITIONS }, (_, partition) => timeToAcknowledge(cluster, partition)),
        )
      await inTime(scheduler, all())
      cluster.nodeStates.set(seed % 3, fault)
      longestMs = Math.max(longestMs, ...(await inTime(scheduler, all())))
    }
    console.log(`a node ${fault}: ${longestMs} ms of virtual time at most`)
    expect(longestMs).toBeLessThanOrEqual(withinMs)
  })
})
