import { byController } from '../core/controller-lease.ts'
import { electLeader, fence } from '../core/election.ts'
import { type Head, type LocatedBatch, nodeOf, validBatches } from '../core/head.ts'
import { changeIsr, joinReplica, replaceReplica, setMinIsr, settleDue } from '../core/isr-commands.ts'
import { isOnLiveNode, nextStep, type Step, type View } from '../core/reconcile.ts'
import type { UpdatePlan } from '../core/update-plan.ts'
import { decodePage } from '../store/items/page-item.ts'
import { pagesBelow, pagesFrom } from '../store/keys.ts'
import type { Control } from './control.ts'
import { fencedController } from './controller-lease.ts'
import { type Partition, partitionName, pkOf, readHead, updateHead } from './heads.ts'
import { readIncarnation } from './incarnation.ts'
import { probeNode } from './probe-nodes.ts'
import { recordLoss } from './record-loss.ts'
import { minIsrOf, topicNow } from './settle-min-isr.ts'
import { effectiveConfig } from './topics.ts'

/** How a partition is reconciled. */
export interface ReconcileTerms {
  /** Whether an operator asks for a leader that loses data. */
  readonly uncleanAllowed: boolean
  /** Is called after each write of the head that was answered: whatever fails from then on, something may have changed. */
  readonly onWrite: () => void
}

const UNASKED: ReconcileTerms = { uncleanAllowed: false, onWrite: () => {} }

/**
 * Brings a partition to where it should be by what the controller knows of the storage nodes: elects a leader, moves
 * replicas in and out of the ISR, and asks for copies. Stopped anywhere, it is gone on with by whoever comes next: the
 * head stays due. Answers the head as it leaves it; undefined when the topic is gone.
 *
 * @throws KafkaError NOT_CONTROLLER when a newer controller wrote to the head
 */
export async function reconcilePartition(
  control: Control,
  partition: Partition,
  { uncleanAllowed, onWrite }: ReconcileTerms = UNASKED,
): Promise<Head | undefined> {
  const { deps, nodes } = control
  const { clock, limits } = deps
  const configured = effectiveConfig(partition.topic, deps.configs, 'unclean.leader.election.enable')
  let head = await readHead(deps, partition)
  for (let steps = 0; head !== undefined && steps < limits.maxReconcileSteps; steps += 1) {
    const visit: Visit = { control, partition, head, nowMs: clock.nowMs(), steps }
    const step = await stepOf(visit, {
      nodes,
      nowMs: clock.nowMs(),
      maxLagMs: limits.replicaLagMs,
      uncleanAllowed: uncleanAllowed || configured.value === 'true',
    })
    const plan = await planOf(visit, step)
    if (plan === 'rest') return rest(visit, step)
    if (plan === 'again') {
      head = await readHead(deps, partition)
      continue
    }
    head = await writeHead(visit, plan)
    onWrite()
  }
  return head
}

/** One look at a partition. */
interface Visit {
  readonly control: Control
  readonly partition: Partition
  readonly head: Head
  readonly nowMs: number
  /** How many steps this call took before. */
  readonly steps: number
}

/**
 * The next step. Before a head is given another minIsr, and before what was due is called done, the topic is read later
 * than the head was: it may have been altered since it was listed, and the head by one that slept meanwhile.
 */
async function stepOf(visit: Visit, view: Omit<View, 'minIsr'>): Promise<Step> {
  const { control, partition, head } = visit
  const step = nextStep(head, { ...view, minIsr: minIsrOf(control.deps, partition.topic) })
  const isLastWord = step.step === 'settleMinIsr' || (step.step === 'settled' && isDue(visit))
  if (!isLastWord) return step
  const now = await topicNow(control.deps, partition.topic)
  const minIsr = now === undefined ? head.minIsr : minIsrOf(control.deps, now)
  return nextStep(head, { ...view, minIsr })
}

/** The write that a step asks for. `again`: the nodes are not what they seemed; `rest`: nothing is to be written but when to come back. */
async function planOf(visit: Visit, step: Step): Promise<UpdatePlan | 'again' | 'rest'> {
  const { control, partition, head, nowMs } = visit
  switch (step.step) {
    case 'fence':
      return fence(head, nowMs)
    case 'replace':
      return replaceReplica(head, step.lost, step.successor, nowMs)
    case 'settleMinIsr':
      return setMinIsr(head, step.minIsr, nowMs)
    case 'shrink':
      return changeIsr(head, step.leaving, nowMs)
    case 'join':
      return joinReplica(head, step.replica, nowMs)
    case 'elect': {
      if (!(await haveTheirBuckets(control, step.election.isr))) return 'again'
      const paged = await pagedBeyond(visit, step.election.logEndOffset)
      await recordLoss(control, partition, head, step.election)
      return electLeader(head, step.election, paged, nowMs)
    }
    case 'catchUp': {
      const { name: topicName, topicId } = partition.topic
      const { partitionIndex } = partition
      await control.deps.tasks.trigger({ task: 'catchUp', topicName, topicId, partitionIndex })
      return 'rest'
    }
    default:
      return 'rest'
  }
}

/**
 * A bucket may have been emptied since the node was looked at: each that is to be in sync is looked at again. False, and
 * the node's document says why, when one is not what it seemed.
 */
async function haveTheirBuckets(control: Control, replicas: readonly string[]): Promise<boolean> {
  const checks = await Promise.all(
    replicas.map(async (replica) => {
      const nodeId = nodeOf(replica)
      const found = await readIncarnation(control.deps, nodeId).catch(() => undefined)
      // Another partition's look may have found the new bucket first: its name is then known, but the replica's is not.
      const isKnown = found !== undefined && found === control.nodes.get(nodeId)?.incarnationId
      if (isKnown && isOnLiveNode(replica, control.nodes)) return true
      await probeNode(control, nodeId)
      return false
    }),
  )
  return checks.every((fits) => fits)
}

/**
 * The batches in index pages that an election truncates: only one that is unclean reaches below the high watermark. Pages
 * go on from each other, so below the one with the last batch that stays there is nothing more to find.
 */
async function pagedBeyond(visit: Visit, logEndOffset: number): Promise<readonly LocatedBatch[]> {
  const { control, partition, head } = visit
  const { documents, limits } = control.deps
  if (logEndOffset >= head.highWatermark) return []
  const found: LocatedBatch[] = []
  let range = pagesFrom(0)
  for (;;) {
    const query = { ...range, limit: limits.listPage, direction: 'descending' } as const
    const entries = await documents.list(pkOf(partition), query)
    const batches = entries.flatMap(({ item }) => validBatches(decodePage(item).entries, head.lineage))
    found.push(...batches.filter(({ endOffset }) => endOffset > logEndOffset))
    const last = entries.at(-1)
    const isBelow = batches.some(({ endOffset }) => endOffset <= logEndOffset)
    if (isBelow || last === undefined || entries.length < limits.listPage) return found
    range = pagesBelow(last.key)
    await control.renew()
  }
}

/** Says when the partition is to be looked at again, unless it is listed for a time between now and then. */
async function rest(visit: Visit, step: Step): Promise<Head | undefined> {
  const { control, partition, head, nowMs } = visit
  // Once, not at every look: the fence, or the loss of the last bucket, comes right before.
  if (step.step === 'leaderless' && visit.steps > 0) {
    const facts = { partition: partitionName(partition), isr: head.isr }
    control.deps.log.warn('no replica can be elected', facts)
  }
  const { dueAtMs } = head
  const nextMs = nextLookMs(visit, step)
  if (nextMs === undefined) {
    // It needs nothing: whatever it is listed for later is not the controller's.
    return isDue(visit) ? writeHead(visit, settled(visit)) : head
  }
  const isListed = dueAtMs !== undefined && dueAtMs > nowMs && dueAtMs <= nextMs
  return isListed ? head : writeHead(visit, settleDue(head, nextMs))
}

function isDue({ head, nowMs }: Visit): boolean {
  return head.dueAtMs !== undefined && head.dueAtMs <= nowMs
}

/** When a partition that waits for something is worth another look; undefined when it waits for nothing. */
function nextLookMs({ control, nowMs }: Visit, step: Step): number | undefined {
  const { limits } = control.deps
  switch (step.step) {
    case 'leaderless':
      return nowMs + limits.leaderlessRetryMs
    case 'catchUp':
      return nowMs + limits.catchUpRetryMs
    case 'wait':
      return Math.max(step.untilMs ?? nowMs + limits.waitRetryMs, nowMs + 1)
    default:
      return undefined
  }
}

function settled({ control, head, nowMs }: Visit): UpdatePlan {
  const isEmpty = head.logEndOffset === head.sealedEnd && Object.keys(head.openTransactions).length === 0
  return settleDue(head, isEmpty ? undefined : nowMs + control.deps.limits.settledRetryMs)
}

/**
 * The head after a controller's write, or the one that refused it; undefined when it is gone.
 *
 * @throws KafkaError NOT_CONTROLLER when a newer controller wrote to the head
 */
export async function writeHead(
  { control, partition }: { readonly control: Control; readonly partition: Partition },
  plan: UpdatePlan,
): Promise<Head | undefined> {
  const { controllerEpoch, deps } = control
  // One that slept since it looked, while another one took over, decides nothing any more (H17).
  await control.renew()
  const verdict = await updateHead(deps, partition, byController(plan, controllerEpoch))
  if (!verdict.applied && verdict.head !== undefined && verdict.head.controllerEpoch > controllerEpoch) {
    throw fencedController(controllerEpoch)
  }
  return verdict.head
}
