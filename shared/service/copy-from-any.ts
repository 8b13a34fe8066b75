import { type LocatedBatch, nodeOf } from '../core/head.ts'
import { walKey } from '../core/wal-object.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { rememberUnsound } from './caches.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName } from './heads.ts'
import { readCopy, reportIfBad } from './read-copy.ts'
import { reportMissing } from './report-node.ts'

/** A batch, the replica that lacks it, and those that have it. */
interface Copying {
  readonly batch: LocatedBatch
  readonly sources: readonly string[]
  readonly replica: string
}

/**
 * Copies the object of a batch from the first replica whose copy is sound, and reports those whose copy is not; false when
 * none could be copied. A copy is made without a look at its bytes, damaged or not: the batch is read back.
 */
export async function copyFromAny(deps: Deps, partition: Partition, copying: Copying): Promise<boolean> {
  const { batch, sources, replica } = copying
  const key = walKey(batch.reference.objectId)
  // Batches of several partitions share an object, and a copy lays all of it over what is there: it may be sound where
  // the source is not. A GET costs a fortieth of a copy.
  if ('bytes' in (await readCopy(deps, nodeOf(replica), batch))) return true
  const missing: string[] = []
  const damaged: string[] = []
  for (const source of sources) {
    const outcome = await copyAndRead(deps, copying, source)
    if (outcome === 'sound') {
      await Promise.all([
        ...missing.map((loser) => reportMissing(deps, partition, batch, loser)),
        ...damaged.map((loser) => reportIfBad(deps, partition, batch, loser)),
      ])
      return true
    }
    if (outcome === 'missing') missing.push(source)
    if (outcome === 'damaged') damaged.push(source)
  }
  const name = `${replica}/${key}@${batch.reference.position}`
  if (damaged.length > 0 && !deps.caches.unsound.has(name)) {
    rememberUnsound(deps.caches, name)
    const facts = { partition: partitionName(partition), offset: batch.baseOffset, key, replicas: sources }
    deps.log.error('no sound copy of a batch was found', facts)
  }
  return false
}

type Outcome = 'sound' | 'missing' | 'damaged' | 'failed'

async function copyAndRead(deps: Deps, { batch, replica }: Copying, source: string): Promise<Outcome> {
  const target = deps.nodes.get(nodeOf(replica))
  const location = deps.nodes.get(nodeOf(source))?.location
  if (location === undefined || target === undefined) return 'failed'
  const key = walKey(batch.reference.objectId)
  const timeout = deps.clock.timeout(deps.limits.copyTimeoutMs)
  try {
    if (!(await target.copyFrom(location, key, timeout.signal))) {
      deps.log.warn('replica lacks an object that it must have', { replica: source, key })
      return 'missing'
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    deps.log.warn('object was not copied', { from: source, to: replica, key, error: error.message })
    return 'failed'
  } finally {
    timeout.cancel()
  }
  const copy = await readCopy(deps, nodeOf(replica), batch)
  if ('bytes' in copy) return 'sound'
  deps.log.warn('copy is not sound', { from: source, to: replica, key, error: copy.message })
  return copy.failure === 'unreachable' ? 'failed' : 'damaged'
}
