import { moveLeader } from '../core/election.ts'
import { mustHold } from '../core/fetch-plan.ts'
import { type Head, nodeOf, replicaName } from '../core/head.ts'
import { loseCopies } from '../core/isr-commands.ts'
import { isOnLiveNode } from '../core/reconcile.ts'
import { logEndOf } from '../core/replica.ts'
import { endLoss } from '../core/storage-node.ts'
import { partitionOfPk } from '../store/keys.ts'
import type { Control } from './control.ts'
import type { Deps } from './deps.ts'
import type { Work } from './due-work.ts'
import { type Partition, partitionName, readHead } from './heads.ts'
import { countFailure } from './leave-out.ts'
import { locateBatches } from './locate-batches.ts'
import { changeNode } from './probe-nodes.ts'
import { readCopy } from './read-copy.ts'
import { reconcilePartition, writeHead } from './reconcile-partition.ts'
import { type Topic, topicsById } from './topics.ts'

/**
 * Deals with copies that readers missed: the replica gives up what it has from there on, and is given it anew. Only if the
 * controller misses the copy, too, only in that partition, and only while the others there are whole, one loss after the
 * other: so what several nodes lost of it, each something else, is found whole on the others. A partition whose head cannot
 * be read or written is left for later.
 *
 * @throws KafkaError NOT_CONTROLLER when another controller took over
 */
export async function giveUpLostCopies(control: Control): Promise<Work> {
  const reported = [...control.nodes].flatMap(([nodeId, { lost }]) =>
    Object.entries(lost).map(([pk, offset]) => ({ nodeId, pk, offset })),
  )
  if (reported.length === 0) return { done: 0, failed: 0 }
  const topics = await topicsById(control.deps)
  let done = 0
  let failed = 0
  for (const lost of reported) {
    await control.renew()
    const about = { node: lost.nodeId, pk: lost.pk, offset: lost.offset }
    failed += await countFailure(control.deps, { fact: 'lost copies were not given up', about }, async () => {
      if (await dealWith(control, topics, lost)) done += 1
    })
  }
  return { done, failed }
}

/** What a reader missed: the replica of the partition `pk` on that node lacks what begins at `offset`. */
interface LostCopy {
  readonly nodeId: number
  readonly pk: string
  readonly offset: number
}

/** False when it has to wait. */
async function dealWith(
  control: Control,
  topics: ReadonlyMap<string, Topic>,
  { nodeId, pk, offset }: LostCopy,
): Promise<boolean> {
  const name = partitionOfPk(pk)
  const topic = name === undefined ? undefined : topics.get(name.topicId)
  const partition =
    topic === undefined || name === undefined ? undefined : { topic, partitionIndex: name.partitionIndex }
  if (partition !== undefined && !(await giveUp(control, partition, { nodeId, offset }))) return false
  const node = control.nodes.get(nodeId)
  if (node?.lost[pk] === offset) {
    await changeNode(control, nodeId, endLoss(node, control.controllerEpoch, pk))
  }
  return true
}

/** False when it has to wait. */
async function giveUp(
  control: Control,
  partition: Partition,
  { nodeId, offset }: { readonly nodeId: number; readonly offset: number },
): Promise<boolean> {
  const { deps, nodes } = control
  const replica = replicaName(nodeId, nodes.get(nodeId)?.incarnation ?? 0)
  let head = await readHead(deps, partition)
  for (let steps = 0; head !== undefined && steps < deps.limits.maxReconcileSteps; steps += 1) {
    if (!head.replicas.includes(replica) || logEndOf(head, replica) <= offset) return true
    if (offset < Math.max(head.logStartOffset, head.sealedEnd)) return true
    const isLive = (other: string) => isOnLiveNode(other, nodes)
    if (!isLive(replica) || !othersAreWhole(head, replica, isLive)) return false
    const isBad = await stillIsBad(deps, partition, head, { replica, offset })
    if (isBad !== true) return isBad === false
    const nowMs = deps.clock.nowMs()
    const successor: string | undefined =
      head.leader === replica ? head.replicas.find((other) => other !== replica && isLive(other)) : undefined
    // Not a fence: if nothing came after it, the same replica could be elected again, and be fenced at the next look.
    const plan =
      successor === undefined ? loseCopies(head, replica, offset, nowMs) : moveLeader(head, successor)
    if (successor === undefined) {
      deps.log.warn('a replica lost copies', { partition: partitionName(partition), replica, offset })
    }
    head = await writeHead({ control, partition }, plan)
    if (head !== undefined && head.holeStart[replica] !== undefined)
      await reconcilePartition(control, partition)
  }
  return head === undefined
}

/**
 * Whether what a reader missed is gone or damaged when the controller looks itself; undefined when it cannot. To the reader
 * it may have been damaged on its way, and a sound copy that is given up may be the last one when another node loses its data.
 */
async function stillIsBad(
  deps: Deps,
  partition: Partition,
  head: Head,
  { replica, offset }: { readonly replica: string; readonly offset: number },
): Promise<boolean | undefined> {
  const wanted = { from: offset, end: head.logEndOffset, maxBytes: 1, maxBatches: 1 }
  const [batch] = (await locateBatches(deps, partition, head, wanted)) ?? []
  if (batch === undefined) return undefined
  if (!mustHold(head, replica, batch)) return false
  const copy = await readCopy(deps, nodeOf(replica), batch)
  if ('bytes' in copy) return false
  return copy.failure === 'unreachable' ? undefined : true
}

/** Every other replica on a live node is in sync and lacks nothing, and there is one. */
function othersAreWhole(head: Head, replica: string, isLive: (replica: string) => boolean): boolean {
  const others = head.replicas.filter((other) => other !== replica && isLive(other))
  const isWhole = (other: string) => head.isr.includes(other) && head.holeStart[other] === undefined
  return others.length > 0 && others.every(isWhole)
}
