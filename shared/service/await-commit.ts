import { type Head, isCommitted, isValid, type LocatedBatch, nodeOf } from '../core/head.ts'
import { laggards } from '../core/reconcile.ts'
import { logEndOf } from '../core/replica.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { fillHoles } from './fill-holes.ts'
import { type Partition, partitionName, requireHead } from './heads.ts'
import { reportFailure } from './report-node.ts'
import { shrinkIsr } from './shrink-isr.ts'
import { wakeCatchUp, wakeController } from './wake.ts'

/** A batch that was appended, by the head that says so. */
interface Waiting {
  readonly deps: Deps
  readonly partition: Partition
  readonly batch: LocatedBatch
  readonly giveUpAtMs: number
}

/**
 * Waits until a head vouches for the batch, and answers it: its lineage has the batch, and the high watermark is past it.
 * Where an in-sync replica lacks something, that is copied first, as far as a request may take the time; the rest is
 * left to the catch-up task.
 *
 * @throws KafkaError NOT_ENOUGH_REPLICAS_AFTER_APPEND when too few replicas are in sync
 * @throws KafkaError REQUEST_TIMED_OUT when the time is over, or the batch was truncated
 */
export async function awaitCommit(waiting: Waiting, appended: Head): Promise<Head> {
  const { deps, partition, giveUpAtMs } = waiting
  const { clock, limits } = deps
  if (isDone(waiting, appended)) return appended
  let head = await fillGap(waiting, appended)
  let pauseMs: number = limits.minWaitPollMs
  // Bounded by the time that the request may take.
  while (!isDone(waiting, head)) {
    const leftMs = giveUpAtMs - clock.nowMs()
    if (leftMs <= 0) throw notCommitted(waiting, head, 'batch is not committed yet')
    await (head.leader === undefined ? wakeController(deps) : wakeCatchUp(deps, partition))
    await clock.sleep(Math.min(pauseMs, leftMs))
    pauseMs = Math.min(pauseMs * 2, limits.maxWaitPollMs)
    head = await withoutLaggards(deps, partition, await requireHead(deps, partition))
  }
  return head
}

/** In-sync replicas that have lacked something for too long leave the ISR: the high watermark waits for them no longer. */
export async function withoutLaggards(deps: Deps, partition: Partition, head: Head): Promise<Head> {
  if (head.leader === undefined) return head
  const lagging = laggards(head, { nowMs: deps.clock.nowMs(), maxLagMs: deps.limits.replicaLagMs })
  return lagging.length === 0 ? head : shrinkIsr(deps, partition, head, lagging)
}

/** Whether the head vouches for the batch; throws when none ever will, or not before replicas come back. */
function isDone(waiting: Waiting, head: Head): boolean {
  if (isCommitted(head, waiting.batch)) return true
  if (!isValid(waiting.batch, head.lineage)) throw notCommitted(waiting, head, 'batch was truncated')
  if (head.isr.length >= head.minIsr) return false
  throw new KafkaError(
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    `too few replicas in sync after the append ${facts(waiting, head)}`,
  )
}

/** Copies what in-sync replicas lack; one that cannot be given anything, twice, is as one that cannot be written. */
async function fillGap({ deps, partition, batch }: Waiting, appended: Head): Promise<Head> {
  const { gapCopyMs, gapCopyObjects, putTries } = deps.limits
  let head = appended
  for (let tries = 1; ; tries += 1) {
    const before = head
    head = await fillHoles(deps, partition, before, { maxObjects: gapCopyObjects, maxMs: gapCopyMs })
    const stuck = mostBehind(before)
    const isStuck =
      stuck !== undefined &&
      !isCommitted(head, batch) &&
      head.leaderEpoch === before.leaderEpoch &&
      head.isr.includes(stuck) &&
      head.holeStart[stuck] === before.holeStart[stuck]
    if (!isStuck) return head
    await reportFailure(deps, nodeOf(stuck), 'copies to it do not arrive')
    if (tries < putTries) continue
    return head.isr.length > head.minIsr ? shrinkIsr(deps, partition, head, [stuck]) : head
  }
}

function mostBehind(head: Head): string | undefined {
  const behind = head.isr.filter((replica) => head.holeStart[replica] !== undefined)
  return behind.toSorted((a, b) => logEndOf(head, a) - logEndOf(head, b))[0]
}

function notCommitted(waiting: Waiting, head: Head, fact: string): KafkaError {
  return new KafkaError('REQUEST_TIMED_OUT', `${fact} ${facts(waiting, head)}`)
}

function facts({ partition, batch }: Waiting, head: Head): string {
  return `partition=${partitionName(partition)} offset=${batch.baseOffset} highWatermark=${head.highWatermark}`
}
