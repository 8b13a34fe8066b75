import type { TopicOf } from '../protocol/api/common.ts'
import type { ProducedPartition, ProduceResponse } from '../protocol/api/produce.ts'
import { type ErrorRow, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_PRODUCE_BYTES, MAX_PRODUCE_TIMEOUT_MS } from '../protocol/limits.ts'
import { type Appended, appendBatch } from './append-batch.ts'
import type { Deps } from './deps.ts'
import { topicGone } from './heads.ts'
import { meteredCodecs } from './metered-codecs.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { type BatchToProduce, type PreparedBatch, type ProduceTerms, prepareBatch } from './prepare-batch.ts'
import { eachRow, rowOf } from './rows.ts'
import { readTopic } from './topics.ts'
import { wakeController } from './wake.ts'
import { type CopiedBatch, endPuts, newPuts, type Puts, placeInWal } from './wal-copies.ts'

/** Batches to append, one per partition at most, and when to answer. */
export interface ProduceRequest {
  readonly acks: number | 'all'
  readonly timeoutMs: number
  readonly transactionalId: string | null
  readonly topics: readonly TopicOf<{ readonly partitionIndex: number; readonly batch: Uint8Array }>[]
}

/**
 * Appends one record batch to each partition and answers once the acknowledgements asked for are there (Kafka's
 * Produce, API key 0). A partition that fails carries its error; the others are unaffected.
 *
 * @throws KafkaError INVALID_REQUIRED_ACKS when acks is not 0, 1, −1 or all
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 * @throws KafkaError MESSAGE_TOO_LARGE when the batches are more than 4 MiB in sum
 */
export async function produce(deps: Deps, request: ProduceRequest): Promise<ProduceResponse> {
  const terms = termsOf(deps, request)
  const rows = rowsOf(request)
  const puts = newPuts(deps)
  try {
    const produced = await appendRows(puts, rows, terms)
    if (produced.some((row) => 'errorName' in row && row.errorName === 'LEADER_NOT_AVAILABLE')) {
      await wakeController(deps)
    }
    return answerOf(request, produced)
  } finally {
    await endPuts(puts)
  }
}

async function appendRows(
  puts: Puts,
  rows: readonly BatchToProduce[],
  terms: ProduceTerms,
): Promise<readonly ProducedPartition[]> {
  const { deps } = puts
  const prepared = await eachRow(deps, rows, (row) => rowOf(deps, () => prepareBatch(deps, row, terms)))
  const copied = placeInWal(puts, prepared.filter(isPrepared))
  const byBatch = new Map(copied.map((entry) => [entry.batch, entry]))
  return eachRow(deps, rows, async (row, position): Promise<ProducedPartition> => {
    const batch = prepared[position]
    const entry = batch !== undefined && isPrepared(batch) ? byBatch.get(batch) : undefined
    const answer =
      entry === undefined ? (batch as ErrorRow) : await rowOf(deps, () => appendRow(deps, row, entry, terms))
    if ('errorName' in answer) return failedRow(row, answer)
    return { partitionIndex: row.partitionIndex, ...NO_ERROR, ...answer }
  })
}

/** The rows in the request's form. */
function answerOf(request: ProduceRequest, produced: readonly ProducedPartition[]): ProduceResponse {
  let next = 0
  return {
    topics: request.topics.map((topic) => {
      const partitions = produced.slice(next, next + topic.partitions.length)
      next += topic.partitions.length
      return {
        name: topic.name,
        ...(topic.topicId === undefined ? {} : { topicId: topic.topicId }),
        partitions,
      }
    }),
  }
}

async function appendRow(deps: Deps, row: BatchToProduce, copied: CopiedBatch, terms: ProduceTerms) {
  const appended = await appendBatch(deps, copied, terms)
  if (appended === undefined) return appendToSuccessor(deps, row, copied, terms)
  return rowOfAppended(copied, appended, terms)
}

function rowOfAppended({ batch }: CopiedBatch, appended: Appended, { acks }: ProduceTerms) {
  return {
    baseOffset: acks === 0 ? -1 : appended.batch.baseOffset,
    // The stored batch's, which for a duplicate is the time of the first append.
    logAppendTimeMs: batch.logAppendTimeMs === -1 ? -1 : appended.batch.reference.maxTimestamp,
    logStartOffset: appended.head.logStartOffset,
  }
}

/**
 * The topic is gone. A request that named only the topic means the one that has the name now; the old one's WAL
 * object belongs to the old topic, so the batch is put anew.
 */
async function appendToSuccessor(deps: Deps, row: BatchToProduce, copied: CopiedBatch, terms: ProduceTerms) {
  if (row.topicId !== undefined) {
    throw new KafkaError('UNKNOWN_TOPIC_ID', `topic was deleted topic=${row.name} topicId=${row.topicId}`)
  }
  const topic = await readTopic(deps, row.name)
  if (topic.topicId === copied.batch.partition.topic.topicId) throw topicGone(copied.batch.partition)
  const [again] = placeInWal(copied.copies.puts, [await prepareBatch(deps, row, terms)])
  const appended = again === undefined ? undefined : await appendBatch(deps, again, terms)
  if (again === undefined || appended === undefined) throw topicGone(copied.batch.partition)
  return rowOfAppended(again, appended, terms)
}

function termsOf(deps: Deps, { acks, timeoutMs, transactionalId }: ProduceRequest): ProduceTerms {
  const known = acks === 'all' ? -1 : acks
  if (known !== -1 && known !== 0 && known !== 1) {
    throw new KafkaError('INVALID_REQUIRED_ACKS', `acks must be 0, 1, -1 or all acks=${acks}`)
  }
  return {
    acks: known,
    timeoutMs: Math.min(timeoutMs, MAX_PRODUCE_TIMEOUT_MS),
    transactionalId,
    codecs: meteredCodecs(deps.codecs),
  }
}

function rowsOf(request: ProduceRequest): readonly BatchToProduce[] {
  refusePartitionsTwice(request.topics)
  const rows = request.topics.flatMap(({ name, topicId, partitions }) =>
    partitions.map((partition) => ({ name, topicId, ...partition })),
  )
  const bytes = rows.reduce((sum, row) => sum + row.batch.length, 0)
  if (bytes > MAX_PRODUCE_BYTES) {
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `batches are too large in sum bytes=${bytes} max=${MAX_PRODUCE_BYTES}`,
    )
  }
  return rows
}

function isPrepared(row: PreparedBatch | ErrorRow): row is PreparedBatch {
  return 'partition' in row
}

function failedRow({ partitionIndex }: BatchToProduce, error: ErrorRow): ProducedPartition {
  return { partitionIndex, ...error, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 }
}
