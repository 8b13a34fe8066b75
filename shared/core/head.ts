import { type BatchReference, unpackReference } from './batch-reference.ts'
import { inLineage, type Lineage } from './lineage.ts'

/**
 * The state of one partition: everything that must be atomic with an append, in one document.
 *
 * Replicas are named `<node>.<incarnation>`: a bucket that was wiped or replaced is another replica.
 */
export interface Head {
  /** Replica whose log end offset is the truth; undefined while there is none. */
  readonly leader: string | undefined
  /** Version of the leader; +1 whenever one is fenced or moved. */
  readonly leaderEpoch: number
  /** Version of isr, joining, replicas and minIsr. */
  readonly partitionEpoch: number
  /** Epoch of the last controller that wrote here. */
  readonly controllerEpoch: number
  /** All replicas in assignment order; those in sync; those that catch up and are written to meanwhile. */
  readonly replicas: readonly string[]
  readonly isr: readonly string[]
  readonly joining: readonly string[]
  /** min(min.insync.replicas, replication factor). */
  readonly minIsr: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
  /** Offsets below it are in sealed segments only. */
  readonly sealedEnd: number
  /** ULID text; WAL objects up to it may have been collected and can no longer be committed. */
  readonly walFloor: string
  /** What a replica lacks, by replica: first offset, end (absent: still growing), since when in ms. */
  readonly holeStart: Readonly<Record<string, number>>
  readonly holeEnd: Readonly<Record<string, number>>
  readonly holeSince: Readonly<Record<string, number>>
  readonly lineage: Lineage
  /** Packed references of the newest batches, with their base offsets. */
  readonly tail: Readonly<Record<string, number>>
  /** By producer key: epoch · 2³² + next sequence, and the base offset of the last batch. */
  readonly producers: Readonly<Record<string, number>>
  readonly producerOffsets: Readonly<Record<string, number>>
  /** By producer key: first offset and producer epoch of its open transaction. */
  readonly openTransactions: Readonly<Record<string, number>>
  readonly openEpochs: Readonly<Record<string, number>>
  /** Largest last base offset of a producer that was moved out of the head; −1 when none was. */
  readonly maxEvictedOffset: number
  /** Shard of the index of due work that this partition is listed in, 0 to 3. */
  readonly dueShard: number
  /** When background work on this partition is due; undefined when none is. */
  readonly dueAtMs: number | undefined
}

/** A batch of the log: where its bytes are and which offsets it has. `endOffset` is exclusive. */
export interface LocatedBatch {
  readonly reference: BatchReference
  readonly baseOffset: number
  readonly endOffset: number
}

/** What a partition is created with. */
interface NewPartition {
  readonly replicas: readonly string[]
  readonly minIsr: number
  readonly walFloor: string
  readonly dueShard: number
  /** Replicas that nothing can be copied to now, and the time; none where it is left out. */
  readonly offline?: { readonly replicas: readonly string[]; readonly nowMs: number }
  /** When it is looked at whatever was missed while it was made; never where it is left out. */
  readonly dueAtMs?: number
}

/**
 * The head of a new, empty partition; the first replica that is not offline leads, and those that are lack everything
 * from now on. Where all are, it is as if its leader were fenced at once: any of them can be elected.
 */
export function newHead(partition: NewPartition): Head {
  const { replicas, offline = { replicas: [], nowMs: 0 } } = partition
  const online = replicas.filter((replica) => !offline.replicas.includes(replica))
  const outside = online.length === 0 ? [] : replicas.filter((replica) => !online.includes(replica))
  return {
    leader: online[0],
    leaderEpoch: online.length === 0 ? 1 : 0,
    partitionEpoch: 0,
    controllerEpoch: 0,
    replicas,
    isr: online.length === 0 ? replicas : online,
    joining: [],
    minIsr: partition.minIsr,
    logStartOffset: 0,
    logEndOffset: 0,
    highWatermark: 0,
    sealedEnd: 0,
    walFloor: partition.walFloor,
    holeStart: Object.fromEntries(outside.map((replica) => [replica, 0])),
    holeEnd: {},
    holeSince: Object.fromEntries(outside.map((replica) => [replica, offline.nowMs])),
    lineage: { 0: 0 },
    tail: {},
    producers: {},
    producerOffsets: {},
    openTransactions: {},
    openEpochs: {},
    maxEvictedOffset: -1,
    dueShard: partition.dueShard,
    dueAtMs: partition.dueAtMs,
  }
}

/** The replicas an append must be copied to before it is committed. */
export function writeTargets(head: Head): readonly string[] {
  return [...head.isr, ...head.joining]
}

/** The storage node a replica's copy is on: 2 for `2.1`. */
export function nodeOf(replica: string): number {
  return Number(replica.slice(0, replica.indexOf('.')))
}

/** The name of the replica on a node's bucket of one incarnation. */
export function replicaName(nodeId: number, incarnation: number): string {
  return `${nodeId}.${incarnation}`
}

/**
 * Whether an append that misses the replicas `missed` moves the high watermark to its own end: enough replicas are in
 * sync and none of them lacks anything, whatever acks it asks for (KIP-966; I14).
 */
export function appendMovesHighWatermark(head: Head, missed: readonly string[]): boolean {
  const lacks = (replica: string) => head.holeStart[replica] !== undefined || missed.includes(replica)
  return head.isr.length >= head.minIsr && !head.isr.some(lacks)
}

/** Last stable offset: what read_committed may see ends here (KIP-98). */
export function lastStableOffset(head: Head): number {
  return Math.min(head.highWatermark, ...Object.values(head.openTransactions))
}

/** Entries by offset that the lineage vouches for; the others were truncated, or written by a leader already fenced. */
export function validBatches(
  entries: Readonly<Record<string, number>>,
  lineage: Lineage,
): readonly LocatedBatch[] {
  return Object.entries(entries)
    .map(([packed, baseOffset]) => locate(unpackReference(packed), baseOffset))
    .filter((batch) => isValid(batch, lineage))
    .sort((a, b) => a.baseOffset - b.baseOffset)
}

/** The valid batches of a head's tail, in order. */
export function locateTail(head: Head): readonly LocatedBatch[] {
  return validBatches(head.tail, head.lineage)
}

/** A reference at its offsets. */
export function locate(reference: BatchReference, baseOffset: number): LocatedBatch {
  return { reference, baseOffset, endOffset: baseOffset + reference.recordCount }
}

/** Whether the batch is still part of the log. */
export function isValid(batch: LocatedBatch, lineage: Lineage): boolean {
  const { baseOffset, endOffset, reference } = batch
  return inLineage(lineage, { leaderEpoch: reference.leaderEpoch, baseOffset, endOffset })
}

/** Whether every reader may count on the batch: the lineage has it and the high watermark is past it. */
export function isCommitted(head: Head, batch: LocatedBatch): boolean {
  return head.highWatermark >= batch.endOffset && isValid(batch, head.lineage)
}

/** A fingerprint of all that a reader's plan depends on: the same text, the same answer. */
export function readVersion(head: Head): string {
  return `${head.leaderEpoch}/${head.partitionEpoch}/${head.logStartOffset}/${head.sealedEnd}/${head.logEndOffset}/${Object.keys(head.tail).length}`
}
