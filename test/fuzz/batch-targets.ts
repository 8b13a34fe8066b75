import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { MAX_BATCH_HEADERS, MAX_BATCH_RECORDS, placeBatch } from '../../shared/protocol/batch-header.ts'
import type { CompressionType } from '../../shared/protocol/compression.ts'
import { crc32c } from '../../shared/protocol/crc32c.ts'
import { decodeBatch, type LogRecord, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { encodeBatch, type RecordToWrite } from '../../shared/protocol/encode-batch.ts'
import { openBatch } from '../../shared/protocol/open-batch.ts'
import { accepted, holds, sameBytes, type Target } from './target.ts'

export const COMPRESSION_TYPES: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const MAX_BYTES = 1024 * 1024
const CRC_START = 21
/** Seven fields of a record, and two of a header, take at least a byte each. */
const MIN_RECORD_BYTES = 7
const MIN_HEADER_BYTES = 2

const text = (length: number) =>
  Buffer.from('all that is gold does not glitter '.repeat(length)).subarray(0, length)
const record = (length: number): RecordToWrite => ({
  key: length % 2 === 0 ? text(3) : null,
  value: text(length),
  headers: [
    { key: 'trace', value: text(length % 5) },
    { key: '', value: null },
  ],
  timestamp: 1_790_000_000_000 + length,
})
const SEEDS = COMPRESSION_TYPES.flatMap((compression) => [
  encodeBatch({ records: [record(0), record(33), record(4)], compression, codecs: nodeCodecs }),
  encodeBatch({
    records: [record(300)],
    compression,
    codecs: nodeCodecs,
    producer: { producerId: 2 ** 53 - 1, producerEpoch: 32_767, baseSequence: 2 ** 31 - 1 },
  }),
])

/** A batch as it comes, which its CRC guards, and the same one with a right CRC, as an attacker would send it. */
export const BATCH_TARGETS: readonly Target[] = [
  { name: 'batch', seeds: SEEDS, check: checkBatch },
  { name: 'batch-with-crc', seeds: SEEDS, check: (bytes) => checkBatch(withCrc(bytes)) },
  { name: 'batches', seeds: [...SEEDS, Buffer.concat(SEEDS)], check: checkBatches },
]

function checkBatch(bytes: Uint8Array): void {
  const opened = accepted(() => openBatch(bytes, { maxBytes: MAX_BYTES }))
  const records = accepted(() => decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_BYTES }))
  if (records !== undefined) checkBounds(records)
  if (opened === undefined) return
  holds(opened.recordCount > 0 && opened.recordCount <= MAX_BATCH_RECORDS, 'record count is bounded')
  holds(opened.batchLength === bytes.length, 'one batch is all there is')
  if (opened.compression !== 'none') return
  holds(opened.recordCount * MIN_RECORD_BYTES < bytes.length, 'every record has bytes')
  holds(records !== undefined, 'what is opened uncompressed is decoded')
  holds(records.length === opened.recordCount, 'as many records as were said')
  holds(
    records.every(({ offset }, at) => offset === at),
    'offsets are 0 and on',
  )
  const copy = placeBatch(Uint8Array.from(bytes), { baseOffset: 2 ** 52, leaderEpoch: 7 })
  const placed = decodeBatch(copy, nodeCodecs, { maxDecompressedBytes: MAX_BYTES })
  holds(placed.at(-1)?.offset === 2 ** 52 + records.length - 1, 'the place is outside of the crc')
  checkEncodedAgain(records)
}

/** Our own encoding of what was decoded decodes to the same: keys of headers that were not UTF-8 are by then. */
function checkEncodedAgain(records: readonly LogRecord[]): void {
  const encoded = encodeBatch({ records: [...records], compression: 'none', codecs: nodeCodecs })
  const again = decodeBatch(encoded, nodeCodecs, { maxDecompressedBytes: encoded.length })
  const plain = (all: readonly LogRecord[]) =>
    JSON.stringify(
      all.map(({ leaderEpoch: _, key, value, headers, timestamp, offset }) => {
        const bytes = (field: Uint8Array | null) => field && Buffer.from(field).toString('base64')
        const pairs = headers.map((header) => [header.key, bytes(header.value)])
        return [offset, timestamp, bytes(key), bytes(value), pairs]
      }),
    )
  holds(plain(again) === plain(records), 'records are the same when encoded again')
}

function checkBounds(records: readonly LogRecord[]): void {
  const headers = records.reduce((sum, { headers }) => sum + headers.length, 0)
  const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
  holds(records.length <= MAX_BATCH_RECORDS && headers <= MAX_BATCH_HEADERS, 'counts are bounded')
  const least = records.length * MIN_RECORD_BYTES + headers * MIN_HEADER_BYTES + bytes
  holds(least <= MAX_BYTES, 'no more is made of the bytes than they can hold')
  holds(
    records.every(({ offset, timestamp }) => Number.isSafeInteger(offset) && Number.isSafeInteger(timestamp)),
    'offsets and timestamps are safe integers',
  )
}

function checkBatches(bytes: Uint8Array): void {
  const batches = accepted(() => splitBatches(bytes))
  if (batches === undefined) return
  sameBytes(Buffer.concat(batches.map((batch) => batch.bytes)), bytes, 'the batches are all of the bytes')
  for (const { bytes: batch } of batches) {
    accepted(() => decodeBatch(batch, nodeCodecs, { maxDecompressedBytes: MAX_BYTES }))
  }
}

/** The batch with its length and CRC made right. */
function withCrc(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= CRC_START) return bytes
  const copy = Uint8Array.from(bytes)
  const view = new DataView(copy.buffer)
  view.setInt32(8, copy.length - 12)
  view.setUint32(17, crc32c(copy, CRC_START))
  return copy
}
