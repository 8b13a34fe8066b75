import type { StorageNode } from '../core/storage-node.ts'
import { nodeWalked } from '../core/storage-node.ts'
import type { Control } from './control.ts'
import { acquireLease } from './controller-lease.ts'
import type { Deps } from './deps.ts'
import { DUE_SHARDS, reconcileDue, type Work } from './due-work.ts'
import type { Partition } from './heads.ts'
import { giveUpLostCopies } from './lost-copies.ts'
import { readNodes } from './nodes.ts'
import { allNodesAnswer, changeNode, claimNodes, endRecovery, probeNodes } from './probe-nodes.ts'
import { reconcileEach } from './reconcile-each.ts'
import { asKafkaError } from './rows.ts'
import { storedTopics, type Topic } from './topics.ts'

/** What failed is tried again at once, and then left to the next minute. */
const MAX_FAILED_ROUNDS = 2

/**
 * The controller (Kafka's KRaft controller): whoever holds the lease looks at the storage nodes, tells every partition
 * what changed, and does what is due, until nothing is left to do. Woken by whoever sees a failure, it may run any
 * number of times at once: one works, the others wait for it and then find nothing. Never rejects.
 */
export async function runController(deps: Deps): Promise<void> {
  try {
    await underLease(deps, async (control) => {
      let failedRounds = 0
      for (let rounds = 0; rounds < deps.limits.maxControllerRounds; rounds += 1) {
        await probeNodes(control)
        const walk = await walkTopics(control)
        const lost = await giveUpLostCopies(control)
        const due = await reconcileDue(control)
        const failed = walk.failed + lost.failed + due.failed
        if (walk.done + lost.done + due.done + failed === 0) return
        if (failed > 0) failedRounds += 1
        if (failedRounds >= MAX_FAILED_ROUNDS) return
      }
    })
  } catch (thrown) {
    const { errorName, message } = asKafkaError(deps, thrown)
    deps.log.warn('controller stopped', { errorName, error: message })
  }
}

/** The controller's minute: it runs only when something is due, a node is not well, or its bucket is not its own. */
export async function controllerTick(deps: Deps): Promise<void> {
  const [nodes, ...due] = await Promise.all([
    readNodes(deps),
    ...DUE_SHARDS.map((shard) => deps.documents.due(shard, { untilMs: Number.MAX_SAFE_INTEGER, limit: 1 })),
  ])
  const oldest = due.flat()
  const nowMs = deps.clock.nowMs()
  const isDue = oldest.some(({ dueAtMs }) => dueAtMs <= nowMs)
  const isUnwell = [...nodes.values()].some(needsController)
  // Where nothing was ever appended, there is nothing to lose either.
  if (isDue || isUnwell || (oldest.length > 0 && !(await allNodesAnswer(deps, nodes)))) {
    await runController(deps)
  }
}

/**
 * Runs `work` as the controller; undefined when another environment holds the lease for long.
 *
 * @throws KafkaError NOT_CONTROLLER when another controller took over meanwhile
 */
export async function underLease<T>(
  deps: Deps,
  work: (control: Control) => Promise<T>,
): Promise<T | undefined> {
  const lease = await acquireLease(deps)
  if (lease === undefined) return undefined
  const { controllerEpoch, renew } = lease
  const control: Control = { deps, controllerEpoch, nodes: new Map(), renew }
  try {
    await claimNodes(control)
    return await work(control)
  } finally {
    await lease.release().catch((error: unknown) => {
      deps.log.warn('lease was not released', { error: asKafkaError(deps, error).message })
    })
  }
}

function needsController({ state, walkedTo, reports, lost }: StorageNode): boolean {
  const isReported = Object.keys(reports).length > 0 || Object.keys(lost).length > 0
  return state !== 'UP' || walkedTo !== undefined || isReported
}

/**
 * Tells all topics of the nodes that changed, from where an earlier walk stopped. A partition that cannot be told does not
 * keep others from it, but the next walk begins there.
 */
async function walkTopics(control: Control): Promise<Work> {
  const { deps, nodes } = control
  const pending = [...nodes].filter(([, { walkedTo }]) => walkedTo !== undefined)
  if (pending.length === 0) return { done: 0, failed: 0 }
  const epochs = new Map(pending.map(([nodeId, { nodeEpoch }]) => [nodeId, nodeEpoch]))
  const from = pending.map(([, { walkedTo }]) => walkedTo ?? '').sort()[0] ?? ''
  let topics = 0
  let failed = 0
  for await (const { topic, beingDeleted } of storedTopics(deps, from)) {
    await control.renew()
    if (!beingDeleted) failed += await reconcileEach(control, partitionsOf(topic))
    topics += 1
    if (failed === 0 && topics % deps.limits.walkTopics === 0) await walkedTo(control, epochs, topic.name)
  }
  if (failed === 0) await endWalk(control, epochs)
  return { done: pending.length, failed }
}

function partitionsOf(topic: Topic): readonly Partition[] {
  return Array.from({ length: topic.partitionCount }, (_, partitionIndex) => ({ topic, partitionIndex }))
}

/** Nodes by id whose walk this is: a node that changed again meanwhile is walked for anew. */
type Walked = ReadonlyMap<number, number>

async function walkedTo(control: Control, epochs: Walked, name: string): Promise<void> {
  for (const [nodeId, node] of stillWalked(control, epochs)) {
    if ((node.walkedTo ?? '') >= name) continue
    await changeNode(control, nodeId, nodeWalked(node, control.controllerEpoch, name))
  }
}

async function endWalk(control: Control, epochs: Walked): Promise<void> {
  for (const [nodeId, node] of stillWalked(control, epochs)) {
    if (node.state === 'RECOVERING') await endRecovery(control, nodeId, node)
    else await changeNode(control, nodeId, nodeWalked(node, control.controllerEpoch, undefined))
  }
}

function stillWalked({ nodes }: Control, epochs: Walked): readonly (readonly [number, StorageNode])[] {
  return [...nodes].filter(([nodeId, { nodeEpoch }]) => epochs.get(nodeId) === nodeEpoch)
}
