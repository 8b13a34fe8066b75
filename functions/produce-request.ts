import type * as z from 'zod'
import type { TopicOf } from '../shared/protocol/api/common.ts'
import { type jsonRecord, produceFrame, type produceRequest } from '../shared/protocol/api/produce.ts'
import { type BatchProducer, encodeBatch, type RecordToWrite } from '../shared/protocol/encode-batch.ts'
import { decodeFrame } from '../shared/protocol/frame.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { MAX_FRAME_HEADER_BYTES, MAX_PRODUCE_BYTES } from '../shared/protocol/limits.ts'
import type { Deps } from '../shared/service/deps.ts'
import { malformed } from './envelope.ts'
import { checkSchema } from './handler.ts'

/** One record batch for each partition: what the service appends. */
export interface BatchesToProduce {
  readonly acks: number | 'all'
  readonly timeoutMs: number
  readonly transactionalId: string | null
  readonly topics: readonly TopicOf<{ readonly partitionIndex: number; readonly batch: Uint8Array }>[]
}

type JsonRequest = z.infer<typeof produceRequest>
type JsonPartition = JsonRequest['topics'][number]['partitions'][number]
type BatchingDeps = Pick<Deps, 'clock' | 'codecs'>

const PRODUCER_FIELDS = ['producerId', 'producerEpoch', 'baseSequence'] as const
const MAX_PRODUCER_EPOCH = 2 ** 15 - 1
const MAX_SEQUENCE = 2 ** 31 - 1

/**
 * The batches of a JSON request: base64 decoded, lists of records encoded.
 *
 * @throws KafkaError MESSAGE_TOO_LARGE when the batches are more than MAX_PRODUCE_BYTES together
 * @throws KafkaError INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING when the producer fields make no sense
 * @throws KafkaError INVALID_RECORD, INVALID_TIMESTAMP when a list of records makes no batch
 */
export function batchesOfJson(deps: BatchingDeps, request: JsonRequest): BatchesToProduce {
  let sum = 0
  const topics = request.topics.map((topic, topicAt) => ({
    ...named(topic),
    partitions: topic.partitions.map((partition, partitionAt) => {
      const batch = batchOf(deps, partition, `topics[${topicAt}].partitions[${partitionAt}]`)
      sum += batch.byteLength
      checkProduceBytes(sum)
      return { partitionIndex: partition.partitionIndex, batch }
    }),
  }))
  return { ...request, topics }
}

/**
 * The batches of a frame, as views of its body.
 *
 * @throws KafkaError INVALID_REQUEST when the header is malformed or its byteLengths are not those of the body
 * @throws KafkaError MESSAGE_TOO_LARGE when the batches are more than MAX_PRODUCE_BYTES together
 */
export function batchesOfFrame(frame: Uint8Array): BatchesToProduce {
  const { header, body } = decodeFrame(frame, MAX_FRAME_HEADER_BYTES)
  const request = checkSchema(produceFrame, header)
  let end = 0
  const topics = request.topics.map((topic) => ({
    ...named(topic),
    partitions: topic.partitions.map(({ partitionIndex, byteLength }) => {
      const start = end
      end += byteLength
      return { partitionIndex, batch: body.subarray(start, end) }
    }),
  }))
  if (end !== body.byteLength) {
    throw malformed('v1', `byteLength: sum is not the body's sum=${end} body=${body.byteLength}`)
  }
  checkProduceBytes(end)
  return { ...request, topics }
}

function named(topic: { name: string; topicId?: string | undefined }): { name: string; topicId?: string } {
  return topic.topicId === undefined ? { name: topic.name } : { name: topic.name, topicId: topic.topicId }
}

function checkProduceBytes(bytes: number): void {
  if (bytes > MAX_PRODUCE_BYTES) {
    throw new KafkaError('MESSAGE_TOO_LARGE', `batches are too large together max=${MAX_PRODUCE_BYTES}`)
  }
}

function batchOf(deps: BatchingDeps, partition: JsonPartition, path: string): Uint8Array {
  const { records } = partition
  if (typeof records === 'string') {
    const beside = PRODUCER_FIELDS.find((field) => partition[field] !== undefined)
    if (beside !== undefined) throw malformed('v1', `${path}.${beside}: a batch in base64 has its own`)
    return Buffer.from(records, 'base64')
  }
  const producer = producerOf(partition, path)
  if (records.length === 0) return new Uint8Array(0) // no batch, which the service refuses in the partition's row
  const nowMs = deps.clock.nowMs()
  return encodeBatch({
    records: records.map((record) => recordToWrite(record, nowMs)),
    compression: 'none', // the topic's compression.type is the service's matter
    codecs: deps.codecs,
    ...(producer === undefined ? {} : { producer }),
  })
}

/** What makes the batch idempotent; undefined when the caller named no producer. */
function producerOf(partition: JsonPartition, path: string): BatchProducer | undefined {
  const { producerId = -1, producerEpoch = -1, baseSequence = -1 } = partition
  if (producerId === -1 && producerEpoch === -1 && baseSequence === -1) return undefined
  if (producerId < 0) {
    throw new KafkaError(
      'INVALID_PRODUCER_ID_MAPPING',
      `${path}.producerId: must be 0 to 2^53-1 producerId=${producerId}`,
    )
  }
  if (producerEpoch < 0 || producerEpoch > MAX_PRODUCER_EPOCH) {
    throw malformed('v1', `${path}.producerEpoch: must be 0 to ${MAX_PRODUCER_EPOCH} with a producerId`)
  }
  if (baseSequence < 0 || baseSequence > MAX_SEQUENCE) {
    throw malformed('v1', `${path}.baseSequence: must be 0 to ${MAX_SEQUENCE} with a producerId`)
  }
  return { producerId, producerEpoch, baseSequence }
}

function recordToWrite(record: z.infer<typeof jsonRecord>, nowMs: number): RecordToWrite {
  return {
    key: fromBase64(record.key),
    value: fromBase64(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: fromBase64(value) })),
    timestamp: record.timestamp ?? nowMs,
  }
}

function fromBase64(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, 'base64')
}
