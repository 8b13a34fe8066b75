import { mustHold } from '../core/fetch-plan.ts'
import { type LocatedBatch, nodeOf } from '../core/head.ts'
import { reportLoss, reportNode } from '../core/storage-node.ts'
import type { UpdatePlan } from '../core/update-plan.ts'
import { nodeKey } from '../store/keys.ts'
import { rememberLoss } from './caches.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, pkOf, readHead } from './heads.ts'
import { rowOf } from './rows.ts'

/**
 * Tells the controller, and the log, that a storage node did not do what it was asked: once per node within a few seconds.
 * Never rejects: a report that is lost or refused is made by another.
 */
export function reportFailure(deps: Deps, nodeId: number, error: string): Promise<void> {
  const plan = reportNode(deps.environmentId, deps.clock.nowMs())
  return report(deps, { what: 'failure', nodeId, plan, error, isNews: false })
}

/**
 * Tells the controller of a copy that is gone or damaged, though another replica has it; as `reportFailure` does. Not of
 * one that was collected, or whose replica was given up: the head says now whether it must be there.
 */
export async function reportMissing(
  deps: Deps,
  partition: Partition,
  batch: LocatedBatch,
  replica: string,
): Promise<void> {
  const isLost = await rowOf(deps, async () => {
    const head = await readHead(deps, partition)
    return head !== undefined && mustHold(head, replica, batch)
  })
  if (isLost !== true) return
  const [nodeId, pk] = [nodeOf(replica), pkOf(partition)]
  const incarnation = Number(replica.slice(replica.indexOf('.') + 1))
  const offset = batch.baseOffset
  // Several are missed at once, in any order: the lowest is what counts.
  const isNews = rememberLoss(deps.caches, `${pk}/${nodeId}`, offset)
  const plan = reportLoss({ incarnation, pk, offset })
  const error = `copy is gone or damaged partition=${partitionName(partition)} offset=${offset}`
  await report(deps, { what: `loss ${pk}`, nodeId, plan, error, isNews })
}

/** What is told of a node; `isNews` is told at once, whatever was told just now. */
interface Report {
  readonly what: string
  readonly nodeId: number
  readonly plan: UpdatePlan
  readonly error: string
  readonly isNews: boolean
}

async function report(deps: Deps, { what, nodeId, plan, error, isNews }: Report): Promise<void> {
  const { reportedAtMs } = deps.caches
  const nowMs = deps.clock.nowMs()
  const subject = `${what}/${nodeId}`
  const lastMs = reportedAtMs.get(subject)
  if (!isNews && lastMs !== undefined && nowMs - lastMs < deps.limits.nodeReportMs) return
  reportedAtMs.set(subject, nowMs)
  deps.log.warn('storage node is reported', { node: nodeId, error })
  const outcome = await rowOf(deps, () => deps.documents.update(nodeKey(nodeId), plan))
  if ('errorName' in outcome) {
    const { errorMessage } = outcome
    deps.log.warn('storage node could not be reported', { node: nodeId, what, error: errorMessage })
  }
  // The controller probes for itself: the hint is of use without the report.
  await deps.tasks.trigger({ task: 'controller' })
}
