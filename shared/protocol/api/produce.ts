import * as z from 'zod'
import type { ErrorRow } from '../kafka-error.ts'
import { index, type TopicOf, topicsOf } from './common.ts'

const bytes = z.base64().nullable()

/** A record of a JSON request: bytes are base64, null is null. */
export const jsonRecord = z.strictObject({
  key: bytes.default(null),
  value: bytes.default(null),
  headers: z.array(z.strictObject({ key: z.string(), value: bytes })).default([]),
  timestamp: z.int().optional(),
})

const fields = {
  acks: z.union([z.int(), z.literal('all')]).default(-1),
  timeoutMs: z.int().min(0).default(30_000),
  transactionalId: z.string().nullable().default(null),
}

/** JSON body of `POST /v1/produce`: `records` is base64 of one RecordBatch v2, or records for the service to batch. */
export const produceRequest = z.strictObject({
  ...fields,
  topics: topicsOf(
    z.strictObject({
      partitionIndex: index,
      records: z.union([z.base64(), z.array(jsonRecord)]),
      producerId: z.int().optional(),
      producerEpoch: z.int().optional(),
      baseSequence: z.int().optional(),
    }),
  ),
})

/** Header of a produce frame: each partition's batch is the next `byteLength` bytes behind it. */
export const produceFrame = z.strictObject({
  ...fields,
  topics: topicsOf(z.strictObject({ partitionIndex: index, byteLength: index })),
})

/** What became of one partition's batch. Without an error `baseOffset` is its first offset; −1 with acks=0 or when unknown. */
export type ProducedPartition = { readonly partitionIndex: number } & (
  | {
      readonly errorCode: 0
      readonly baseOffset: number
      /** −1 unless the topic has message.timestamp.type=LogAppendTime. */
      readonly logAppendTimeMs: number
      readonly logStartOffset: number
    }
  | (ErrorRow & { readonly baseOffset: -1; readonly logAppendTimeMs: -1; readonly logStartOffset: number })
)

export interface ProduceResponse {
  readonly topics: readonly TopicOf<ProducedPartition>[]
}
