import { mustHold } from '../core/fetch-plan.ts'
import { type LocatedBatch, nodeOf } from '../core/head.ts'
import { reportLoss as lossOf, reportNode } from '../core/storage-node.ts'
import type { UpdatePlan } from '../core/update-plan.ts'
import { nodeKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { type Partition, readHead } from './heads.ts'
import { rowOf } from './rows.ts'

/**
 * Tells the controller that a storage node did not do what it was asked: once per node within a few seconds. Never rejects:
 * a report that is lost or refused is made by another.
 */
export function reportFailure(deps: Deps, nodeId: number): Promise<void> {
  return report(deps, { what: 'failure', nodeId, plan: reportNode(deps.environmentId, deps.clock.nowMs()) })
}

/** Tells the controller that a replica lacks an object that it must have, as `reportFailure` does. */
export function reportLoss(deps: Deps, replica: string): Promise<void> {
  const incarnation = Number(replica.slice(replica.indexOf('.') + 1))
  return report(deps, { what: 'loss', nodeId: nodeOf(replica), plan: lossOf(incarnation) })
}

/**
 * Tells the controller of a copy that is not there, though another replica has it. It has been collected, or the replica was given up, unless the head says now that it must be
 * there.
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
  if (isLost === true) await reportLoss(deps, replica)
}

async function report(
  deps: Deps,
  { what, nodeId, plan }: { what: 'failure' | 'loss'; nodeId: number; plan: UpdatePlan },
): Promise<void> {
  const { reportedAtMs } = deps.caches
  const nowMs = deps.clock.nowMs()
  const subject = `${what}/${nodeId}`
  const lastMs = reportedAtMs.get(subject)
  if (lastMs !== undefined && nowMs - lastMs < deps.limits.nodeReportMs) return
  reportedAtMs.set(subject, nowMs)
  const outcome = await rowOf(deps, () => deps.documents.update(nodeKey(nodeId), plan))
  if ('errorName' in outcome) {
    const { errorMessage: error } = outcome
    deps.log.warn('storage node could not be reported', { node: nodeId, what, error })
  }
  // The controller probes for itself: the hint is of use without the report.
  await deps.tasks.trigger({ task: 'controller' })
}
