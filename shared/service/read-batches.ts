import { replicasHolding } from '../core/fetch-plan.ts'
import { type Head, type LocatedBatch, nodeOf } from '../core/head.ts'
import { walKey } from '../core/wal-object.ts'
import { placeBatch } from '../protocol/batch-header.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { failingNodes, rememberFailing } from './caches.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName } from './heads.ts'
import { readCopy, reportIfBad } from './read-copy.ts'
import { reportFailure } from './report-node.ts'

const NOWHERE: ReadonlySet<number> = new Set()

/**
 * The bytes of batches with their offsets and leader epochs in place; entry i is of batch i. Each comes from a storage node
 * that is `near`, else from the leader's, or from another that holds it when those do not have it whole. A node that fails
 * is reported, and so is a copy that is gone or damaged.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when no replica gave a batch
 */
export async function readBatches(
  deps: Deps,
  partition: Partition,
  head: Head,
  batches: readonly LocatedBatch[],
  near: ReadonlySet<number> = NOWHERE,
): Promise<readonly Uint8Array[]> {
  return concurrently(batches, deps.limits.parallelGets, async (batch, position) => {
    if (position > 0) await deps.clock.giveWay()
    const failing = failingNodes(deps.caches, deps.clock.nowMs())
    const replicas = replicasHolding(head, batch.endOffset, { near, failing })
    return readBatch(deps, partition, batch, replicas)
  })
}

async function readBatch(
  deps: Deps,
  partition: Partition,
  batch: LocatedBatch,
  replicas: readonly string[],
): Promise<Uint8Array> {
  const { baseOffset, reference } = batch
  const failures: string[] = []
  const bad: string[] = []
  const reports: Promise<void>[] = []
  for (const replica of replicas) {
    const nodeId = nodeOf(replica)
    const copy = await readCopy(deps, nodeId, batch)
    if ('bytes' in copy) {
      reports.push(...bad.map((loser) => reportIfBad(deps, partition, batch, loser)))
      await Promise.all(reports)
      return placeBatch(copy.bytes, { baseOffset, leaderEpoch: reference.leaderEpoch })
    }
    failures.push(`${replica}: ${copy.message}`)
    if (copy.failure !== 'unreachable') bad.push(replica)
    if (copy.failure === 'damaged') continue // the rest of what the node has may well be sound
    rememberFailing(deps.caches, nodeId, deps.clock.nowMs() + deps.limits.nodeAvoidMs)
    if (copy.failure === 'unreachable') reports.push(reportFailure(deps, nodeId, copy.message))
  }
  await Promise.all(reports)
  const facts = `partition=${partitionName(partition)} offset=${baseOffset} object=${walKey(reference.objectId)}`
  throw new KafkaError('KAFKA_STORAGE_ERROR', `no replica gave the batch ${facts} (${failures.join('; ')})`)
}
