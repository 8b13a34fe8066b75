import { isUtf8 } from 'node:buffer'
import type { LogRecord } from '../shared/protocol/decode-batch.ts'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import { MAX_FETCH_BYTES } from '../shared/protocol/limits.ts'
import { readPage } from '../shared/service/rest-records.ts'
import { malformed } from './envelope.ts'
import type { Handler } from './handler.ts'
import { acceptedTypes, type EmbeddedFormat, embeddedFormat, unsupportedMediaType } from './media-type.ts'
import { pathPartition, queryInteger } from './rest-params.ts'

const DEFAULT_TIMEOUT_MS = 1000
const DEFAULT_MAX_BYTES = 1_048_576
const MAX_INT = 2 ** 31 - 1
const READS_ANY_BYTES = 'Accept: application/vnd.kafka.binary.v2+json'

/** `GET /topics/{topic}/partitions/{partition}/records?offset=`: a page of committed records, as JSON or base64. */
export const restRecordsFunction: Handler = {
  run: async (deps, { params, query, headers, signal }) => {
    const format = wantedFormat(headers.accept)
    const { topic = '', partition: partitionText = '' } = params
    const partition = pathPartition(partitionText)
    const offset = queryInteger(query, 'offset', {
      min: Number.MIN_SAFE_INTEGER,
      max: Number.MAX_SAFE_INTEGER,
    })
    if (offset === undefined) throw malformed('rest', 'offset: is required')
    const page = await readPage(deps, {
      topic,
      partition,
      offset,
      leaderEpoch: queryInteger(query, 'leader_epoch', { min: -1, max: MAX_INT }) ?? -1,
      maxBytes: Math.min(
        MAX_FETCH_BYTES,
        queryInteger(query, 'max_bytes', { min: 0, max: MAX_INT }) ?? DEFAULT_MAX_BYTES,
      ),
      timeoutMs: queryInteger(query, 'timeout', { min: 0, max: MAX_INT }) ?? DEFAULT_TIMEOUT_MS,
      signal,
    })
    const texts = recordTexts(page.records, { topic, partition, format })
    const firstLeftOut = page.records[texts.length]
    const leaderEpoch = page.records[texts.length - 1]?.leaderEpoch ?? page.leaderEpoch
    return {
      status: 200,
      headers: {
        'Content-Type': `application/vnd.kafka.${format}.v2+json`,
        'X-Next-Offset': String(firstLeftOut?.offset ?? page.nextOffset),
        'X-Leader-Epoch': String(leaderEpoch),
      },
      body: [Buffer.from(`[${texts.join(',')}]`)],
    }
  },
}

/** The first embedded format that the caller takes. */
function wantedFormat(accept: string | undefined): EmbeddedFormat {
  const types = acceptedTypes(accept)
  for (const type of types) {
    const format = embeddedFormat(type)
    if (format !== undefined) return format
  }
  if (types.includes('text/event-stream')) {
    throw new KafkaError('INVALID_REQUEST', 'there is no live tail yet', { restCode: 404 })
  }
  throw unsupportedMediaType(
    'accept must be application/vnd.kafka.json.v2+json or application/vnd.kafka.binary.v2+json',
  )
}

/** The records as JSON texts, up to the first that `format` cannot show; throws 40801 when that is the first of all. */
function recordTexts(
  records: readonly LogRecord[],
  place: { readonly topic: string; readonly partition: number; readonly format: EmbeddedFormat },
): string[] {
  const texts: string[] = []
  for (const record of records) {
    const key = embedded(record.key, place.format)
    const value = embedded(record.value, place.format)
    if (key === undefined || value === undefined) {
      if (texts.length > 0) break
      const fact = `record is not JSON, any bytes are read with ${READS_ANY_BYTES}`
      throw new KafkaError('INVALID_REQUEST', `${fact} offset=${record.offset}`, { restCode: 40801 })
    }
    const headers = record.headers.map((header) => ({
      key: header.key,
      value: header.value === null ? null : base64(header.value),
    }))
    texts.push(
      `{"topic":${JSON.stringify(place.topic)},"key":${key},"value":${value},"partition":${place.partition},"offset":${record.offset},"timestamp":${record.timestamp},"headers":${JSON.stringify(headers)}}`,
    )
  }
  return texts
}

/** Stored JSON goes out as it is: every digit and blank. Undefined when it is none. */
function embedded(bytes: Uint8Array | null, format: EmbeddedFormat): string | undefined {
  if (bytes === null) return 'null'
  if (format === 'binary') return JSON.stringify(base64(bytes))
  if (!isUtf8(bytes)) return undefined
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  try {
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
