import { type CopyStep, nextCopyStep } from '../core/copy-step.ts'
import { type Head, writeTargets } from '../core/head.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Appending } from './append-attempt.ts'
import { throwIfAnswered } from './deadline.ts'
import { partitionName, requireHead } from './heads.ts'
import { unready } from './prepare-batch.ts'
import { shrinkIsr } from './shrink-isr.ts'
import { beginCopies, graceEndMs, outcomeOf, whenOneEnds } from './wal-copies.ts'

/**
 * Copies the batch to those replicas of `appending.head` that do not have it yet, and answers which of the ISR or joining
 * an append by `appending.head` misses then. That is another head when the first one turned out to be outdated, or when
 * replicas that cannot be written had to leave.
 *
 * @throws KafkaError LEADER_NOT_AVAILABLE, NOT_ENOUGH_REPLICAS when the head cannot take the batch
 * @throws KafkaError KAFKA_STORAGE_ERROR when the request was answered by now
 * @throws KafkaError KAFKA_STORAGE_ERROR when the leader cannot be written, NOT_ENOUGH_REPLICAS when too many others cannot
 */
export async function copyToReplicas(appending: Appending): Promise<readonly string[]> {
  const { deps, copied } = appending
  const { copies, batch } = copied
  const wait = newWait(appending)
  for (let tries = 0; tries < deps.limits.maxIsrTries; tries += 1) {
    const { head } = appending
    const error = unready(head, batch.partition, appending.terms)
    if (error !== undefined) throw error
    beginCopies(copies, writeTargets(head))
    const step = await wait(head)
    // A PUT that is not tried again has not failed twice.
    throwIfAnswered(deps)
    switch (step.step) {
      case 'append':
        return step.missed
      case 'wait': // A PUT is slow.
        appending.head = await requireHead(deps, batch.partition)
        break
      case 'shrink':
        appending.head = await shrinkIsr(deps, batch.partition, head, step.leaving)
        break
      case 'refuse':
        appending.head = await requireHead(deps, batch.partition)
        // A head of long ago may name nodes that failed since: only what is so now is answered.
        if (!isSameIsr(appending.head, head)) break
        throw new KafkaError(step.errorName, `replicas could not be written partition=${nameOf(appending)}`)
    }
  }
  throw new KafkaError('NOT_ENOUGH_REPLICAS', `ISR changed at every try partition=${nameOf(appending)}`)
}

/**
 * Waits for the copies that a head asks for, again and again for one batch: answers the next step, or `wait` when the
 * copies are so slow that the head may be another one by now.
 */
function newWait({ deps, terms, copied: { copies } }: Appending): (head: Head) => Promise<CopyStep> {
  const { clock, limits } = deps
  let pauseMs: number = limits.slowPutMs
  let slowAtMs = clock.nowMs() + pauseMs
  let wasSlow = false
  return async (head) => {
    const targets = writeTargets(head)
    // Each round but the last ends a PUT, and there is one per replica.
    for (;;) {
      const nowMs = clock.nowMs()
      const isLeaderEnough = terms.acks !== -1 && head.leader !== undefined
      const graceMs = isLeaderEnough ? graceEndMs(copies, head.leader) : undefined
      const isLate = graceMs === undefined ? wasSlow : nowMs >= graceMs
      const outcome = (replica: string) => outcomeOf(copies, replica)
      const step = nextCopyStep(head, { acks: terms.acks, outcomeOf: outcome, isLate })
      if (step.step !== 'wait') return step
      if (nowMs >= slowAtMs) {
        wasSlow = true
        pauseMs = Math.min(pauseMs * 2, limits.putTimeoutMs)
        slowAtMs = nowMs + pauseMs
        return step
      }
      await whenOneEnds(copies, targets, Math.min(graceMs ?? slowAtMs, slowAtMs) - nowMs)
    }
  }
}

function isSameIsr(a: Head, b: Head): boolean {
  return a.leaderEpoch === b.leaderEpoch && a.partitionEpoch === b.partitionEpoch
}

function nameOf({ copied }: Appending): string {
  return partitionName(copied.batch.partition)
}
