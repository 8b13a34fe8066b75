import { replicasHolding } from '../core/fetch-plan.ts'
import { type Head, type LocatedBatch, nodeOf } from '../core/head.ts'
import { walKey } from '../core/wal-object.ts'
import { checkBatchCrc, placeBatch, readBatchHeader } from '../protocol/batch-header.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { failingNodes, rememberFailing } from './caches.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName } from './heads.ts'
import { reportFailure, reportMissing } from './report-node.ts'

/** A copy of a batch, or why there is none. */
type Copy =
  | { readonly bytes: Uint8Array }
  | { readonly failure: 'missing' | 'damaged' | 'unreachable'; readonly message: string }

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
      reports.push(...bad.map((loser) => reportIfStillBad(deps, partition, batch, loser)))
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

/** Bytes may be damaged on their way, too. */
async function reportIfStillBad(
  deps: Deps,
  partition: Partition,
  batch: LocatedBatch,
  replica: string,
): Promise<void> {
  const again = await readCopy(deps, nodeOf(replica), batch)
  if ('bytes' in again || again.failure === 'unreachable') return
  await reportMissing(deps, partition, batch, replica)
}

async function readCopy(deps: Deps, nodeId: number, { reference }: LocatedBatch): Promise<Copy> {
  const { position, length, recordCount } = reference
  const timeout = deps.clock.timeout(deps.limits.getTimeoutMs)
  try {
    const range = { start: position, end: position + length }
    const bytes = await deps.nodes.get(nodeId)?.get(walKey(reference.objectId), range, timeout.signal)
    if (bytes === undefined) return { failure: 'missing', message: 'no such object, or it is too short' }
    checkBatchCrc(bytes)
    const header = readBatchHeader(bytes, 0)
    if (header.batchLength === length && header.recordCount === recordCount) return { bytes }
    return { failure: 'damaged', message: 'another batch than the index says' }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    const { errorName, message } = error
    return { failure: errorName === 'KAFKA_STORAGE_ERROR' ? 'unreachable' : 'damaged', message }
  } finally {
    timeout.cancel()
  }
}
