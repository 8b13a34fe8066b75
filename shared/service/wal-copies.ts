import type { CopyOutcome } from '../core/copy-step.ts'
import { nodeOf, writeTargets } from '../core/head.ts'
import { ULID_RANDOM_BYTES, ulidBytes } from '../core/ulid.ts'
import { layOutWalObject, type WalObject } from '../core/wal-object.ts'
import { isAnswered } from './deadline.ts'
import type { Deps } from './deps.ts'
import type { PreparedBatch } from './prepare-batch.ts'
import { reportFailure } from './report-node.ts'
import { asKafkaError } from './rows.ts'

/** The PUTs of one produce request. None of them outlives its answer. */
export interface Puts {
  readonly deps: Deps
  readonly answered: AbortController
  readonly underWay: Set<Promise<unknown>>
}

/** One PUT, with its retries, to one replica. */
interface Copy {
  outcome: CopyOutcome
  readonly beganAtMs: number
  endedAtMs: number
  /** Resolves when the outcome is known. */
  ended: Promise<void>
}

/** A WAL object and its copies by the name of the replica: a bucket that is exchanged meanwhile is another replica. */
export interface WalCopies {
  readonly puts: Puts
  readonly objectId: Uint8Array
  readonly object: WalObject
  readonly byReplica: Map<string, Copy>
}

/** A batch in a WAL object, whose copies it may share with other batches of the request. */
export interface CopiedBatch {
  readonly batch: PreparedBatch
  readonly copies: WalCopies
  /** Byte position of the batch in the object. */
  readonly position: number
}

/** The PUTs of a request that has none yet. */
export function newPuts(deps: Deps): Puts {
  return { deps, answered: new AbortController(), underWay: new Set() }
}

/** Aborts what is still under way, and waits for its end. */
export async function endPuts({ answered, underWay }: Puts): Promise<void> {
  answered.abort()
  await Promise.all(underWay)
}

/** Lays batches out in one WAL object per set of replicas; entry i is of batch i. Nothing is put yet. */
export function placeInWal(puts: Puts, batches: readonly PreparedBatch[]): readonly CopiedBatch[] {
  const { deps } = puts
  // A set: partitions on the same nodes name them in another order each, so that leaders are spread.
  const groups = Map.groupBy(batches, (batch) => writeTargets(batch.head).toSorted().join())
  const placed = new Map<PreparedBatch, CopiedBatch>()
  for (const group of groups.values()) {
    const objectId = ulidBytes(deps.clock.nowMs(), deps.randomBytes(ULID_RANDOM_BYTES))
    const object = layOutWalObject(
      objectId,
      group.map(({ partition, bytes }) => ({
        topicId: partition.topic.topicId,
        partitionIndex: partition.partitionIndex,
        bytes,
      })),
    )
    const copies: WalCopies = { puts, objectId, object, byReplica: new Map() }
    for (const [entry, batch] of group.entries()) {
      placed.set(batch, { batch, copies, position: object.positions[entry] ?? 0 })
    }
  }
  return batches.flatMap((batch) => placed.get(batch) ?? [])
}

/** Begins to put the object to those of `replicas` that it was not put to yet. */
export function beginCopies(copies: WalCopies, replicas: readonly string[]): void {
  for (const replica of replicas) {
    if (!copies.byReplica.has(replica)) copies.byReplica.set(replica, beginCopy(copies, replica))
  }
}

/** How the object's copy to a replica went. */
export function outcomeOf(copies: WalCopies, replica: string): CopyOutcome {
  return copies.byReplica.get(replica)?.outcome ?? 'pending'
}

/**
 * Until when an append that needs only the leader's copy waits for the others: as long again as that one took, but
 * neither shorter than a zone's detour nor longer than a PUT may take; undefined while the leader's is under way.
 */
export function graceEndMs({ puts, byReplica }: WalCopies, leader: string): number | undefined {
  const copy = byReplica.get(leader)
  if (copy === undefined || copy.outcome === 'pending') return undefined
  const { followerGraceMs, slowPutMs } = puts.deps.limits
  const tookMs = Math.min(copy.endedAtMs - copy.beganAtMs, slowPutMs)
  return copy.endedAtMs + Math.max(followerGraceMs, tookMs)
}

/** Waits until one of the copies to `replicas` that are under way ends, for `ms` at most. */
export async function whenOneEnds(
  { puts, byReplica }: WalCopies,
  replicas: readonly string[],
  ms: number,
): Promise<void> {
  const pending = replicas.flatMap((replica) => {
    const copy = byReplica.get(replica)
    return copy?.outcome === 'pending' ? [copy.ended] : []
  })
  const over = new AbortController()
  await Promise.race([puts.deps.clock.sleep(ms, over.signal), ...pending])
  over.abort()
}

function beginCopy({ puts, object }: WalCopies, replica: string): Copy {
  const { deps, underWay } = puts
  const reports: Promise<void>[] = []
  const report = (error: string) => void reports.push(reportFailure(deps, nodeOf(replica), error))
  const copy: Copy = {
    outcome: 'pending',
    beganAtMs: deps.clock.nowMs(),
    endedAtMs: 0,
    ended: Promise.resolve(),
  }
  copy.ended = putToReplica(puts, object, { replica, report }).then((reached) => {
    copy.outcome = reached ? 'reached' : 'failed'
    copy.endedAtMs = deps.clock.nowMs()
  })
  const all = copy.ended.then(() => Promise.all(reports)).finally(() => underWay.delete(all))
  underWay.add(all)
  return copy
}

async function putToReplica(
  { deps, answered }: Puts,
  object: WalObject,
  { replica, report }: { replica: string; report: (error: string) => void },
): Promise<boolean> {
  const { clock, limits } = deps
  const nodeId = nodeOf(replica)
  const node = deps.nodes.get(nodeId)
  if (node === undefined) return false
  for (let tries = 0; tries < limits.putTries && !isAnswered(deps); tries += 1) {
    const beganAtMs = clock.nowMs()
    const timeout = clock.timeout(limits.putTimeoutMs)
    try {
      await node.put(object.key, object.chunks, AbortSignal.any([timeout.signal, answered.signal]))
      return true
    } catch (thrown) {
      const error = asKafkaError(deps, thrown, { node: nodeId, key: object.key })
      // Who is aborted after a few milliseconds may be as healthy as the others.
      if (answered.signal.aborted && clock.nowMs() - beganAtMs < limits.slowPutMs) return false
      report(error.message)
      if (answered.signal.aborted) return false
    } finally {
      timeout.cancel()
    }
  }
  return false
}
