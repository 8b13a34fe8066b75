import { expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { withMaxTimestamp } from '../../shared/protocol/batch-header.ts'
import { crc32c } from '../../shared/protocol/crc32c.ts'
import { encodeBatch, type RecordToWrite } from '../../shared/protocol/encode-batch.ts'
import type { ErrorName } from '../../shared/protocol/error-table.ts'
import { openBatch } from '../../shared/protocol/open-batch.ts'

const MAX_BYTES = 1000

const record: RecordToWrite = {
  key: Uint8Array.of(1),
  value: Uint8Array.of(2, 3),
  headers: [{ key: 'h', value: null }],
  timestamp: 1_700_000_000_000,
}

const goodBatch = () =>
  encodeBatch({
    records: [record, { ...record, key: null, timestamp: record.timestamp + 5 }],
    compression: 'none',
    codecs: nodeCodecs,
    producer: { producerId: 9, producerEpoch: 1, baseSequence: 7 },
  })

/** The good batch with `change` applied and its CRC made right again. */
function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = goodBatch()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  change(view, bytes)
  view.setUint32(17, crc32c(bytes, 21))
  return bytes
}

const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))

// first record: 61 length | 62 attributes | 63 timestampDelta | 64 offsetDelta | 65 key length, key
//               67 value length, value | 70 headerCount | 71 header key length, key | 73 header value length
const SECOND_RECORD = 74

test('a good batch is opened and its header answered', () => {
  expect(openBatch(goodBatch(), { maxBytes: MAX_BYTES })).toMatchObject({
    baseOffset: 0,
    batchLength: goodBatch().length,
    magic: 2,
    compression: 'none',
    timestampType: 'CreateTime',
    isTransactional: false,
    isControl: false,
    lastOffsetDelta: 1,
    recordCount: 2,
    baseTimestamp: 1_700_000_000_000,
    maxTimestamp: 1_700_000_000_005,
    producerId: 9,
    producerEpoch: 1,
    baseSequence: 7,
  })
})

test.each<{ name: string; given: Uint8Array }>([
  { name: 'no producer id, but epoch 0 and sequence 0', given: changed((v) => noProducer(v, 0)) },
  { name: 'no producer id, epoch or sequence', given: changed((v) => noProducer(v, -1)) },
  { name: 'any leader epoch', given: changed((v) => v.setInt32(12, 77)) },
  { name: 'a transactional batch, which the header reports', given: changed((v) => v.setInt16(21, 0x10)) },
  { name: 'compressed records that are nonsense', given: changed((v) => v.setInt16(21, 4)) },
])('$name is taken', ({ given }) => {
  expect(openBatch(given, { maxBytes: MAX_BYTES }).recordCount).toBe(2)
})

test.each<{ name: string; given: Uint8Array; error: ErrorName }>([
  { name: 'a batch over maxBytes', given: new Uint8Array(MAX_BYTES + 1), error: 'MESSAGE_TOO_LARGE' },
  { name: 'no batch', given: new Uint8Array(0), error: 'INVALID_RECORD' },
  { name: 'half a header', given: goodBatch().subarray(0, 60), error: 'CORRUPT_MESSAGE' },
  { name: 'a batch without its last byte', given: goodBatch().subarray(0, -1), error: 'CORRUPT_MESSAGE' },
  { name: 'a negative length', given: changed((v) => v.setInt32(8, -1)), error: 'CORRUPT_MESSAGE' },
  { name: 'a length below the header’s', given: changed((v) => v.setInt32(8, 48)), error: 'CORRUPT_MESSAGE' },
  { name: 'a damaged byte', given: goodBatch().fill(99, 66, 67), error: 'CORRUPT_MESSAGE' },
  {
    name: 'a damaged byte and a second batch',
    given: join(goodBatch().fill(99, 66, 67), goodBatch()),
    error: 'CORRUPT_MESSAGE',
  },
  { name: 'two batches', given: join(goodBatch(), goodBatch()), error: 'INVALID_RECORD' },
  { name: 'a batch and one more byte', given: join(goodBatch(), Uint8Array.of(0)), error: 'INVALID_RECORD' },
  { name: 'magic 1', given: changed((v) => v.setInt8(16, 1)), error: 'INVALID_RECORD' },
  { name: 'a base offset', given: changed((v) => v.setBigInt64(0, 1n)), error: 'INVALID_RECORD' },
  {
    name: 'a base offset that is no safe integer',
    given: changed((v) => v.setBigInt64(0, 1n << 62n)),
    error: 'INVALID_RECORD',
  },
  { name: 'a control batch', given: changed((v) => v.setInt16(21, 0x20)), error: 'INVALID_RECORD' },
  { name: 'LogAppendTime', given: changed((v) => v.setInt16(21, 0x08)), error: 'INVALID_TIMESTAMP' },
  { name: 'a delete horizon', given: changed((v) => v.setInt16(21, 0x40)), error: 'INVALID_RECORD' },
  { name: 'attribute bit 15', given: changed((v) => v.setInt16(21, -0x8000)), error: 'INVALID_RECORD' },
  { name: 'compression 5', given: changed((v) => v.setInt16(21, 5)), error: 'UNSUPPORTED_COMPRESSION_TYPE' },
  {
    name: 'a base timestamp of 2⁵³',
    given: changed((v) => v.setBigInt64(27, 1n << 53n)),
    error: 'INVALID_TIMESTAMP',
  },
  {
    name: 'a max timestamp of −2⁵³',
    given: changed((v) => v.setBigInt64(35, -(1n << 53n))),
    error: 'INVALID_TIMESTAMP',
  },
  {
    name: 'a producer id of 2⁵³',
    given: changed((v) => v.setBigInt64(43, 1n << 53n)),
    error: 'INVALID_PRODUCER_ID_MAPPING',
  },
  {
    name: 'a producer id of −2',
    given: changed((v) => v.setBigInt64(43, -2n)),
    error: 'INVALID_PRODUCER_ID_MAPPING',
  },
  { name: 'a producer id without epoch', given: changed((v) => v.setInt16(51, -1)), error: 'INVALID_RECORD' },
  {
    name: 'a producer id without sequence',
    given: changed((v) => v.setInt32(53, -1)),
    error: 'INVALID_RECORD',
  },
  { name: 'no records', given: changed((v) => counts(v, 0)), error: 'INVALID_RECORD' },
  { name: 'a negative count', given: changed((v) => counts(v, -1)), error: 'INVALID_RECORD' },
  { name: 'more than 100,000 records', given: changed((v) => counts(v, 100_001)), error: 'INVALID_RECORD' },
  {
    name: 'a last offset that is not the count’s',
    given: changed((v) => v.setInt32(23, 2)),
    error: 'INVALID_RECORD',
  },
])('$name is refused with $error', ({ given, error }) => {
  expect(() => openBatch(given, { maxBytes: MAX_BYTES })).toThrow(
    expect.objectContaining({ errorName: error }),
  )
})

test.each<{ name: string; at: number; byte: number; says: RegExp }>([
  { name: 'a record longer than the batch', at: 61, byte: 0x7e, says: /record length is wrong.*record=0/ },
  { name: 'a negative record length', at: 61, byte: 0x01, says: /record length is wrong/ },
  {
    name: 'a record shorter than its content',
    at: 61,
    byte: 0x16,
    says: /length and content differ length=11/,
  },
  { name: 'an offset out of order', at: SECOND_RECORD + 3, byte: 0x04, says: /offsetDelta=2 record=1/ },
  { name: 'a key length below −1', at: 65, byte: 0x03, says: /key length is wrong length=-2/ },
  { name: 'a value beyond the batch', at: 67, byte: 0x7e, says: /value length is wrong length=63/ },
  { name: 'more headers than bytes', at: 70, byte: 0x10, says: /header count is wrong headerCount=8/ },
  { name: 'a negative header count', at: 70, byte: 0x01, says: /header count is wrong headerCount=-1/ },
  { name: 'a header without key', at: 71, byte: 0x01, says: /header key length is wrong length=-1/ },
])('uncompressed records with $name are refused', ({ at, byte, says }) => {
  const given = changed((_, bytes) => bytes.fill(byte, at, at + 1))
  expect(() => openBatch(given, { maxBytes: MAX_BYTES })).toThrow(
    expect.objectContaining({ errorName: 'INVALID_RECORD', message: expect.stringMatching(says) }),
  )
})

test.each([5n, -1n, BigInt(Number.MAX_SAFE_INTEGER)])(
  'the max timestamp answered is that of the records, where the header says %d',
  (claimed) => {
    const given = changed((v) => v.setBigInt64(35, claimed))
    const header = openBatch(given, { maxBytes: MAX_BYTES })
    expect(header.maxTimestamp).toBe(1_700_000_000_005)
    expect(withMaxTimestamp(given, header)).toEqual(goodBatch())
  },
)

test('a batch with the right max timestamp is left as it is', () => {
  const given = goodBatch()
  expect(withMaxTimestamp(given, openBatch(given, { maxBytes: MAX_BYTES }))).toBe(given)
})

test('fewer records than the body holds are refused', () => {
  expect(() =>
    openBatch(
      changed((v) => counts(v, 1)),
      { maxBytes: MAX_BYTES },
    ),
  ).toThrow(/bytes after the last record/)
})

test('a timestamp that is no safe integer once the delta is added is refused', () => {
  const given = changed((v) => v.setBigInt64(27, BigInt(Number.MAX_SAFE_INTEGER)))
  expect(() => openBatch(given, { maxBytes: MAX_BYTES })).toThrow(/timestamp is not a safe integer record=1/)
})

function noProducer(view: DataView, epochAndSequence: number): void {
  view.setBigInt64(43, -1n)
  view.setInt16(51, epochAndSequence)
  view.setInt32(53, epochAndSequence)
}

function counts(view: DataView, recordCount: number): void {
  view.setInt32(23, recordCount - 1)
  view.setInt32(57, recordCount)
}
