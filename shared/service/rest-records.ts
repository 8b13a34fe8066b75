import type { LogRecord } from '../protocol/decode-batch.ts'
import { MAX_PAGE_FETCHES } from '../protocol/http-limits.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { type FetchedBatches, fetch } from './fetch.ts'
import { newAnswerRoom, readFetchedRecords } from './fetched-records.ts'
import { findTopic, requirePartition } from './topics.ts'

/** Where a page of records begins, and how much and how long it may take; `leaderEpoch` −1 is unknown. */
export interface PageRequest {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly maxBytes: number
  readonly timeoutMs: number
  /** Ends the wait when the caller is gone. */
  readonly signal: AbortSignal | undefined
}

/** Committed records, and where and after which leader epoch the next page begins. */
export interface Page {
  readonly records: readonly LogRecord[]
  readonly nextOffset: number
  readonly leaderEpoch: number
}

/**
 * The committed records of a partition from `offset` on. It waits for one up to `timeoutMs`, and goes on past what is
 * not for readers until it has a record or reaches the last stable offset.
 *
 * @throws KafkaError FENCED_LEADER_EPOCH when the log diverges from the one that `leaderEpoch` was read in
 * @throws KafkaError CORRUPT_MESSAGE when a batch that cannot be read stands at `offset`
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE and what else a fetch answers
 */
export async function readPage(deps: Deps, request: PageRequest): Promise<Page> {
  requirePartition(await findTopic(deps, request.topic), request.partition)
  const endsAtMs = deps.clock.nowMs() + request.timeoutMs
  const room = newAnswerRoom(deps.codecs, request)
  let offset = request.offset
  for (let tries = 1; ; tries += 1) {
    const maxWaitMs = Math.max(0, endsAtMs - deps.clock.nowMs())
    const row = await fetchPartition(deps, { ...request, offset, maxWaitMs })
    const read = await readFetchedRecords(deps, row, { fetchOffset: offset, room })
    if (read.corrupt !== undefined) throw read.corrupt
    const { records, nextOffset } = read
    const atEnd = nextOffset >= row.lastStableOffset || row.batches.length === 0
    if (records.length > 0 || atEnd || tries >= MAX_PAGE_FETCHES) {
      return { records, nextOffset, leaderEpoch: records.at(-1)?.leaderEpoch ?? request.leaderEpoch }
    }
    offset = nextOffset
  }
}

async function fetchPartition(
  deps: Deps,
  request: PageRequest & { readonly maxWaitMs: number },
): Promise<FetchedBatches> {
  const fetchRequest = {
    maxWaitMs: request.maxWaitMs,
    minBytes: 1,
    maxBytes: request.maxBytes,
    isolationLevel: 1 as const,
    topics: [
      {
        name: request.topic,
        partitions: [
          {
            partitionIndex: request.partition,
            fetchOffset: request.offset,
            partitionMaxBytes: request.maxBytes,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: request.leaderEpoch,
          },
        ],
      },
    ],
  }
  const { topics } = await fetch(deps, fetchRequest, request.signal)
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'fetch answered no row')
  if ('errorName' in row) throw new KafkaError(row.errorName, row.errorMessage)
  if ('divergingEpoch' in row && row.divergingEpoch !== undefined) {
    throw new KafkaError(
      'FENCED_LEADER_EPOCH',
      `log was truncated partition=${request.topic}-${request.partition} leaderEpoch=${request.leaderEpoch}`,
    )
  }
  return row
}
