import { type BatchReference, packReference } from '../../shared/core/batch-reference.ts'
import {
  type Head,
  type LocatedBatch,
  newHead,
  nodeOf,
  replicaName,
  validBatches,
} from '../../shared/core/head.ts'
import { logEndOf } from '../../shared/core/replica.ts'
import { ulidBytes } from '../../shared/core/ulid.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'

/** A storage node as it is: which bucket it has, counted, and the objects in there. */
export interface Bucket {
  incarnation: number
  objects: Set<string>
}

/** A command on its way to the head. It may arrive late, and what may be sent again may arrive twice. */
export interface Command {
  readonly name: string
  readonly plan: UpdatePlan
  /** Whether readers lose what they counted on when it arrives. */
  readonly unclean: boolean
  readonly resent: boolean
  /** An append whose object was put before: where, by the names of then. */
  readonly put: { readonly reference: BatchReference; readonly reached: readonly string[] } | undefined
}

/** One head, the buckets of its three replicas as they really are, and all that was ever appended. */
export interface World {
  head: Head
  readonly buckets: readonly Bucket[]
  /** Every batch that was ever appended at its offset, valid or not, by `batchId`. */
  readonly appended: Map<string, LocatedBatch>
  /** The batches that somebody may count on, by `batchId`. */
  readonly committed: Set<string>
  readonly underWay: Command[]
  readonly sealedEnd: number
  nowMs: number
  objects: number
}

/** What a world begins with. */
export interface Beginning {
  readonly minIsr: number
  readonly sealedEnd: number
}

/** A partition on three nodes whose log up to `sealedEnd` is in sealed segments. */
export function newWorld({ minIsr, sealedEnd }: Beginning): World {
  const replicas = [0, 1, 2].map((nodeId) => replicaName(nodeId, 1))
  const empty = newHead({ replicas, minIsr, walFloor: '', dueShard: 0 })
  return {
    head: {
      ...empty,
      logStartOffset: Math.floor(sealedEnd / 2),
      logEndOffset: sealedEnd,
      highWatermark: sealedEnd,
      sealedEnd,
    },
    buckets: replicas.map(() => ({ incarnation: 1, objects: new Set() })),
    appended: new Map(),
    committed: new Set(),
    underWay: [],
    sealedEnd,
    nowMs: 1_000_000,
    objects: 0,
  }
}

/** What a batch is known by: its reference may stand at two offsets, of which one counts. */
export function batchId(batch: LocatedBatch): string {
  return `${packReference(batch.reference)}@${batch.baseOffset}`
}

/** The log, in order. */
export function validLog(world: World, head: Head): readonly LocatedBatch[] {
  const entries = new Map<string, readonly LocatedBatch[]>()
  for (const batch of world.appended.values()) {
    const found = validBatches({ [packReference(batch.reference)]: batch.baseOffset }, head.lineage)
    entries.set(batchId(batch), found)
  }
  return [...entries.values()].flat().sort((a, b) => a.baseOffset - b.baseOffset)
}

/** The bucket of a replica. */
export function bucketOf(world: World, replica: string): Bucket {
  const bucket = world.buckets[nodeOf(replica)]
  if (bucket === undefined) throw new Error(`no such node replica=${replica}`)
  return bucket
}

/** Whether the replica's bucket is still the one that it is named by. */
export function isCurrent(world: World, replica: string): boolean {
  return replicaName(nodeOf(replica), bucketOf(world, replica).incarnation) === replica
}

/** A new object, in no bucket yet. */
export function newObjectId(world: World): Uint8Array {
  world.objects++
  return ulidBytes(world.objects, new Uint8Array(10).fill(world.objects % 251))
}

/** Puts the object of a batch to the buckets of `replicas`. */
export function putObject(world: World, objectId: Uint8Array, replicas: readonly string[]): void {
  for (const replica of replicas) bucketOf(world, replica).objects.add(objectName(objectId))
}

/** Whether a batch's bytes are in a bucket. */
export function hasBatch({ objects }: Bucket, { reference }: LocatedBatch): boolean {
  return objects.has(objectName(reference.objectId))
}

/** The bucket is emptied or exchanged; nobody was told. */
export function wipe(world: World, nodeId: number): void {
  const bucket = world.buckets[nodeId]
  if (bucket === undefined) return
  bucket.incarnation++
  bucket.objects.clear()
}

/**
 * Copies up to `maxBatches` of what a replica lacks from wherever it is; where the copied part ends. Undefined when the
 * bucket is another one than the replica is named by: a copy looks first.
 */
export function copyMissing(
  world: World,
  head: Head,
  { replica, maxBatches }: { readonly replica: string; readonly maxBatches: number },
): number | undefined {
  if (!isCurrent(world, replica)) return undefined
  let filledTo = logEndOf(head, replica)
  const missing = validLog(world, head).filter((batch) => batch.baseOffset >= filledTo)
  for (const batch of missing.slice(0, maxBatches)) {
    if (!world.buckets.some((bucket) => hasBatch(bucket, batch))) break
    bucketOf(world, replica).objects.add(objectName(batch.reference.objectId))
    filledTo = batch.endOffset
  }
  return filledTo
}

function objectName(objectId: Uint8Array): string {
  return objectId.toString()
}
