import assert from 'node:assert/strict'
import type { Deployment } from '../../local/deployment.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { decodeFrame } from '../../shared/protocol/frame.ts'
import { MAX_DECOMPRESSED_BYTES, MAX_FRAME_HEADER_BYTES } from '../../shared/protocol/limits.ts'
import { batchOf } from '../support/log-requests.ts'
import { produceBody } from '../support/raw-client.ts'
import type { Caller, Curl, CurlAnswer } from './signed-curl.ts'

/** The deployed API, called as one caller. */
export interface Api {
  get(path: string): Promise<CurlAnswer>
  post(path: string, body: unknown): Promise<CurlAnswer>
  /** Produces a batch of one record with this value to partition 0, as a frame, with acks=all. */
  produceFrame(topic: string, value: string): Promise<CurlAnswer>
  /** The values of the records that a fetch by frame answers from this offset on. */
  fetchFrame(topic: string, fetchOffset: number): Promise<string[]>
}

const FRAME_TYPE = 'application/vnd.stratolog.frame'
const REST_TYPE = 'application/vnd.kafka.json.v2+json'

/** Calls with curl; without a caller nothing is signed. */
export function apiAs(caller: Caller | undefined, { endpoint }: Deployment, curl: Curl): Api {
  return {
    get: (path) => curl({ url: `${endpoint}${path}`, caller }),
    post: (path, body) => {
      const headers = { 'content-type': path.startsWith('/v1/') ? 'application/json' : REST_TYPE }
      return curl({ url: `${endpoint}${path}`, headers, body: JSON.stringify(body), caller })
    },
    produceFrame: (topic, value) => {
      const body = produceBody(topic, batchOf(1, { value }))
      return curl({ url: `${endpoint}/v1/produce`, headers: { 'content-type': FRAME_TYPE }, body, caller })
    },
    fetchFrame: async (topic, fetchOffset) => {
      const partitions = [{ partitionIndex: 0, fetchOffset, partitionMaxBytes: 4 * 1024 * 1024 }]
      const answer = await curl({
        url: `${endpoint}/v1/fetch`,
        headers: { 'content-type': 'application/json', accept: FRAME_TYPE },
        body: JSON.stringify({ maxWaitMs: 0, topics: [{ name: topic, partitions }] }),
        caller,
      })
      assert.equal(answer.status, 200, String(answer.body))
      return valuesOf(answer.body)
    },
  }
}

function valuesOf(frame: Uint8Array): string[] {
  const { body } = decodeFrame(frame, MAX_FRAME_HEADER_BYTES)
  return splitBatches(body).flatMap(({ bytes }) =>
    decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES }).map(({ value }) =>
      Buffer.from(value ?? []).toString(),
    ),
  )
}
