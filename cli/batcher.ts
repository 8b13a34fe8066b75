import { BATCH_OVERHEAD_BYTES, MAX_BATCH_RECORDS } from '../shared/protocol/batch-header.ts'
import { type RecordToWrite, recordSizeUpperBound } from '../shared/protocol/encode-batch.ts'
import { partitionForKey } from '../shared/protocol/murmur2.ts'

/** Records that go to one partition in one batch, with the numbers of their input lines. */
export interface InputBatch {
  readonly partition: number
  readonly records: RecordToWrite[]
  readonly lines: number[]
  /** Bytes the batch takes at most, uncompressed. */
  bytes: number
}

/** Gathers records into batches, one open batch per partition, and hands out the closed ones in order. */
export interface Batcher {
  /** Routes a record; answers the batch it is in. */
  add(record: RecordToWrite, line: number): InputBatch
  /** Closes every open batch, full or not. */
  flush(): void
  /** Takes at most one closed batch per partition, the oldest, up to `maxBytes` in all but for a lone larger one. */
  take(maxBytes: number): InputBatch[]
  /** Everything not taken yet, in order, open or closed. */
  left(): InputBatch[]
}

/** Where the records go, and when a batch is full. */
export interface BatcherOptions {
  /** `-p`: every record goes there. */
  readonly partition: number | undefined
  readonly partitionCount: number
  /** Whether the partition has a leader: records without a key go to none that has not, unless none has. */
  readonly hasLeader: (partition: number) => boolean
  readonly batchBytes: number
  /** A number in [0, 1): says with which partition records without a key begin. */
  readonly random: () => number
}

/**
 * Partitions as Kafka's producer: the given one, else by the key, else one partition per batch in turn (sticky),
 * from a random one on: many short runs would all write to partition 0. A record larger than `batchBytes` goes alone.
 */
export function batcher(options: BatcherOptions): Batcher {
  const { partitionCount, batchBytes } = options
  const open = new Map<number, InputBatch>()
  let closed: InputBatch[] = []
  /** The first partition with a leader, from this one on. */
  const ledFrom = (first: number): number => {
    for (let skipped = 0; skipped < partitionCount; skipped += 1) {
      const partition = (first + skipped) % partitionCount
      if (options.hasLeader(partition)) return partition
    }
    return first
  }
  let sticky = ledFrom(Math.floor(options.random() * partitionCount))

  const close = (batch: InputBatch) => {
    open.delete(batch.partition)
    closed.push(batch)
    if (batch.partition === sticky) sticky = ledFrom((sticky + 1) % partitionCount)
  }
  const route = (key: Uint8Array | null): number => {
    if (options.partition !== undefined) return options.partition
    return key === null ? sticky : partitionForKey(key, partitionCount)
  }
  const batchFor = (key: Uint8Array | null, bytes: number): InputBatch => {
    const partition = route(key)
    const current = open.get(partition)
    if (current === undefined) {
      const begun = { partition, records: [], lines: [], bytes: BATCH_OVERHEAD_BYTES }
      open.set(partition, begun)
      return begun
    }
    if (current.bytes + bytes <= batchBytes && current.records.length < MAX_BATCH_RECORDS) return current
    close(current)
    return batchFor(key, bytes) // once more: a record without a key moves on to the next partition
  }

  return {
    add: (record, line) => {
      const bytes = recordSizeUpperBound(record)
      const batch = batchFor(record.key, bytes)
      batch.records.push(record)
      batch.lines.push(line)
      batch.bytes += bytes
      return batch
    },
    flush: () => {
      for (const batch of [...open.values()]) close(batch)
    },
    take: (maxBytes) => {
      const { taken, rest } = oldestPerPartition(closed, maxBytes)
      closed = rest
      return taken
    },
    left: () => [...closed, ...open.values()],
  }
}

function oldestPerPartition(
  closed: readonly InputBatch[],
  maxBytes: number,
): { taken: InputBatch[]; rest: InputBatch[] } {
  const taken: InputBatch[] = []
  const rest: InputBatch[] = []
  const seen = new Set<number>()
  let bytes = 0
  for (const batch of closed) {
    const fits = taken.length === 0 || bytes + batch.bytes <= maxBytes
    if (fits && !seen.has(batch.partition)) {
      taken.push(batch)
      bytes += batch.bytes
    } else {
      rest.push(batch)
    }
    seen.add(batch.partition)
  }
  return { taken, rest }
}
