import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { endHoldDown } from '../shared/core/storage-node.ts'
import { encodeBatch } from '../shared/protocol/encode-batch.ts'
import { newCaches } from '../shared/service/caches.ts'
import { catchUp } from '../shared/service/catch-up.ts'
import { controllerTick, runController } from '../shared/service/controller.ts'
import { createTopics } from '../shared/service/create-topics.ts'
import type { Deps } from '../shared/service/deps.ts'
import { metadata } from '../shared/service/metadata.ts'
import { produce } from '../shared/service/produce.ts'
import { nodeKey } from '../shared/store/keys.ts'
import { nodeTroubles } from '../test/support/node-troubles.ts'
import { testDeps } from '../test/support/test-deps.ts'
import { countingStores } from './counting-stores.ts'

/** What one thing that happens calls: how often, by operation. */
export interface FailoverStep {
  readonly name: string
  readonly calls: Readonly<Record<string, number>>
}

const NODES = 3
const TOPIC = 'orders'
const PARTITIONS = [0, 1, 2]

/**
 * Counts the calls of a topic of three partitions, each led by another of three nodes, while one node fails and comes back:
 * on the embedded store in memory, behind the same ports as DynamoDB and S3.
 */
export async function countFailover(): Promise<readonly FailoverStep[]> {
  const cluster = await newCluster()
  const { deps, troubles, triggered, counted } = cluster
  const steps: FailoverStep[] = []
  const count = async (name: string, run: () => Promise<unknown>) => {
    steps.push({ name, calls: await counted(run) })
  }
  // The controller of a deployment is a Lambda of its own: what it learns others do not know.
  const elsewhere: Deps = { ...deps, caches: newCaches(), environmentId: 'controller' }
  const tick = () => controllerTick(elsewhere)
  const controller = () => runController(elsewhere)

  await count('tick without traffic', tick)
  for (const partitionIndex of PARTITIONS) await append(deps, { acks: -1, partitionIndex })
  await count('tick with traffic', tick)
  await count('append, acks=all', () => append(deps, { acks: -1, partitionIndex: 0 }))
  await count('append, acks=1', () => append(deps, { acks: 1, partitionIndex: 0 }))

  const node = await leaderOf(deps, 0)
  troubles.set(node, 'fails')
  await count('append to the failed leader', () => refused(append(deps, { acks: -1, partitionIndex: 0 })))
  await count('failover', controller)
  await count('append to the next leader', () => append(deps, { acks: -1, partitionIndex: 0 }))
  await count('append that lost a follower', () => append(deps, { acks: -1, partitionIndex: 1 }))
  await count('tick, a node is down', tick)

  troubles.set(node, undefined)
  await deps.documents.update(nodeKey(node), endHoldDown())
  triggered.length = 0
  await count('rejoin', controller)
  const catchUps = triggered.splice(0)
  await count('catch-up', async () => {
    for (const task of catchUps) if (task.task === 'catchUp') await catchUp(elsewhere, task)
  })
  return steps
}

/** A service on a store that counts, its nodes' troubles, and what was asked of others. */
async function newCluster() {
  const plain = await testDeps({ nodes: NODES })
  const troubles = nodeTroubles(plain)
  let calls: Record<string, number> = {}
  const counting = countingStores(plain, (operation) => {
    calls[operation] = (calls[operation] ?? 0) + 1
  })
  const deps: Deps = { ...plain, ...counting }
  const topic = {
    name: TOPIC,
    numPartitions: PARTITIONS.length,
    replicationFactor: NODES,
    assignments: [],
    configs: [],
  }
  await createTopics(deps, { topics: [topic], validateOnly: false })
  // New partitions are looked at once.
  plain.clock.set(plain.clock.nowMs() + plain.limits.newHeadDueMs)
  await runController({ ...deps, caches: newCaches() })
  const counted = async (run: () => Promise<unknown>) => {
    calls = {}
    await run()
    const counts = calls
    calls = {}
    return counts
  }
  return { deps, troubles, triggered: plain.triggered, counted }
}

/** Throws the name of the error when the batch was not acknowledged. */
async function append(deps: Deps, { acks, partitionIndex }: { acks: 1 | -1; partitionIndex: number }) {
  const records = [{ key: null, value: new Uint8Array(100), headers: [], timestamp: 0 }]
  const batch = encodeBatch({ records, compression: 'none', codecs: nodeCodecs })
  const topics = [{ name: TOPIC, partitions: [{ partitionIndex, batch }] }]
  const answer = await produce(deps, { acks, timeoutMs: 10_000, transactionalId: null, topics })
  const row = answer.topics[0]?.partitions[0]
  if (row === undefined || 'errorName' in row) throw new Error(row?.errorName)
}

async function refused(appended: Promise<void>): Promise<void> {
  const isRefused = await appended.then(
    () => false,
    () => true,
  )
  if (!isRefused) throw new Error('append reached the failed leader')
}

async function leaderOf(deps: Deps, partitionIndex: number): Promise<number> {
  const request = { topics: [{ name: TOPIC }], includeOffsets: false, limit: 1, nextToken: null }
  const { topics } = await metadata(deps, request)
  return topics[0]?.partitions[partitionIndex]?.leaderId ?? -1
}
