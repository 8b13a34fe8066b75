import type { Head, LocatedBatch } from '../core/head.ts'
import { decodeBatch, type LogRecord } from '../protocol/decode-batch.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { MAX_DECOMPRESSED_BYTES, MAX_FETCH_BYTES } from '../protocol/limits.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName } from './heads.ts'
import { readBatches } from './read-batches.ts'
import { requireBatches } from './read-partition.ts'

/** A record that was found, without what it says. */
export interface Listed {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** A look through the visible log of a partition. */
export interface Search {
  readonly deps: Deps
  readonly partition: Partition
  readonly head: Head
  readonly end: number
  readonly timestamp: number
}

/**
 * The first record in offset order that is late enough. The scan ends with the log: an answer before that could be wrong,
 * so it is not cut short, but others have their turn between two pages and between two batches.
 */
export async function findAtOrAfter(search: Search): Promise<Listed | undefined> {
  for await (const batch of batchesOf(search)) {
    if (batch.reference.maxTimestamp < search.timestamp) continue
    const found = (await recordsOf(search, batch)).find((record) => record.timestamp >= search.timestamp)
    if (found !== undefined) return listed(found)
  }
  return undefined
}

/**
 * The first record with the largest timestamp. Compressed batches may claim another timestamp than their records have,
 * or be damaged: those with the latest claims are decoded, the latest first, until none left claims more than was found.
 */
export async function findLatest(search: Search): Promise<Listed | undefined> {
  const most = search.deps.limits.maxTimestampCandidates
  let latest: LogRecord | undefined
  for (let after: LocatedBatch | undefined; ; ) {
    const candidates = await latestBatches(search, { after, most })
    for (const batch of candidates) {
      if (latest !== undefined && !mayHoldLater(batch, latest)) return listed(latest)
      for (const record of await recordsOf(search, batch)) {
        if (latest === undefined || isLater(record, latest)) latest = record
      }
    }
    after = candidates.at(-1)
    if (candidates.length < most) return latest === undefined ? undefined : listed(latest)
  }
}

/** The first `most` batches behind `after`, those with the latest claim first, of one claim in the order of the log. */
async function latestBatches(
  search: Search,
  { after, most }: { readonly after: LocatedBatch | undefined; readonly most: number },
): Promise<readonly LocatedBatch[]> {
  const latest: LocatedBatch[] = []
  for await (const batch of batchesOf(search)) {
    if (after !== undefined && byClaim(after, batch) >= 0) continue
    const last = latest.length < most ? undefined : latest.at(-1)
    if (last !== undefined && byClaim(last, batch) < 0) continue
    const at = latest.findIndex((other) => byClaim(other, batch) > 0)
    latest.splice(at < 0 ? latest.length : at, 0, batch)
    if (latest.length > most) latest.pop()
  }
  return latest
}

function byClaim(a: LocatedBatch, b: LocatedBatch): number {
  return b.reference.maxTimestamp - a.reference.maxTimestamp || a.baseOffset - b.baseOffset
}

function mayHoldLater(batch: LocatedBatch, latest: LogRecord): boolean {
  const { maxTimestamp } = batch.reference
  return (
    maxTimestamp > latest.timestamp || (maxTimestamp === latest.timestamp && batch.baseOffset < latest.offset)
  )
}

function isLater(record: LogRecord, latest: LogRecord): boolean {
  return (
    record.timestamp > latest.timestamp ||
    (record.timestamp === latest.timestamp && record.offset < latest.offset)
  )
}

/** All visible batches of the log, looked up some at a time. */
async function* batchesOf({ deps, partition, head, end }: Search): AsyncGenerator<LocatedBatch> {
  let from = head.logStartOffset
  while (from < end) {
    const batches = await requireBatches(deps, partition, head, { from, end, maxBytes: MAX_FETCH_BYTES })
    yield* batches
    await deps.clock.giveWay()
    const last = batches.at(-1)
    if (last === undefined) return
    from = last.endOffset
  }
}

/** The records of a batch; none, and a line in the log, when what was stored cannot be decoded: its producer wrote it so. */
async function recordsOf(
  { deps, partition, head }: Search,
  batch: LocatedBatch,
): Promise<readonly LogRecord[]> {
  await deps.clock.giveWay()
  const [bytes] = await readBatches(deps, partition, head, [batch])
  if (bytes === undefined) return []
  try {
    return decodeBatch(bytes, deps.codecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    deps.log.warn('batch cannot be decoded, its timestamps are passed over', {
      partition: partitionName(partition),
      offset: batch.baseOffset,
      error: error.message,
    })
    return []
  }
}

function listed({ offset, timestamp, leaderEpoch }: LogRecord): Listed {
  return { offset, timestamp, leaderEpoch }
}
