import { newHead, replicaName } from '../core/head.ts'
import { dueShardOf, placeReplicas } from '../core/placement.ts'
import { isOnLiveNode } from '../core/reconcile.ts'
import type { StorageNode } from '../core/storage-node.ts'
import { equal, present, set, type UpdatePlan } from '../core/update-plan.ts'
import { assert } from '../protocol/kafka-error.ts'
import type { Action } from '../store/document-store.ts'
import { encodeHead } from '../store/items/head-item.ts'
import { headKey, nodeKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { updateHead } from './heads.ts'
import { readNodes } from './nodes.ts'
import { rowOf } from './rows.ts'
import { minIsrOf } from './settle-min-isr.ts'
import type { Topic } from './topics.ts'

type Nodes = ReadonlyMap<number, StorageNode>

/** Heads of partitions that the topic's document is still to count. */
export interface NewHeads {
  readonly topic: Topic
  readonly partitions: readonly number[]
  /** The storage nodes that they were made for. */
  readonly nodes: Nodes
}

/**
 * What must hold when the topic's document comes to count the heads: every storage node has the bucket that they know. An
 * exchanged bucket is told to all heads of all topics, and later than that to none: a head that knew an older one would take
 * appends that its replicas are then held not to have.
 */
export function bucketsOf(nodes: Nodes): readonly Action[] {
  return [...nodes].map(([nodeId, { incarnation }]) => ({
    action: 'check',
    key: nodeKey(nodeId),
    checks: [equal(['incarnation'], incarnation)],
  }))
}

/** Every partition of a topic from `first` on. */
export function partitionsFrom(topic: Topic, first: number): readonly number[] {
  const count = Math.max(0, topic.partitionCount - first)
  return Array.from({ length: count }, (_, position) => first + position)
}

/**
 * Puts the heads of a topic that nobody can know yet. Replicas are named by the bucket that their node has now, and those
 * whose node is not UP are out of the ISR from the start. Each is due soon: it may not know of a node that changes now, and
 * who puts it may die.
 */
export async function putHeads(deps: Deps, { topic, partitions, nodes }: NewHeads): Promise<void> {
  await concurrently(partitions, deps.limits.parallelDocuments, async (partitionIndex) => {
    await deps.clock.giveWay()
    const head = encodeHead(headOf(deps, { topic, partitionIndex, nodes }))
    return deps.documents.put(headKey(topic.topicId, partitionIndex), head, 'absent')
  })
}

/** Removes heads that nobody can know. One that cannot be removed does no harm, and must not hide why it was to go. */
export async function removeHeads(
  deps: Deps,
  { topic, partitions }: Pick<NewHeads, 'topic' | 'partitions'>,
): Promise<void> {
  await concurrently(partitions, deps.limits.parallelDocuments, (partitionIndex) =>
    rowOf(deps, () => deps.documents.delete(headKey(topic.topicId, partitionIndex), [])),
  )
}

/**
 * To be called once the topic's document counts the partitions. A controller that saw a node change meanwhile told all
 * heads of all topics, but not these; and those that were `found` may know nodes as they were long ago. They become due
 * now, and the controller is told. The partitions are there by now: after a failure here they are due a little later.
 */
export async function reconcileNewHeads(
  deps: Deps,
  heads: NewHeads,
  found: readonly number[],
): Promise<void> {
  const { topic, partitions, nodes } = heads
  const row = await rowOf(deps, async () => {
    const now = await readNodes(deps)
    const isSame = [...nodes].every(([nodeId, { nodeEpoch }]) => now.get(nodeId)?.nodeEpoch === nodeEpoch)
    const due = isSame ? found : partitions
    const plan = dueNow(deps.clock.nowMs())
    await concurrently(due, deps.limits.parallelDocuments, (partitionIndex) =>
      updateHead(deps, { topic, partitionIndex }, plan),
    )
    return due.length
  })
  if (row === 0) return
  if (typeof row !== 'number')
    deps.log.warn('new heads may not know of a node', { topic: topic.name, ...row })
  await deps.tasks.trigger({ task: 'controller' })
}

/** Of a head that is there: a deleted one must not come back. */
function dueNow(nowMs: number): UpdatePlan {
  return { checks: [present(['leaderEpoch'])], changes: [set(['dueAtMs'], nowMs)] }
}

/** The head of a partition that is made now. */
export function headOf(deps: Deps, partition: { topic: Topic; partitionIndex: number; nodes: Nodes }) {
  const { topic, partitionIndex, nodes } = partition
  const { startIndex, replicationFactor } = topic
  const placement = { startIndex, partitionIndex, replicationFactor, nodeCount: deps.nodes.size }
  const replicas = placeReplicas(placement).map((nodeId) => {
    const node = nodes.get(nodeId)
    assert(node !== undefined, `storage node is not registered node=${nodeId}`)
    return replicaName(nodeId, node.incarnation)
  })
  const nowMs = deps.clock.nowMs()
  const offline = replicas.filter((replica) => !isOnLiveNode(replica, nodes))
  return newHead({
    replicas,
    minIsr: minIsrOf(deps, topic),
    walFloor: '',
    dueShard: dueShardOf(startIndex, partitionIndex),
    offline: { replicas: offline, nowMs },
    dueAtMs: nowMs + deps.limits.newHeadDueMs,
  })
}
