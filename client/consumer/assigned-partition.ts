import type { LogRecord } from '../../shared/protocol/decode-batch.ts'
import type { StratologError } from '../errors.ts'
import type { TopicPartition } from './consumer-record.ts'
import { type InFlight, type OffsetTracker, offsetTracker, type Processed } from './offset-tracker.ts'

/** Where a partition's next record is read: its offset, and the leader epoch of what was read before it (−1 unknown). */
export interface Position {
  readonly offset: number
  readonly leaderEpoch: number
}

/** Records of one fetch that nobody was given yet, and where they end: behind markers and what was aborted, too. */
export interface FetchedChunk {
  readonly records: readonly LogRecord[]
  readonly end: Processed
  readonly bytes: number
}

/** A record that a handler is given, or will be. */
export interface TakenRecord {
  readonly record: LogRecord
  readonly inFlight: InFlight
}

/** Why a position is looked up anew by `startFrom`. */
export type ResetReason = 'NO_OFFSET' | 'OFFSET_OUT_OF_RANGE' | 'TOPIC_RECREATED'

/** How a partition without a position gets one. */
export type Lookup =
  | { readonly by: 'committed' }
  | { readonly by: 'startFrom'; readonly reason: ResetReason; readonly fromOffset: number | undefined }

/**
 * A partition while it is a consumer's, changed by the loops as it is read. A partition that goes and comes back is another
 * object: what a late answer says of the old one changes nothing.
 */
export interface AssignedPartition extends TopicPartition {
  /** undefined until metadata knows the topic. */
  topicId: string | undefined
  /** The leader epoch that metadata knows. */
  currentLeaderEpoch: number
  /** What to fetch next; undefined while it is looked up. */
  position: Position | undefined
  lookup: Lookup
  /** Rises when the position changes by anything but reading: answers to questions asked before are void. */
  stamp: number
  readonly chunks: FetchedChunk[]
  /** How many records of the first chunk were taken. */
  takenOfFirst: number
  /** Taken by a poll that was paused before it began them. */
  readonly held: TakenRecord[]
  tracker: OffsetTracker
  /** As last committed or found committed; undefined when nothing is. */
  committed: number | undefined
  highWatermark: number
  isPaused: boolean
  /** Not read until the listener of the assignment is done. */
  isStarting: boolean
  /** No further record is handed out: the partition is being given up. */
  isStopping: boolean
  /** Why it is not read on, until it is told a new position. */
  failure: StratologError | undefined
  /** The poll under way; resolves when its handlers are done, however they ended. */
  polling: Promise<void> | undefined
  /** Aborted when what handlers still do is not this consumer's any more. */
  readonly ended: AbortController
}

/** A partition as it is assigned. */
export function assignedPartition({ topic, partition }: TopicPartition): AssignedPartition {
  return {
    topic,
    partition,
    topicId: undefined,
    currentLeaderEpoch: -1,
    position: undefined,
    lookup: { by: 'committed' },
    stamp: 0,
    chunks: [],
    takenOfFirst: 0,
    held: [],
    tracker: offsetTracker(),
    committed: undefined,
    highWatermark: -1,
    isPaused: false,
    isStarting: false,
    isStopping: false,
    failure: undefined,
    polling: undefined,
    ended: new AbortController(),
  }
}

/** Goes on elsewhere: what was read and not handed out is forgotten. What handlers are at does not count any more. */
export function moveTo(assigned: AssignedPartition, to: Position | Lookup): void {
  assigned.stamp += 1
  assigned.chunks.length = 0
  assigned.takenOfFirst = 0
  assigned.held.length = 0
  assigned.tracker = offsetTracker()
  assigned.failure = undefined
  if ('by' in to) {
    assigned.position = undefined
    assigned.lookup = to
  } else {
    assigned.position = to
  }
}

/** Appends what a fetch found; the position is behind it. */
export function addChunk(assigned: AssignedPartition, chunk: FetchedChunk): void {
  assigned.chunks.push(chunk)
  assigned.position = chunk.end
  if (assigned.chunks.length === 1) passEmptyChunks(assigned)
}

/** The next records, at most `count`, those that were held back first. */
export function takeRecords(assigned: AssignedPartition, count: number): TakenRecord[] {
  const taken = assigned.held.splice(0, count)
  while (taken.length < count) {
    const record = assigned.chunks[0]?.records[assigned.takenOfFirst]
    if (record === undefined) break
    assigned.takenOfFirst += 1
    const { offset, leaderEpoch } = record
    taken.push({ record, inFlight: assigned.tracker.begin({ offset: offset + 1, leaderEpoch }) })
    passEmptyChunks(assigned)
  }
  return taken
}

/** Chunks whose records are all taken are passed: their end is reached once those are finished. */
function passEmptyChunks(assigned: AssignedPartition): void {
  for (
    let [first] = assigned.chunks;
    first?.records.length === assigned.takenOfFirst;
    [first] = assigned.chunks
  ) {
    assigned.tracker.finish(assigned.tracker.begin(first.end))
    assigned.chunks.shift()
    assigned.takenOfFirst = 0
  }
}

/** How many records wait to be taken. */
export function bufferedRecords(assigned: AssignedPartition): number {
  const inChunks = assigned.chunks.reduce((sum, { records }) => sum + records.length, 0)
  return assigned.held.length + inChunks - assigned.takenOfFirst
}

/** How many bytes fetches found for it that are not taken whole. */
export function bufferedBytes(assigned: AssignedPartition): number {
  return assigned.chunks.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** The offset of the next record to be handed out; undefined while that is looked up. */
export function nextOffset(assigned: AssignedPartition): number | undefined {
  const [held] = assigned.held
  const record = held?.record ?? assigned.chunks[0]?.records[assigned.takenOfFirst]
  return record?.offset ?? assigned.position?.offset
}

/** What is processed and not committed; undefined when nothing moved since the last commit. */
export function uncommitted(assigned: AssignedPartition): Processed | undefined {
  const processed = assigned.tracker.processed()
  return processed?.offset === assigned.committed ? undefined : processed
}
