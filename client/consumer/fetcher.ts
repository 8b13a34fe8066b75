import { MAX_REQUEST_PARTITIONS } from '../../shared/protocol/limits.ts'
import type { StratologError } from '../errors.ts'
import { backoffMs } from '../retry.ts'
import type { Transport } from '../transport.ts'
import type { Alarm } from './alarm.ts'
import {
  type AssignedPartition,
  addChunk,
  bufferedBytes,
  bufferedRecords,
  moveTo,
} from './assigned-partition.ts'
import type { Assignments } from './assignments.ts'
import { LogTruncationError, noOffset } from './consumer-error.ts'
import type { ConsumerOptions, ResolvedOptions } from './consumer-options.ts'
import { fetchOutcome } from './fetch-outcome.ts'
import { type FetchedPartition, fetchRecords } from './fetch-records.ts'
import { idleBackoff, MAX_IDLE_MS } from './idle-backoff.ts'
import type { PositionLookup } from './position-lookup.ts'
import { answered, requested } from './starting-offsets.ts'

/** What the fetcher takes from the consumer it belongs to. */
export interface FetcherGiven {
  readonly transport: Transport
  readonly options: ResolvedOptions
  readonly assignments: Assignments
  readonly lookup: PositionLookup
  /** Rings when there is something new to fetch or room for more. */
  readonly alarm: Alarm
  readonly refreshTopics: () => Promise<void>
  readonly onRecords: () => void
  readonly onPartitionFailed: (assigned: AssignedPartition, error: StratologError) => void
  /** Told of errors that pass; throws those that do not. */
  readonly onError: (error: unknown) => void
  readonly signal: AbortSignal
}

/** Room for records that are fetched and not handed out, in answers of the largest size. */
const MAX_BUFFERED_ANSWERS = 4

/**
 * Fetches for all partitions that have room, until the signal is aborted. Once a fetch found nothing, the next ones do not wait
 * in the service but here, longer and longer. A partition that fails for the moment does not keep the others waiting.
 */
export async function runFetcher(given: FetcherGiven): Promise<void> {
  const { transport, alarm, signal } = given
  const idle = idleBackoff()
  let failures = 0
  let refreshAtMs = 0
  let turn = 0
  for (;;) {
    signal.throwIfAborted()
    try {
      const isLookupStale = await given.lookup.open()
      const asked = rotated(fetchable(given), turn++)
      const found = asked.length === 0 ? NOTHING : await fetchOnce(given, asked, idle.isIdle())
      const isStale = isLookupStale || found.isStale
      failures = isStale ? failures + 1 : 0
      if (found.hasNews) idle.found()
      else if (isStale) await alarm.wait(retryMs(transport, failures), signal)
      else if (asked.length === 0) await alarm.wait(undefined, signal)
      else await alarm.wait(idle.missed(), signal)
      if (!isStale || transport.now() < refreshAtMs) continue
      await given.refreshTopics()
      refreshAtMs = transport.now() + retryMs(transport, failures)
    } catch (error) {
      signal.throwIfAborted()
      given.onError(error)
      failures += 1
      await transport.sleep(retryMs(transport, failures), signal)
    }
  }
}

/** What a fetch came to: whether a partition moved or failed for good, and whether one is to be asked again with new metadata. */
interface Fetched {
  readonly hasNews: boolean
  readonly isStale: boolean
}

const NOTHING: Fetched = { hasNews: false, isStale: false }

/** Whoever waits for so long, for a topic that is gone perhaps, can wait as an idle consumer does. */
const PATIENT_AFTER = 20

function retryMs({ retry, random }: Transport, failures: number): number {
  if (failures > PATIENT_AFTER) return MAX_IDLE_MS
  return backoffMs(retry, { failures, retryAfterMs: undefined }, random())
}

/** Partitions with a position and room for more. */
function fetchable({ assignments, options }: FetcherGiven): AssignedPartition[] {
  const all = assignments.all()
  const bytes = all.reduce((sum, assigned) => sum + bufferedBytes(assigned), 0)
  if (bytes > MAX_BUFFERED_ANSWERS * options.fetchMaxBytes) return []
  return all.filter((assigned) => isReadable(assigned) && bufferedRecords(assigned) < options.maxPollRecords)
}

/** Which partition is first in a request changes: the first ones are given the most. More than it may name take turns. */
function rotated<T>(partitions: readonly T[], turn: number): T[] {
  const step = partitions.length > MAX_REQUEST_PARTITIONS ? MAX_REQUEST_PARTITIONS : 1
  const first = (turn * step) % Math.max(1, partitions.length)
  return [...partitions.slice(first), ...partitions.slice(0, first)].slice(0, MAX_REQUEST_PARTITIONS)
}

function isReadable(assigned: AssignedPartition): boolean {
  const { position, topicId, isPaused, isStarting, isStopping, failure } = assigned
  const isOpen = position !== undefined && topicId !== undefined && failure === undefined
  return isOpen && !(isPaused || isStarting || isStopping)
}

async function fetchOnce(
  given: FetcherGiven,
  asked: readonly AssignedPartition[],
  isIdle: boolean,
): Promise<Fetched> {
  const { transport, options, assignments, signal } = given
  const stamps = asked.map(({ stamp }) => stamp)
  const isAll = asked.length === assignments.all().filter(isReadable).length
  const request = {
    // A partition that has no room now must not wait for the others once it has.
    maxWaitMs: isIdle || !isAll ? 0 : options.fetchMaxWaitMs,
    minBytes: options.fetchMinBytes,
    maxBytes: options.fetchMaxBytes,
    isolationLevel: isolationLevel(options.isolation),
    topics: requested(asked, ({ partition, position, currentLeaderEpoch }) => ({
      partitionIndex: partition,
      fetchOffset: position?.offset ?? 0,
      partitionMaxBytes: options.maxPartitionFetchBytes,
      currentLeaderEpoch,
      lastFetchedEpoch: position?.leaderEpoch ?? -1,
    })),
  }
  const deadlineMs = transport.now() + transport.retry.requestTimeoutMs
  const topics = await fetchRecords(transport, request, { signal, deadlineMs })
  const rows = answered(asked, topics, (row: FetchedPartition) => row)
  const outcomes = asked.map((assigned, at) => {
    const row = rows[at]
    const isVoid = !assignments.has(assigned) || assigned.stamp !== stamps[at]
    if (row === undefined || isVoid) return 'none'
    return row instanceof Error ? 'stale' : applyRow(given, assigned, row)
  })
  const hasNews = outcomes.includes('some')
  if (hasNews) given.onRecords()
  return { hasNews, isStale: outcomes.includes('stale') }
}

/** As requests name it. */
export function isolationLevel(isolation: ConsumerOptions['isolation']): 0 | 1 {
  return isolation === 'read_uncommitted' ? 0 : 1
}

function applyRow(
  given: FetcherGiven,
  assigned: AssignedPartition,
  row: FetchedPartition,
): 'some' | 'none' | 'stale' {
  const { position } = assigned
  if (position === undefined) return 'none'
  const outcome = fetchOutcome(row)
  switch (outcome.kind) {
    case 'records': {
      assigned.highWatermark = row.highWatermark
      if (row.chunk.end.offset <= position.offset) return 'none'
      addChunk(assigned, row.chunk)
      return 'some'
    }
    case 'stale':
      return 'stale'
    case 'failed':
      given.onPartitionFailed(assigned, outcome.error)
      return 'some'
    case 'truncated': {
      const { topic, partition } = assigned
      const { epoch: leaderEpoch, endOffset } = outcome.divergingEpoch
      const fetchOffset = BigInt(position.offset)
      const truncation = { topic, partition, fetchOffset, divergentOffset: BigInt(endOffset), leaderEpoch }
      given.onPartitionFailed(assigned, new LogTruncationError(truncation))
      return 'some'
    }
    case 'outOfRange':
      return reset(given, assigned, position.offset)
  }
}

/** What was read before is handed out first: only then is the position looked up anew, ever later if that does not help. */
function reset(given: FetcherGiven, assigned: AssignedPartition, fromOffset: number): 'stale' | 'none' {
  if (bufferedRecords(assigned) > 0 || assigned.polling !== undefined) return 'none'
  const reason = 'OFFSET_OUT_OF_RANGE'
  if (given.options.startFrom === 'none') {
    given.onPartitionFailed(assigned, noOffset(assigned, reason))
    return 'none'
  }
  moveTo(assigned, { by: 'startFrom', reason, fromOffset })
  return 'stale'
}
