import type { Head, LocatedBatch } from '../core/head.ts'
import { epochOf } from '../core/lineage.ts'
import {
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  type ListedOffset,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
  MAX_TIMESTAMP,
} from '../protocol/api/list-offsets.ts'
import { decodeBatch, type LogRecord } from '../protocol/decode-batch.ts'
import { NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_DECOMPRESSED_BYTES, MAX_FETCH_BYTES } from '../protocol/limits.ts'
import type { Deps } from './deps.ts'
import type { Partition } from './heads.ts'
import { readBatches } from './read-batches.ts'
import { checkLeaderEpoch, readByHead, requireBatches, visibleEnd } from './read-partition.ts'
import { rowOf } from './rows.ts'
import { requestedPartition } from './topics.ts'

type Listed = { readonly offset: number; readonly timestamp: number; readonly leaderEpoch: number }
type Row = ListOffsetsRequest['topics'][number]['partitions'][number]

const NOTHING_THAT_LATE: Listed = { offset: -1, timestamp: -1, leaderEpoch: -1 }

/** The first or last offset of partitions, or the first one at or after a timestamp (Kafka's ListOffsets, API key 2). */
export async function listOffsets(deps: Deps, request: ListOffsetsRequest): Promise<ListOffsetsResponse> {
  const topics = request.topics.map(async ({ name, topicId, partitions }) => {
    const rows = partitions.map(async (row): Promise<ListedOffset> => {
      const answer = await rowOf(deps, async () => {
        const { partition, head } = await requestedPartition(deps, { name, topicId, ...row })
        return listOffset(deps, { partition, head, row, isolationLevel: request.isolationLevel })
      })
      if ('errorName' in answer) return { partitionIndex: row.partitionIndex, ...answer, ...failed }
      return { partitionIndex: row.partitionIndex, ...NO_ERROR, ...answer }
    })
    return { name, ...(topicId === undefined ? {} : { topicId }), partitions: await Promise.all(rows) }
  })
  return { topics: await Promise.all(topics) }
}

const failed = { offset: -1, timestamp: -1, leaderEpoch: -1 } as const

async function listOffset(
  deps: Deps,
  asked: { partition: Partition; head: Head; row: Row; isolationLevel: 0 | 1 },
): Promise<Listed> {
  const { partition, head, row, isolationLevel } = asked
  checkLeaderEpoch(head, partition, row.currentLeaderEpoch)
  if (row.timestamp === EARLIEST_TIMESTAMP) {
    return {
      offset: head.logStartOffset,
      timestamp: -1,
      leaderEpoch: epochOf(head.lineage, head.logStartOffset),
    }
  }
  if (row.timestamp === LATEST_TIMESTAMP) {
    return { offset: visibleEnd(head, isolationLevel), timestamp: -1, leaderEpoch: head.leaderEpoch }
  }
  const find = row.timestamp === MAX_TIMESTAMP ? findLatest : findAtOrAfter
  const { value } = await readByHead(deps, partition, head, (head) =>
    find({ deps, partition, head, end: visibleEnd(head, isolationLevel), timestamp: row.timestamp }),
  )
  return value ?? NOTHING_THAT_LATE
}

/** A look through the visible log of a partition. */
interface Search {
  readonly deps: Deps
  readonly partition: Partition
  readonly head: Head
  readonly end: number
  readonly timestamp: number
}

async function findAtOrAfter(search: Search): Promise<Listed | undefined> {
  for await (const batch of batchesOf(search)) {
    if (batch.reference.maxTimestamp < search.timestamp) continue
    const found = (await recordsOf(search, batch)).find((record) => record.timestamp >= search.timestamp)
    if (found !== undefined) return listed(found)
  }
  return undefined
}

async function findLatest(search: Search): Promise<Listed | undefined> {
  let latest: LocatedBatch | undefined
  for await (const batch of batchesOf(search)) {
    if (latest === undefined || batch.reference.maxTimestamp > latest.reference.maxTimestamp) latest = batch
  }
  if (latest === undefined) return undefined
  const records = await recordsOf(search, latest)
  const maxTimestamp = records.reduce((most, record) => Math.max(most, record.timestamp), -1)
  const found = records.find((record) => record.timestamp === maxTimestamp)
  return found === undefined ? undefined : listed(found)
}

/** All visible batches of the log, looked up some at a time. */
async function* batchesOf({ deps, partition, head, end }: Search): AsyncGenerator<LocatedBatch> {
  let from = head.logStartOffset
  while (from < end) {
    const batches = await requireBatches(deps, partition, head, { from, end, maxBytes: MAX_FETCH_BYTES })
    yield* batches
    const last = batches.at(-1)
    if (last === undefined) return
    from = last.endOffset
  }
}

async function recordsOf(
  { deps, partition, head }: Search,
  batch: LocatedBatch,
): Promise<readonly LogRecord[]> {
  const [bytes] = await readBatches(deps, partition, head, [batch])
  if (bytes === undefined) return []
  return decodeBatch(bytes, deps.codecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })
}

function listed({ offset, timestamp, leaderEpoch }: LogRecord): Listed {
  return { offset, timestamp, leaderEpoch }
}
