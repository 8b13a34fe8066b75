import type { Election } from '../core/election.ts'
import type { Head } from '../core/head.ts'
import { decodeLoss, encodeLoss, type Loss } from '../store/items/loss-item.ts'
import { ALL_LOSSES, lossKey } from '../store/keys.ts'
import { updateDocument } from '../store/update.ts'
import type { Control } from './control.ts'
import { fencedController } from './controller-lease.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, pkOf } from './heads.ts'

/** A loss and the election that it came from. */
export type RecordedLoss = Loss & { readonly leaderEpoch: number }

/**
 * Writes down what an election is going to truncate; one that truncates nothing leaves nothing. A controller that slept
 * does not write over what a newer one wrote, whose election was the one to come about.
 */
export async function recordLoss(
  { deps, controllerEpoch }: Pick<Control, 'deps' | 'controllerEpoch'>,
  partition: Partition,
  head: Head,
  election: Election,
): Promise<void> {
  const { winner, logEndOffset, clean } = election
  if (logEndOffset >= head.logEndOffset) return
  const loss: Loss = {
    fromOffset: logEndOffset,
    toOffset: head.logEndOffset,
    committedTo: Math.max(logEndOffset, head.highWatermark),
    leader: winner,
    reason: clean ? 'no in-sync replica has it' : 'unclean leader election',
    atMs: deps.clock.nowMs(),
    controllerEpoch,
  }
  deps.log.warn('log is truncated', {
    partition: partitionName(partition),
    leaderEpoch: head.leaderEpoch,
    ...loss,
  })
  await updateDocument(deps.documents, lossKey(pkOf(partition), head.leaderEpoch), (stored) => {
    if (stored === undefined) return { item: encodeLoss(loss), expected: 'absent' }
    if (decodeLoss(stored).controllerEpoch > controllerEpoch) throw fencedController(controllerEpoch)
    return { item: encodeLoss(loss), expected: Number(stored.ver) }
  })
}

/** What elections truncated of a partition, by epoch. An election that was given up, or went otherwise, took nothing. */
export async function listLosses(
  deps: Deps,
  partition: Partition,
  head: Head,
): Promise<readonly RecordedLoss[]> {
  const query = { ...ALL_LOSSES, limit: deps.limits.listPage, direction: 'descending' } as const
  const entries = await deps.documents.list(pkOf(partition), query)
  return entries
    .map(({ key, item }) => ({ ...decodeLoss(item), leaderEpoch: Number(key.sk.slice('LOSS#'.length)) }))
    .filter(({ leaderEpoch, fromOffset }) => isInLineage(head, leaderEpoch, fromOffset))
    .toReversed()
}

/** A later truncation below may have removed the epoch from the lineage: then that one is listed. */
function isInLineage(head: Head, leaderEpoch: number, fromOffset: number): boolean {
  return head.lineage[leaderEpoch] === fromOffset
}
