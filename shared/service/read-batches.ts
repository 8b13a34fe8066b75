import { replicasHolding } from '../core/fetch-plan.ts'
import { type Head, type LocatedBatch, nodeOf } from '../core/head.ts'
import { walKey } from '../core/wal-object.ts'
import { checkBatchCrc, placeBatch, readBatchHeader } from '../protocol/batch-header.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName } from './heads.ts'

/**
 * The bytes of batches with their offsets and leader epochs in place; entry i is of batch i. Each comes from the
 * leader's storage node, or from another that holds it when that one does not have it whole.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when no replica gave a batch
 */
export async function readBatches(
  deps: Deps,
  partition: Partition,
  head: Head,
  batches: readonly LocatedBatch[],
): Promise<readonly Uint8Array[]> {
  return concurrently(batches, deps.limits.parallelGets, async (batch, position) => {
    if (position > 0) await deps.clock.giveWay()
    return readBatch(deps, partition, head, batch)
  })
}

async function readBatch(
  deps: Deps,
  partition: Partition,
  head: Head,
  batch: LocatedBatch,
): Promise<Uint8Array> {
  const failures: string[] = []
  for (const replica of replicasHolding(head, batch.endOffset)) {
    try {
      const bytes = await readFromNode(deps, nodeOf(replica), batch)
      return placeBatch(bytes, { baseOffset: batch.baseOffset, leaderEpoch: batch.reference.leaderEpoch })
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      failures.push(`${replica}: ${error.message}`)
    }
  }
  const facts = `partition=${partitionName(partition)} offset=${batch.baseOffset} object=${walKey(batch.reference.objectId)}`
  throw new KafkaError('KAFKA_STORAGE_ERROR', `no replica gave the batch ${facts} (${failures.join('; ')})`)
}

async function readFromNode(deps: Deps, nodeId: number, { reference }: LocatedBatch): Promise<Uint8Array> {
  const { position, length, recordCount } = reference
  const timeout = deps.clock.timeout(deps.limits.getTimeoutMs)
  try {
    const range = { start: position, end: position + length }
    const bytes = await deps.nodes.get(nodeId)?.get(walKey(reference.objectId), range, timeout.signal)
    if (bytes === undefined) throw new KafkaError('KAFKA_STORAGE_ERROR', 'no such object, or it is too short')
    checkBatchCrc(bytes)
    const header = readBatchHeader(bytes, 0)
    if (header.batchLength !== length || header.recordCount !== recordCount) {
      throw new KafkaError('CORRUPT_MESSAGE', 'another batch than the index says')
    }
    return bytes
  } finally {
    timeout.cancel()
  }
}
