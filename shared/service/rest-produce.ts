import { BATCH_OVERHEAD_BYTES, MAX_BATCH_HEADERS, MAX_BATCH_RECORDS } from '../protocol/batch-header.ts'
import { encodeBatch, type RecordToWrite, recordSizeUpperBound } from '../protocol/encode-batch.ts'
import { type ErrorRow, errorRow, KafkaError } from '../protocol/kafka-error.ts'
import { MAX_PRODUCE_BYTES, MAX_PRODUCE_TIMEOUT_MS } from '../protocol/limits.ts'
import { partitionForKey } from '../protocol/murmur2.ts'
import { findOrCreateTopic } from './auto-create.ts'
import type { Deps } from './deps.ts'
import { produce } from './produce.ts'
import { effectiveConfig, findTopic, type Topic } from './topics.ts'

/** A record for a topic; `partition` undefined leaves it to the key. */
export interface RecordToRoute extends RecordToWrite {
  readonly partition: number | undefined
}

/** Where a record landed, or why it did not. */
export type RecordOutcome =
  | { readonly errorCode: 0; readonly partition: number; readonly offset: number }
  | ErrorRow

/** Positions in the request of records that become one batch. */
type Batch = readonly number[]

interface Queue {
  readonly partitionIndex: number
  batches: Batch[]
}

/**
 * Routes records to the partitions of a topic and appends them with acks=all, in batches of at most max.message.bytes.
 * Those of one partition go one after the other: after a failure the rest of that partition is not tried. Outcome i is
 * that of record i.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic is unknown and is not created
 * @throws KafkaError INVALID_TOPIC_EXCEPTION and what creating a topic throws
 */
export async function produceRecords(
  deps: Deps,
  request: { readonly topic: string; readonly records: readonly RecordToRoute[] },
): Promise<readonly RecordOutcome[]> {
  const { records } = request
  const topic = await topicFor(deps, request)
  const maxBytes = Number(effectiveConfig(topic, deps.configs, 'max.message.bytes').value)
  const queues = queuesOf(records, routeOf(deps, topic), maxBytes)
  const outcomes = new Array<RecordOutcome>(records.length)
  while (queues.some(({ batches }) => batches.length > 0)) {
    await produceRound(deps, { topic, records, outcomes, round: nextRound(deps, queues, records) })
  }
  return outcomes
}

/** The topic, created if it must be: by any record that may go to partition 0, as in /v1. */
function topicFor(deps: Deps, request: { topic: string; records: readonly RecordToRoute[] }): Promise<Topic> {
  const creates = request.records.some(({ partition }) => partition === undefined || partition === 0)
  return creates ? findOrCreateTopic(deps, request.topic) : findTopic(deps, request.topic)
}

/** Kafka's choice of a partition: the one given, else the key's, else one for all such records of the request. */
function routeOf(deps: Deps, topic: Topic): (record: RecordToRoute) => number {
  const [a = 0, b = 0] = deps.randomBytes(2)
  const sticky = (a * 256 + b) % topic.partitionCount
  return ({ partition, key }) =>
    partition ?? (key === null ? sticky : partitionForKey(key, topic.partitionCount))
}

/** The records of each partition in their order, cut into batches that are surely within the limits, or of one record. */
function queuesOf(
  records: readonly RecordToRoute[],
  route: (record: RecordToRoute) => number,
  maxBytes: number,
): Queue[] {
  const filling = new Map<number, { batches: number[][]; bytes: number; headers: number }>()
  for (const [position, record] of records.entries()) {
    const partitionIndex = route(record)
    const queue = filling.get(partitionIndex) ?? { batches: [], bytes: 0, headers: 0 }
    filling.set(partitionIndex, queue)
    const bytes = recordSizeUpperBound(record)
    const open = queue.batches.at(-1)
    if (
      open !== undefined &&
      open.length < MAX_BATCH_RECORDS &&
      queue.bytes + bytes <= maxBytes &&
      queue.headers + record.headers.length <= MAX_BATCH_HEADERS
    ) {
      open.push(position)
      queue.bytes += bytes
      queue.headers += record.headers.length
    } else {
      queue.batches.push([position])
      queue.bytes = BATCH_OVERHEAD_BYTES + bytes
      queue.headers = record.headers.length
    }
  }
  return [...filling].map(([partitionIndex, { batches }]) => ({ partitionIndex, batches }))
}

interface RoundBatch {
  readonly queue: Queue
  readonly positions: Batch
  readonly bytes: Uint8Array
}

/** The next batch of as many partitions as fit into one produce request, at least of one. */
function nextRound(deps: Deps, queues: readonly Queue[], records: readonly RecordToRoute[]): RoundBatch[] {
  const round: RoundBatch[] = []
  let sum = 0
  for (const queue of queues) {
    const [positions] = queue.batches
    if (positions === undefined) continue
    const bytes = encodeBatch({
      records: positions.map((position) => records[position] as RecordToRoute),
      compression: 'none', // the topic's compression.type is the matter of produce
      codecs: deps.codecs,
    })
    sum += bytes.byteLength
    if (sum > MAX_PRODUCE_BYTES && round.length > 0) break
    round.push({ queue, positions, bytes })
    queue.batches.shift()
  }
  return round
}

interface Round {
  readonly topic: Topic
  readonly records: readonly RecordToRoute[]
  readonly outcomes: RecordOutcome[]
  readonly round: readonly RoundBatch[]
}

async function produceRound(deps: Deps, { topic, outcomes, round }: Round): Promise<void> {
  const rows = await produceRows(deps, topic, round)
  for (const [at, { queue, positions }] of round.entries()) {
    const row = rows[at]
    if (row !== undefined && !('errorName' in row)) {
      for (const [index, position] of positions.entries()) {
        outcomes[position] = {
          errorCode: 0,
          partition: queue.partitionIndex,
          offset: row.baseOffset + index,
        }
      }
      continue
    }
    const failure = row ?? errorRow(new KafkaError('UNKNOWN_SERVER_ERROR', 'produce answered too few rows'))
    for (const position of positions) outcomes[position] = failure
    // A record that is too large says nothing about the ones behind it.
    if (failure.errorName === 'MESSAGE_TOO_LARGE' && positions.length === 1) continue
    const errorMessage = `not tried after a failure before it: ${failure.errorMessage}`
    for (const position of queue.batches.flat()) {
      outcomes[position] = { ...failure, errorMessage, effect: 'none' }
    }
    queue.batches = []
  }
}

/** Row i is that of `round[i]`. A request that fails as a whole fails in each row: earlier rounds may have landed. */
async function produceRows(deps: Deps, topic: Topic, round: readonly RoundBatch[]) {
  try {
    const partitions = round.map(({ queue, bytes }) => ({
      partitionIndex: queue.partitionIndex,
      batch: bytes,
    }))
    const { topics } = await produce(deps, {
      acks: 'all',
      timeoutMs: MAX_PRODUCE_TIMEOUT_MS,
      transactionalId: null,
      topics: [{ name: topic.name, partitions }],
    })
    return topics[0]?.partitions ?? []
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    const row = errorRow(error)
    return round.map(() => row)
  }
}
