import { StratologError, transport } from '../../client/index.ts'
import { acceptedTypes, contentTypeOf, embeddedFormat } from '../../functions/media-type.ts'
import { batchesOfFrame } from '../../functions/produce-request.ts'
import { fromBase64url, toBase64url } from '../../shared/protocol/base64url.ts'
import { decodeFrame, encodeFrame } from '../../shared/protocol/frame.ts'
import {
  type ByteReader,
  readUnsignedVarint,
  readVarint,
  readVarlong,
  varintSize,
  writeUnsignedVarint,
  writeVarint,
} from '../../shared/protocol/varint.ts'
import { accepted, holds, json, sameBytes, type Target } from './target.ts'

const MAX_HEADER_BYTES = 10_000

const frame = (header: unknown, ...batches: Uint8Array[]) => Buffer.concat(encodeFrame(header, batches))
const produceHeader = (byteLength: number) => ({
  acks: 'all',
  timeoutMs: 1000,
  topics: [
    {
      name: 'orders',
      partitions: [
        { partitionIndex: 0, byteLength },
        { partitionIndex: 1, byteLength: 0 },
      ],
    },
  ],
})
const fetchHeader = (byteLength: number) => ({
  topics: [
    { name: 'orders', partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: 9, byteLength }] },
  ],
})

const varints = [
  0,
  -1,
  63,
  64,
  -64,
  -65,
  8191,
  8192,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 53 - 1,
  -(2 ** 53 - 1),
].map((value) => {
  const bytes = new Uint8Array(10)
  return bytes.slice(0, writeVarint(bytes, 0, value))
})

/** What stands in bytes and headers of a request and its answer, but for record batches. */
export const WIRE_TARGETS: readonly Target[] = [
  { name: 'varint', seeds: [...varints, new Uint8Array(11).fill(0xff)], check: checkVarints },
  {
    name: 'frame',
    seeds: [frame({}), frame(produceHeader(5), Buffer.from('hello')), frame([1, 'é', null], Buffer.alloc(3))],
    check: checkFrame,
  },
  {
    name: 'fetch-answer',
    seeds: [frame(fetchHeader(5), Buffer.from('hello')), frame(fetchHeader(0)), frame({ topics: [] })],
    check: checkFetchAnswer,
  },
  {
    name: 'base64url',
    seeds: ['', 'AA', 'AAA', '_-_-', 'c3RyYXRvbG9nIGlzIGE'].map((text) => Buffer.from(text)),
    check: (bytes) => sameBytes(fromBase64url(toBase64url(bytes)), bytes, 'bytes come back from base64url'),
  },
  {
    name: 'media-type',
    seeds: [
      'application/json; charset=utf-8',
      'application/vnd.kafka.json.v2+json; q=0.5, application/vnd.kafka.binary.v2+json;q=1, */*;q=0',
      'application/vnd.stratolog.frame;a="b;c"',
    ].map((text) => Buffer.from(text)),
    check: checkMediaType,
  },
]

function checkVarints(bytes: Uint8Array): void {
  const kinds = [
    { read: readVarint, maxBytes: 5, bits: 32n, isSigned: true },
    { read: readVarlong, maxBytes: 10, bits: 64n, isSigned: true },
    { read: readUnsignedVarint, maxBytes: 5, bits: 32n, isSigned: false },
  ]
  for (const { read, maxBytes, bits, isSigned } of kinds) {
    const reader: ByteReader = { bytes, position: 0, end: bytes.length }
    const value = accepted(() => read(reader), ['CORRUPT_MESSAGE'])
    holds(reader.position <= Math.min(bytes.length, maxBytes), 'no byte behind the number is read')
    const wanted = referenceVarint(bytes, { maxBytes, bits, isSigned })
    holds(value === wanted, `${bytes} is ${wanted}, was read as ${value}`)
    if (value === undefined) continue
    const written = new Uint8Array(10)
    const end = isSigned ? writeVarint(written, 0, value) : writeUnsignedVarint(written, 0, value)
    holds(end <= reader.position, 'our own form is the shortest')
    if (isSigned) holds(end === varintSize(value), 'its size is foretold')
    const again: ByteReader = { bytes: written, position: 0, end }
    holds(read(again) === value && again.position === end, 'a number comes back as it was written')
  }
}

/** The same in big integers, by the grammar alone; undefined for what must be refused. */
function referenceVarint(
  bytes: Uint8Array,
  { maxBytes, bits, isSigned }: { maxBytes: number; bits: bigint; isSigned: boolean },
): number | undefined {
  let raw = 0n
  for (const [at, byte] of bytes.subarray(0, maxBytes).entries()) {
    raw |= BigInt(byte & 0x7f) << BigInt(7 * at)
    if (byte >= 0x80) continue
    if (raw >= 1n << bits) return undefined
    const value = Number(isSigned ? (raw >> 1n) ^ -(raw & 1n) : raw)
    return Number.isSafeInteger(value) ? value : undefined
  }
  return undefined
}

function checkFrame(bytes: Uint8Array): void {
  const decoded = accepted(() => decodeFrame(bytes, MAX_HEADER_BYTES), ['INVALID_REQUEST'])
  const batches = accepted(() => batchesOfFrame(bytes), ['INVALID_REQUEST', 'MESSAGE_TOO_LARGE'])
  if (decoded === undefined) return
  const { header, body } = decoded
  holds(body.length <= bytes.length - 4, 'the body is a part of the frame')
  const again = decodeFrame(frame(header, body), bytes.length * 6 + 4)
  holds(JSON.stringify(again.header) === JSON.stringify(header), 'a header comes back as it was written')
  sameBytes(again.body, body, 'a body comes back as it was written')
  if (batches === undefined) return
  const parts = batches.topics.flatMap(({ partitions }) => partitions.map(({ batch }) => batch))
  sameBytes(Buffer.concat(parts), body, 'the batches are all of the body')
}

/** A client that gets no answer of ours says so in its own error. */
async function checkFetchAnswer(bytes: Uint8Array): Promise<void> {
  const headers = { 'content-type': 'application/vnd.stratolog.frame' }
  const log = transport({
    endpoint: 'http://service',
    fetch: async () => new Response(Uint8Array.from(bytes), { headers }),
    retry: { deliveryTimeoutMs: 0 },
  })
  try {
    const { topics } = await log.fetchFrame({ topics: [] })
    holds(
      topics.every(({ partitions }) => partitions.every(({ batches }) => batches.length <= bytes.length)),
      'batches are parts of the answer',
    )
  } catch (error) {
    if (!(error instanceof StratologError)) throw error
  }
}

function checkMediaType(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString('latin1')
  const type = accepted(() => contentTypeOf({ 'content-type': text }), ['INVALID_REQUEST'])
  if (type !== undefined) {
    holds(!type.includes(';') && type === type.trim().toLowerCase(), 'a media type is without parameters')
    embeddedFormat(type)
  }
  const types = acceptedTypes(text)
  holds(types.length <= text.split(',').length, 'no type is made up')
  holds(json(types).length <= 6 * bytes.length + 100, 'types are parts of the header')
}
