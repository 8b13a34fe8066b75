import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import type { CompressionType } from '../../shared/protocol/compression.ts'
import { crc32c } from '../../shared/protocol/crc32c.ts'
import { decodeBatch } from '../../shared/protocol/decode-batch.ts'
import { type BatchProducer, encodeBatch } from '../../shared/protocol/encode-batch.ts'
import type { Effect, ErrorName } from '../../shared/protocol/error-table.ts'
import { createTopics } from '../../shared/service/create-topics.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { type FetchedBatches, fetch } from '../../shared/service/fetch.ts'
import { listOffsets } from '../../shared/service/list-offsets.ts'
import { produce } from '../../shared/service/produce.ts'

/** The topic and partition that tests use where they need just one. */
export const TOPIC = 'orders'

/** What one partition answered: `errorName` undefined is success. */
export interface Produced {
  readonly errorName: ErrorName | undefined
  readonly effect: Effect | undefined
  readonly baseOffset: number
  readonly logAppendTimeMs: number
}

interface BatchOptions {
  /** What every record's value says; the batch is known by it. */
  readonly value?: string
  readonly producer?: BatchProducer
  readonly timestamps?: readonly number[]
  readonly compression?: CompressionType
  readonly isTransactional?: boolean
  /** How many records the header says there are. */
  readonly claimsRecords?: number
}

/** A batch of `recordCount` records. */
export function batchOf(recordCount: number, options: BatchOptions = {}): Uint8Array {
  const value = new TextEncoder().encode(options.value ?? 'v')
  const bytes = encodeBatch({
    records: Array.from({ length: recordCount }, (_, position) => ({
      key: null,
      value,
      headers: [],
      timestamp: options.timestamps?.[position] ?? 1000 + position,
    })),
    compression: options.compression ?? 'none',
    codecs: nodeCodecs,
    ...(options.producer === undefined ? {} : { producer: options.producer }),
    isTransactional: options.isTransactional ?? false,
  })
  return options.claimsRecords === undefined ? bytes : claiming(bytes, options.claimsRecords)
}

/** The batch with another record count and its CRC made right again. */
function claiming(bytes: Uint8Array, recordCount: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setInt32(23, recordCount - 1)
  view.setInt32(57, recordCount)
  view.setUint32(17, crc32c(bytes, 21))
  return bytes
}

/** A batch of one record with a sequence. */
export const sequenced = (baseSequence: number, producerId = 7, producerEpoch = 0): Uint8Array =>
  batchOf(1, { producer: { producerId, producerEpoch, baseSequence } })

/** Creates a topic; answers its id. */
export async function createTopic(
  deps: Deps,
  name: string = TOPIC,
  options: { partitions?: number; configs?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const configs = Object.entries(options.configs ?? {}).map(([config, value]) => ({ name: config, value }))
  const wanted = {
    name,
    numPartitions: options.partitions ?? 1,
    replicationFactor: -1,
    assignments: [],
    configs,
  }
  const { topics } = await createTopics(deps, { topics: [wanted], validateOnly: false })
  const [row] = topics
  if (row === undefined || 'errorName' in row) throw new Error(`topic was not created: ${row?.errorMessage}`)
  return row.topicId ?? ''
}

interface ProduceOptions {
  readonly topic?: string
  readonly topicId?: string
  readonly partitionIndex?: number
  readonly acks?: number | 'all'
  readonly timeoutMs?: number
}

/** Produces one batch. */
export async function produceOne(
  deps: Deps,
  batch: Uint8Array,
  options: ProduceOptions = {},
): Promise<Produced> {
  const { topic = TOPIC, topicId, partitionIndex = 0 } = options
  const { topics } = await produce(deps, {
    acks: options.acks ?? -1,
    timeoutMs: options.timeoutMs ?? 30_000,
    transactionalId: null,
    topics: [
      { name: topic, ...(topicId === undefined ? {} : { topicId }), partitions: [{ partitionIndex, batch }] },
    ],
  })
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new Error('no row was answered')
  const { baseOffset, logAppendTimeMs } = row
  return 'errorName' in row
    ? { errorName: row.errorName, effect: row.effect, baseOffset, logAppendTimeMs }
    : { errorName: undefined, effect: undefined, baseOffset, logAppendTimeMs }
}

interface FetchOptions {
  readonly topic?: string
  readonly topicId?: string
  readonly partitionIndex?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly isolationLevel?: 0 | 1
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
  readonly rackId?: string
}

/** Fetches from one partition; does not wait unless told. */
export async function fetchOne(
  deps: Deps,
  fetchOffset: number,
  options: FetchOptions = {},
): Promise<FetchedBatches> {
  const { topic = TOPIC, topicId } = options
  const partition = {
    partitionIndex: options.partitionIndex ?? 0,
    fetchOffset,
    partitionMaxBytes: options.partitionMaxBytes ?? 1_048_576,
    currentLeaderEpoch: options.currentLeaderEpoch ?? -1,
    lastFetchedEpoch: options.lastFetchedEpoch ?? -1,
  }
  const { topics } = await fetch(deps, {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 4_194_304,
    isolationLevel: options.isolationLevel ?? 0,
    ...(options.rackId === undefined ? {} : { rackId: options.rackId }),
    topics: [{ name: topic, ...(topicId === undefined ? {} : { topicId }), partitions: [partition] }],
  })
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new Error('no row was answered')
  return row
}

/** The error of a row; undefined where there is none. */
export const errorOf = (row: object): ErrorName | undefined =>
  'errorName' in row ? (row.errorName as ErrorName) : undefined

/** A batch as a reader sees it: where it stands, and what its first record says. */
export interface SeenBatch {
  readonly baseOffset: number
  readonly recordCount: number
  readonly value: string
  readonly leaderEpoch: number
}

/** What whole batches say. */
export function seen(batches: readonly Uint8Array[]): readonly SeenBatch[] {
  return batches.map((bytes) => {
    const records = decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: 1_000_000 })
    const [first] = records
    if (first === undefined) throw new Error('batch without records')
    const value = new TextDecoder().decode(first.value ?? new Uint8Array(0))
    return { baseOffset: first.offset, recordCount: records.length, value, leaderEpoch: first.leaderEpoch }
  })
}

/** The whole visible log, fetched some batches at a time. */
export async function fetchAll(deps: Deps, options: FetchOptions = {}): Promise<readonly SeenBatch[]> {
  const found: SeenBatch[] = []
  for (let nextOffset = 0; ; ) {
    const row = await fetchOne(deps, nextOffset, { partitionMaxBytes: 300, ...options })
    if (errorOf(row) !== undefined) throw new Error(`fetch failed: ${errorOf(row)} at ${nextOffset}`)
    if (row.batches.length === 0) return found
    found.push(...seen(row.batches))
    nextOffset = row.nextOffset
  }
}

/** ListOffsets of one partition. */
export async function listOne(
  deps: Deps,
  timestamp: number,
  options: { topic?: string; isolationLevel?: 0 | 1; currentLeaderEpoch?: number } = {},
) {
  const { topics } = await listOffsets(deps, {
    isolationLevel: options.isolationLevel ?? 0,
    topics: [
      {
        name: options.topic ?? TOPIC,
        partitions: [{ partitionIndex: 0, timestamp, currentLeaderEpoch: options.currentLeaderEpoch ?? -1 }],
      },
    ],
  })
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new Error('no row was answered')
  return row
}
