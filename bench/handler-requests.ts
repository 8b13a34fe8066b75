import { randomBytes } from 'node:crypto'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../shared/protocol/encode-batch.ts'
import type { HandlerEnvironment } from './handler-environment.ts'
import type { ServiceCall } from './service-call.ts'

/** Who appends what to where. */
interface Producer {
  readonly topic: string
  readonly acks: -1 | 1
  readonly isIdempotent: boolean
  /** From 0 on; producer ids are made of it. */
  readonly producer: number
}

const FIRST_PRODUCER_ID = 1000
const RECORD_BYTES = 1000

/** What sends a producer's next batch and answers the calls it took. */
export function sender(
  handler: HandlerEnvironment,
  batchBytes: number,
  { topic, acks, isIdempotent, producer: number }: Producer,
): () => Promise<readonly ServiceCall[]> {
  const records = recordsOf(batchBytes)
  let baseSequence = 0
  return async () => {
    const producer = { producerId: FIRST_PRODUCER_ID + number, producerEpoch: 0, baseSequence }
    const batch = encodeBatch({
      records,
      compression: 'none',
      codecs: nodeCodecs,
      ...(isIdempotent ? { producer } : {}),
    })
    baseSequence += records.length
    const { topics } = await handler.produce({
      acks,
      timeoutMs: 30_000,
      transactionalId: null,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, batch }] }],
    })
    const row = topics[0]?.partitions[0]
    if (row?.errorCode !== 0) throw new Error(`batch was not acknowledged answer=${JSON.stringify(row)}`)
    return handler.takeCalls()
  }
}

/** One fetch from a partition: the calls it took, and how many batches it gave. */
export async function fetchOne(
  handler: HandlerEnvironment,
  { topic, fetchOffset, maxWaitMs }: { topic: string; fetchOffset: number; maxWaitMs: number },
): Promise<{ calls: readonly ServiceCall[]; batches: number }> {
  handler.takeCalls()
  const partition = {
    partitionIndex: 0,
    fetchOffset,
    partitionMaxBytes: 1_048_576,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  }
  const { topics } = await handler.fetch({
    maxWaitMs,
    minBytes: 1,
    maxBytes: 4_194_304,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [partition] }],
  })
  const row = topics[0]?.partitions[0]
  if (row?.errorCode !== 0) throw new Error(`fetch failed answer=${JSON.stringify(row)}`)
  return { calls: handler.takeCalls(), batches: row.batches.length }
}

/** Records of about `bytes` in all. */
export function recordsOf(bytes: number) {
  const timestamp = Date.now()
  return Array.from({ length: Math.max(1, Math.floor(bytes / RECORD_BYTES)) }, () => ({
    key: null,
    value: randomBytes(Math.min(bytes, RECORD_BYTES)),
    headers: [],
    timestamp,
  }))
}
