import { type FetchedBatches, rowError, StratologError, type Transport } from '../client/index.ts'
import { backoffMs } from '../client/retry.ts'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { decodeBatch, splitBatches } from '../shared/protocol/decode-batch.ts'
import { MAX_DECOMPRESSED_BYTES } from '../shared/protocol/limits.ts'
import { type FoundTopic, findTopic } from './find-topic.ts'
import type { ConsumedRecord } from './format.ts'
import { openPartitions } from './open-partitions.ts'
import type { OutageNotice } from './outage-notice.ts'
import { isAtEnd, type Position, type WaitingPartition } from './position.ts'
import type { ReadingPlan } from './starting-positions.ts'
import { type SplitBatch, visibleBatches } from './visible-batches.ts'

/** One log that is being read. */
export interface Reading {
  readonly transport: Transport
  readonly topic: FoundTopic
  readonly plan: ReadingPlan
  readonly positions: Position[]
  /** Partitions that could not say yet where to begin: they are asked again with every fetch. */
  readonly waiting: WaitingPartition[]
  /** Told of each fetch whether a partition failed. */
  readonly onRows: OutageNotice
  readonly signal: AbortSignal
}

/** A batch that was fetched, of which the records in [fromOffset, endOffset) are wanted. */
export interface FetchedBatch {
  readonly partition: number
  readonly bytes: Uint8Array
  readonly fromOffset: number
  readonly endOffset: number
}

/** How long the service holds a fetch that finds nothing: Lambda's longest. */
export const MAX_WAIT_MS = 2000

/** Whether everything up to the ends has been read. */
export function isWholeRead({ positions, waiting }: Reading): boolean {
  return waiting.length === 0 && positions.every(isAtEnd)
}

/**
 * Fetches once from every partition that is not at its end, moves their positions, and answers what came. A partition
 * that fails for the moment, be it before its first fetch, is asked again next time, with what metadata then says; all
 * others go on.
 *
 * @throws StratologError naming partition and offset, when a partition cannot be read on
 */
export async function fetchBatches(reading: Reading): Promise<FetchedBatch[]> {
  const { transport, positions, signal } = reading
  const failed = await openPartitions(reading)
  const asked = positions.filter((position) => !isAtEnd(position))
  positions.push(...positions.splice(0, 1)) // another one is first next time
  const batches: FetchedBatch[] = []
  const rows = asked.length === 0 ? [] : await fetchRows(reading, asked)
  for (const [index, row] of rows.entries()) {
    const position = asked[index]
    if (position === undefined) continue
    const error = checkRow(reading, position, row)
    if (error === undefined) batches.push(...takeBatches(reading, position, row))
    else failed.push(error)
  }
  reading.onRows(failed[0])
  if (failed.length > 0 && batches.length === 0) await transport.sleep(waitMs(transport, failed), signal)
  if (failed.length > 0) await refresh(reading)
  return batches
}

async function fetchRows(reading: Reading, asked: readonly Position[]): Promise<readonly FetchedBatches[]> {
  const { transport, topic, plan, signal } = reading
  const partitions = asked.map((position) => ({
    partitionIndex: position.partition,
    fetchOffset: position.nextOffset,
    currentLeaderEpoch: position.currentLeaderEpoch,
    lastFetchedEpoch: position.lastFetchedEpoch,
  }))
  const answer = await transport.fetchFrame(
    {
      maxWaitMs: MAX_WAIT_MS,
      isolationLevel: plan.isolationLevel,
      topics: [{ name: topic.name, topicId: topic.topicId, partitions }],
    },
    { signal },
  )
  return answer.topics[0]?.partitions ?? []
}

/** The error of a row that may pass; throws one that will not. */
function checkRow(reading: Reading, position: Position, row: FetchedBatches): StratologError | undefined {
  const { transport } = reading
  const at = placeText(reading, position.partition, position.nextOffset)
  if ('divergingEpoch' in row && row.divergingEpoch !== undefined) {
    const { endOffset } = row.divergingEpoch
    const remedy = `to read what is there instead: -p ${position.partition} -o ${endOffset}`
    throw stopped('FENCED_LEADER_EPOCH', `what was read is not in the log any more ${at}; ${remedy}`)
  }
  const error = rowError(row)
  if (error === undefined) {
    position.failingSinceMs = undefined
    return undefined
  }
  const nowMs = transport.now()
  position.failingSinceMs ??= nowMs
  const isOver = nowMs - position.failingSinceMs >= transport.retry.deliveryTimeoutMs
  if (!error.retriable || isOver) {
    throw stopped(error.errorName, error.message.includes(at) ? error.message : `${error.message} ${at}`)
  }
  return error
}

function stopped(errorName: string, message: string, cause?: unknown): StratologError {
  return new StratologError(errorName, message, { retriable: false, effect: 'none', httpStatus: 200, cause })
}

/** A row does not say how often it failed before; the longest wait is short enough for a reader. */
function waitMs(transport: Transport, failed: readonly StratologError[]): number {
  const retryAfterMs = failed[0]?.retryAfterMs
  return backoffMs(transport.retry, { failures: 2, retryAfterMs }, transport.random())
}

/** New leader epochs for all partitions; a topic that is gone, or another one by now, ends the reading. */
async function refresh(reading: Reading): Promise<void> {
  const { transport, topic, positions, waiting, signal } = reading
  const found = await findTopic(transport, topic.name, signal)
  if (found?.topicId !== topic.topicId) {
    throw stopped('UNKNOWN_TOPIC_ID', `topic was deleted topic=${topic.name} topicId=${topic.topicId}`)
  }
  for (const position of [...positions, ...waiting]) {
    const partition = found.partitions.find(({ partitionIndex }) => partitionIndex === position.partition)
    position.currentLeaderEpoch = partition?.leaderEpoch ?? position.currentLeaderEpoch
  }
}

/** The visible batches of a row; the position moves behind all of them. */
function takeBatches(reading: Reading, position: Position, row: FetchedBatches): FetchedBatch[] {
  const fromOffset = position.nextOffset
  const batches = corruptNamed(reading, position.partition, fromOffset, () => splitBatches(row.batches))
  const last = batches.at(-1)?.header
  if (last !== undefined) {
    position.nextOffset = Math.max(fromOffset, last.baseOffset + last.lastOffsetDelta + 1)
    position.lastFetchedEpoch = last.leaderEpoch
  }
  const endOffset = position.endOffset ?? Number.POSITIVE_INFINITY
  return visibleBatches(batches, row.abortedTransactions, isAbort).map(({ bytes }) => ({
    partition: position.partition,
    bytes,
    fromOffset,
    endOffset,
  }))
}

/** The key of a control record is version: i16 | type: i16, of which 0 is an abort. */
function isAbort({ bytes }: SplitBatch): boolean {
  const key = decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })[0]?.key
  return key?.[2] === 0 && key[3] === 0
}

/**
 * The wanted records of a batch.
 *
 * @throws StratologError naming partition and offset, when the batch is damaged
 */
export function recordsOf(reading: Reading, batch: FetchedBatch): ConsumedRecord[] {
  const { partition, bytes, fromOffset, endOffset } = batch
  const records = corruptNamed(reading, partition, fromOffset, () =>
    decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES }),
  )
  return records
    .filter(({ offset }) => offset >= fromOffset && offset < endOffset)
    .map((record) => ({ topic: reading.topic.name, partition, ...record }))
}

function corruptNamed<T>(reading: Reading, partition: number, offset: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw stopped('CORRUPT_MESSAGE', `${message} ${placeText(reading, partition, offset)}`, error)
  }
}

/** As the service names a place in a log. */
function placeText(reading: Reading, partition: number, offset: number): string {
  return `partition=${reading.topic.name}-${partition} offset=${offset}`
}
