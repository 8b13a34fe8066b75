import { type Head, writeTargets } from '../core/head.ts'
import { type BatchHeader, stampLogAppendTime, withMaxTimestamp } from '../protocol/batch-header.ts'
import type { CompressionType } from '../protocol/compression.ts'
import { decodeBatch } from '../protocol/decode-batch.ts'
import { encodeBatch } from '../protocol/encode-batch.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { MAX_DECOMPRESSED_BYTES } from '../protocol/limits.ts'
import { openBatch } from '../protocol/open-batch.ts'
import { findOrCreateTopic } from './auto-create.ts'
import type { Deps } from './deps.ts'
import { knownHead, type Partition, partitionName, readHead } from './heads.ts'
import type { MeteredCodecs } from './metered-codecs.ts'
import { effectiveConfig, requestedTopic, requirePartition, type Topic } from './topics.ts'

/** One partition's batch as a produce request brings it. */
export interface BatchToProduce {
  readonly name: string
  readonly topicId?: string | undefined
  readonly partitionIndex: number
  readonly batch: Uint8Array
}

/** What a produce request asks of all its batches, and the codecs that count what they decompress for it. */
export interface ProduceTerms {
  readonly acks: -1 | 0 | 1
  readonly timeoutMs: number
  readonly transactionalId: string | null
  readonly codecs: MeteredCodecs
}

/** A batch that was checked, with the partition it goes to and a head to plan by. */
export interface PreparedBatch {
  readonly partition: Partition
  readonly head: Head
  readonly header: BatchHeader
  readonly bytes: Uint8Array
  /** −1 unless the topic has message.timestamp.type=LogAppendTime. */
  readonly logAppendTimeMs: number
}

/**
 * Checks all of a batch that can be checked before anything is stored, and gives it the topic's form. A topic that was
 * deleted since it was remembered is looked up once more: it may have been made anew.
 *
 * @throws KafkaError of `openBatch`, `requestedTopic`, `findOrCreateTopic`
 * @throws KafkaError LEADER_NOT_AVAILABLE when the partition has no leader
 * @throws KafkaError NOT_ENOUGH_REPLICAS when acks=all and the ISR is below min.insync.replicas
 * @throws KafkaError MESSAGE_TOO_LARGE when the request has more than 64 MiB decompressed for topics with a compression.type
 * @throws KafkaError INVALID_TXN_STATE, TRANSACTIONAL_ID_AUTHORIZATION_FAILED when the batch is transactional
 */
export async function prepareBatch(
  deps: Deps,
  row: BatchToProduce,
  terms: ProduceTerms,
): Promise<PreparedBatch> {
  const prepared = (await prepareByTopic(deps, row, terms)) ?? (await prepareByTopic(deps, row, terms))
  if (prepared !== undefined) return prepared
  throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic was deleted topic=${row.name}`)
}

/** Undefined when the topic that was found, as it was remembered, has no heads any more; it is forgotten then. */
async function prepareByTopic(
  deps: Deps,
  row: BatchToProduce,
  terms: ProduceTerms,
): Promise<PreparedBatch | undefined> {
  const known = await topicIfKnown(deps, row)
  const maxBytes = Number(effectiveConfig(known ?? { configs: {} }, deps.configs, 'max.message.bytes').value)
  const header = openBatch(row.batch, { maxBytes })
  const bytes = withMaxTimestamp(row.batch, header)
  refuseTransactional(header, terms)
  const topic = known ?? (await findOrCreateTopic(deps, row.name))
  const partition = requirePartition(topic, row.partitionIndex)
  const head = await readyHead(deps, partition, terms)
  if (head === undefined) return undefined
  return { partition, head, ...inTopicForm(deps, topic, { header, bytes }, terms.codecs) }
}

/** The topic, or undefined when this produce may create it: only by its partition 0, and only without an id. */
async function topicIfKnown(deps: Deps, row: BatchToProduce): Promise<Topic | undefined> {
  try {
    return await requestedTopic(deps, row)
  } catch (error) {
    const unknown = error instanceof KafkaError && error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION'
    const mayCreate = deps.configs['auto.create.topics.enable'] && row.partitionIndex === 0
    if (unknown && mayCreate) return undefined
    throw error
  }
}

function refuseTransactional(header: BatchHeader, terms: ProduceTerms): void {
  if (!header.isTransactional) return
  if (terms.transactionalId === null) {
    throw new KafkaError(
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      'transactional batch without a transactionalId',
    )
  }
  throw new KafkaError(
    'INVALID_TXN_STATE',
    `partition is not part of a transaction transactionalId=${terms.transactionalId}`,
  )
}

/** A head with a leader and enough replicas in sync; a remembered one that has not is read again before it is believed. */
async function readyHead(deps: Deps, partition: Partition, terms: ProduceTerms): Promise<Head | undefined> {
  const known = await knownHead(deps, partition)
  if (known === undefined || unready(known, partition, terms) === undefined) return known
  const head = await readHead(deps, partition)
  const error = head === undefined ? undefined : unready(head, partition, terms)
  if (error !== undefined) throw error
  return head
}

/** Why a batch with these terms cannot be appended at `head`, if it cannot. */
export function unready(head: Head, partition: Partition, { acks }: ProduceTerms): KafkaError | undefined {
  const name = partitionName(partition)
  if (head.leader === undefined || writeTargets(head).length === 0) {
    return new KafkaError('LEADER_NOT_AVAILABLE', `partition has no leader partition=${name}`)
  }
  if (acks === -1 && head.isr.length < head.minIsr) {
    const facts = `partition=${name} isr=${head.isr.length} min.insync.replicas=${head.minIsr}`
    return new KafkaError('NOT_ENOUGH_REPLICAS', `too few replicas in sync ${facts}`)
  }
  return undefined
}

/** The batch with the topic's compression.type and message.timestamp.type. */
function inTopicForm(
  deps: Deps,
  topic: Topic,
  batch: { header: BatchHeader; bytes: Uint8Array },
  codecs: MeteredCodecs,
): Pick<PreparedBatch, 'header' | 'bytes' | 'logAppendTimeMs'> {
  const { header, bytes } = recompressed(deps, topic, batch, codecs)
  const timestampType = effectiveConfig(topic, deps.configs, 'message.timestamp.type').value
  if (timestampType === 'CreateTime') return { header, bytes, logAppendTimeMs: -1 }
  const nowMs = deps.clock.nowMs()
  return {
    header: { ...header, maxTimestamp: nowMs },
    bytes: stampLogAppendTime(bytes.slice(), nowMs),
    logAppendTimeMs: nowMs,
  }
}

function recompressed(
  deps: Deps,
  topic: Topic,
  batch: { header: BatchHeader; bytes: Uint8Array },
  codecs: MeteredCodecs,
) {
  const wanted = effectiveConfig(topic, deps.configs, 'compression.type').value
  const compression = wanted === 'uncompressed' ? 'none' : wanted
  if (compression === 'producer' || compression === batch.header.compression) return batch
  checkDecompressed(codecs)
  const records = decodeBatch(batch.bytes, codecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })
  checkDecompressed(codecs)
  const { producerId, producerEpoch, baseSequence } = batch.header
  const bytes = encodeBatch({
    records,
    compression: compression as CompressionType,
    codecs: deps.codecs,
    ...(producerId >= 0 ? { producer: { producerId, producerEpoch, baseSequence } } : {}),
  })
  // As in Kafka, max.message.bytes holds for a batch as it was sent and as it is stored: none grows beyond a fetch.
  const maxBytes = Number(effectiveConfig(topic, deps.configs, 'max.message.bytes').value)
  return { bytes, header: openBatch(bytes, { maxBytes }) }
}

/** What is recoded is decompressed and compressed on this thread, which all requests share. */
function checkDecompressed(codecs: MeteredCodecs): void {
  if (codecs.decompressedBytes() <= MAX_DECOMPRESSED_BYTES) return
  throw new KafkaError(
    'MESSAGE_TOO_LARGE',
    `batches are too large together once decompressed max=${MAX_DECOMPRESSED_BYTES}`,
  )
}
