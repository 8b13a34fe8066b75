import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import type { FetchedFrame, FetchResponse } from '../../shared/protocol/api/fetch.ts'
import type { ProduceResponse } from '../../shared/protocol/api/produce.ts'
import { decodeBatch, type LogRecord, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { decodeFrame, encodeFrame } from '../../shared/protocol/frame.ts'
import { MAX_DECOMPRESSED_BYTES, MAX_FRAME_HEADER_BYTES } from '../../shared/protocol/limits.ts'

/** What a client may believe about its batch. `refused`: it is not in the log. `unknown`: it may be, or may be yet. */
export type Outcome =
  | { readonly kind: 'acknowledged'; readonly baseOffset: number }
  | { readonly kind: 'refused' | 'unknown'; readonly errorName: string }

/** A batch of the log as it was fetched. */
export interface LogBatch {
  readonly baseOffset: number
  readonly bytes: Uint8Array
  readonly records: readonly LogRecord[]
}

/** `errorName` of a request whose answer the client did not wait for. */
export const ABANDONED = 'ABANDONED'
const REQUEST_TIMEOUT_MS = 20_000
const FRAME_TYPE = 'application/vnd.stratolog.frame'

/** Creates a topic of one partition that is copied to three nodes. */
export async function createTopic(endpoint: string, name: string): Promise<void> {
  const topics = [{ name, numPartitions: 1, replicationFactor: 3 }]
  const answer = await post(endpoint, 'create-topics', { body: JSON.stringify({ topics }) })
  const body = (await answer.json()) as { topics?: { errorCode: number }[] }
  if (body.topics?.[0]?.errorCode !== 0) throw new Error(`topic not created answer=${JSON.stringify(body)}`)
}

/** The body of a produce request of one batch to partition 0, with acks=all. */
export function produceBody(topic: string, batch: Uint8Array): Buffer<ArrayBuffer> {
  const partitions = [{ partitionIndex: 0, byteLength: batch.length }]
  return Buffer.concat(encodeFrame({ acks: -1, topics: [{ name: topic, partitions }] }, [batch]))
}

/**
 * Sends what `produceBody` made once, and never again. With `abandonAfterMs` it may leave without the answer: the effect
 * is unknown then, and errorName `ABANDONED`.
 */
export async function produceOnce(
  endpoint: string,
  body: Buffer<ArrayBuffer>,
  options: { readonly abandonAfterMs?: number | undefined } = {},
): Promise<Outcome> {
  const abandoned = new AbortController()
  const { abandonAfterMs } = options
  const timer = abandonAfterMs === undefined ? undefined : setTimeout(() => abandoned.abort(), abandonAfterMs)

  let answer: Response
  let text: string
  try {
    answer = await post(endpoint, 'produce', { body, contentType: FRAME_TYPE, signal: abandoned.signal })
    text = await answer.text()
  } catch (error) {
    if (abandoned.signal.aborted) return { kind: 'unknown', errorName: ABANDONED }
    return networkOutcome(error)
  } finally {
    clearTimeout(timer)
  }
  if (answer.status !== 200) {
    const { effect, kafka_error } = JSON.parse(text) as { effect: string; kafka_error: string }
    return { kind: effect === 'none' ? 'refused' : 'unknown', errorName: kafka_error }
  }
  const row = (JSON.parse(text) as ProduceResponse).topics[0]?.partitions[0]
  if (row === undefined) throw new Error(`answer without a row body=${text}`)
  if (!('errorName' in row)) return { kind: 'acknowledged', baseOffset: row.baseOffset }
  return { kind: row.effect === 'none' ? 'refused' : 'unknown', errorName: row.errorName }
}

/** All batches of a partition, from offset 0 to the high watermark, in the order in which they are fetched. */
export async function readLog(endpoint: string, topic: string, partitionIndex = 0): Promise<LogBatch[]> {
  const log: LogBatch[] = []
  for (let nextOffset = 0; ; ) {
    const { highWatermark, batches } = await fetchFrom(endpoint, topic, {
      partitionIndex,
      fetchOffset: nextOffset,
    })
    for (const { header, bytes } of splitBatches(batches)) {
      const records = decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES })
      log.push({ baseOffset: header.baseOffset, bytes, records })
      nextOffset = header.baseOffset + header.lastOffsetDelta + 1
    }
    if (nextOffset >= highWatermark) return log
    if (batches.length === 0)
      throw new Error(`nothing at offset=${nextOffset} highWatermark=${highWatermark}`)
  }
}

async function fetchFrom(
  endpoint: string,
  topic: string,
  from: { readonly partitionIndex: number; readonly fetchOffset: number },
) {
  const partitions = [{ ...from, partitionMaxBytes: 4 * 1024 * 1024 }]
  const body = JSON.stringify({ maxWaitMs: 0, topics: [{ name: topic, partitions }] })
  const answer = await post(endpoint, 'fetch', { body, accept: FRAME_TYPE })
  if (answer.status !== 200) throw new Error(`fetch failed answer=${await answer.text()}`)
  const frame = decodeFrame(new Uint8Array(await answer.arrayBuffer()), MAX_FRAME_HEADER_BYTES)
  const row = (frame.header as FetchResponse<FetchedFrame>).topics[0]?.partitions[0]
  if (row?.errorCode !== 0) throw new Error(`fetch failed row=${JSON.stringify(row)}`)
  return { highWatermark: row.highWatermark, batches: frame.body }
}

function post(endpoint: string, api: string, { body, contentType, accept, signal }: Sent): Promise<Response> {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  return fetch(`${endpoint}/v1/${api}`, {
    method: 'POST',
    headers: { 'content-type': contentType ?? 'application/json', accept: accept ?? '*/*' },
    body,
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  })
}

interface Sent {
  readonly body: string | Buffer<ArrayBuffer>
  readonly contentType?: string
  readonly accept?: string
  readonly signal?: AbortSignal
}

/** Where nothing listened, nothing was sent; a connection that broke, or stayed silent, tells nothing. */
export function networkOutcome(error: unknown): Outcome {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return { kind: code === 'ECONNREFUSED' ? 'refused' : 'unknown', errorName: code }
}
