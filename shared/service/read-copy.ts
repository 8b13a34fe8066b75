import { type LocatedBatch, nodeOf } from '../core/head.ts'
import { walKey } from '../core/wal-object.ts'
import { checkBatchCrc, readBatchHeader } from '../protocol/batch-header.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import type { Partition } from './heads.ts'
import { reportMissing } from './report-node.ts'

/** A copy of a batch, or why there is none. `missing`: the object is not there, or too short. */
type Copy =
  | { readonly bytes: Uint8Array }
  | { readonly failure: 'missing' | 'damaged' | 'unreachable'; readonly message: string }

/** The bytes of a batch as a storage node has them, if they are what was appended: CRC-32C, length and record count fit. */
export async function readCopy(deps: Deps, nodeId: number, { reference }: LocatedBatch): Promise<Copy> {
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

/** Reports a copy that seemed gone or damaged, if it still does: bytes may be damaged on their way, too. */
export async function reportIfBad(
  deps: Deps,
  partition: Partition,
  batch: LocatedBatch,
  replica: string,
): Promise<void> {
  const again = await readCopy(deps, nodeOf(replica), batch)
  if ('bytes' in again || again.failure === 'unreachable') return
  await reportMissing(deps, partition, batch, replica)
}
