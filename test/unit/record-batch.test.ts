import { expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import {
  BATCH_OVERHEAD_BYTES,
  placeBatch,
  readBatchHeader,
  stampLogAppendTime,
  writeBatchHeader,
} from '../../shared/protocol/batch-header.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { encodeBatch, type RecordToWrite, recordSizeUpperBound } from '../../shared/protocol/encode-batch.ts'
import { writeVarint } from '../../shared/protocol/varint.ts'

const text = (value: string) => new TextEncoder().encode(value)
const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
/** Behind the header, a first `plain` record of 8 bytes, and the second's length, attributes and timestampDelta. */
const SECOND_OFFSET_DELTA = BATCH_OVERHEAD_BYTES + 8 + 3
const OPTIONS = { maxDecompressedBytes: 10_000 }

const records: RecordToWrite[] = [
  { key: text('k'), value: text('one'), headers: [{ key: 'trace', value: text('ä') }], timestamp: 1000 },
  { key: null, value: null, headers: [{ key: '', value: null }], timestamp: 998 },
  { key: new Uint8Array(0), value: new Uint8Array(0), headers: [], timestamp: 1005 },
]

const batchOf = (toWrite: readonly RecordToWrite[]) =>
  encodeBatch({ records: toWrite, compression: 'none', codecs: nodeCodecs })

test('the bytes of a small batch are those of the specification', () => {
  const bytes = batchOf([
    { key: text('k'), value: null, headers: [{ key: 'h', value: text('v') }], timestamp: 1 },
  ])
  expect(Buffer.from(bytes).toString('hex')).toBe(
    [
      '0000000000000000', // baseOffset
      '0000003d', // length: 49 + 12
      'ffffffff', // leaderEpoch
      '02', // magic
      Buffer.from(bytes.subarray(17, 21)).toString('hex'), // crc, which is checked against a second implementation
      '0000', // attributes
      '00000000', // lastOffsetDelta
      '0000000000000001', // baseTimestamp
      '0000000000000001', // maxTimestamp
      'ffffffffffffffff', // producerId
      'ffff', // producerEpoch
      'ffffffff', // baseSequence
      '00000001', // recordCount
      '16', // record length: 11
      '00', // attributes
      '00', // timestampDelta
      '00', // offsetDelta
      '026b', // key
      '01', // value: null
      '02', // headerCount
      '0268', // header key
      '0276', // header value
    ].join(''),
  )
})

test('records come back with offsets, leader epoch and their own timestamps', () => {
  const bytes = placeBatch(batchOf(records), { baseOffset: 41, leaderEpoch: 6 })
  expect(decodeBatch(bytes, nodeCodecs, OPTIONS)).toEqual(
    records.map((record, index) => ({ ...record, offset: 41 + index, leaderEpoch: 6 })),
  )
  expect(readBatchHeader(bytes, 0)).toMatchObject({ baseTimestamp: 1000, maxTimestamp: 1005 })
})

test('records of a LogAppendTime batch all have its max timestamp', () => {
  const bytes = stampLogAppendTime(batchOf(records), 5000)
  expect(readBatchHeader(bytes, 0)).toMatchObject({ timestampType: 'LogAppendTime', maxTimestamp: 5000 })
  expect(decodeBatch(bytes, nodeCodecs, OPTIONS).map((record) => record.timestamp)).toEqual([
    5000, 5000, 5000,
  ])
})

test('offsets with gaps, as compaction leaves them, are kept', () => {
  const bytes = batchOf([plain(), plain()])
  bytes[SECOND_OFFSET_DELTA] = 2 * 9
  rewritten(bytes, { lastOffsetDelta: 12, recordCount: 2 })
  expect(decodeBatch(bytes, nodeCodecs, OPTIONS).map((record) => record.offset)).toEqual([0, 9])
})

test('a batch that compaction emptied has no records', () => {
  const bytes = rewritten(new Uint8Array(BATCH_OVERHEAD_BYTES), { lastOffsetDelta: 12, recordCount: 0 })
  expect(decodeBatch(bytes, nodeCodecs, OPTIONS)).toEqual([])
})

test('batches behind each other are cut apart without copying', () => {
  const one = placeBatch(batchOf(records), { baseOffset: 7, leaderEpoch: 0 })
  const two = placeBatch(batchOf(records.slice(1)), { baseOffset: 10, leaderEpoch: 1 })
  const bytes = join(one, two)
  const batches = splitBatches(bytes)
  expect(batches.map((batch) => batch.header.baseOffset)).toEqual([7, 10])
  expect(batches.map((batch) => batch.bytes)).toEqual([one, two])
  expect(batches.every((batch) => batch.bytes.buffer === bytes.buffer)).toBe(true)
  expect(splitBatches(new Uint8Array(0))).toEqual([])
  expect(() => splitBatches(bytes.subarray(0, -1))).toThrow(/length is wrong position=/)
})

test.each([
  {
    name: 'more records than the body can hold',
    header: { lastOffsetDelta: 99, recordCount: 100 },
    says: /record count is wrong/,
  },
  {
    name: 'fewer records than the body holds',
    header: { lastOffsetDelta: 1, recordCount: 2 },
    says: /bytes after the last record/,
  },
  {
    name: 'an offset above the last',
    header: { lastOffsetDelta: 1, recordCount: 3 },
    says: /offset is out of order offset=2/,
  },
])('a batch that claims $name is corrupt, and says where', ({ header, says }) => {
  const bytes = rewritten(batchOf(records), header)
  expect(() => decodeBatch(bytes, nodeCodecs, OPTIONS)).toThrow(
    expect.objectContaining({ errorName: 'CORRUPT_MESSAGE', message: expect.stringMatching(says) }),
  )
  expect(() => decodeBatch(bytes, nodeCodecs, OPTIONS)).toThrow(/baseOffset=0/)
})

test.each([
  { name: 'no records', given: [] },
  {
    name: 'more than 100,000 records',
    given: new Array<RecordToWrite>(100_001).fill({ ...plain(), value: null }),
  },
  {
    name: 'more than 500,000 headers',
    given: [{ ...plain(), headers: new Array(500_001).fill({ key: '', value: null }) }],
  },
])('$name are not encoded', ({ given }) => {
  expect(() => batchOf(given)).toThrow(expect.objectContaining({ errorName: 'INVALID_RECORD' }))
})

test('a timestamp that is no safe integer is not encoded', () => {
  expect(() => batchOf([{ ...plain(), timestamp: 0.5 }])).toThrow(
    expect.objectContaining({ errorName: 'INVALID_TIMESTAMP' }),
  )
})

test('two zero bytes per header do not become more objects than memory holds', () => {
  const headerCount = 600_000
  const bytes = new Uint8Array(BATCH_OVERHEAD_BYTES + 4 + 8 + 2 * headerCount)
  const fields = writeVarint(bytes, BATCH_OVERHEAD_BYTES, 8 + 2 * headerCount)
  bytes.set([0, 0, 0, 1, 1], fields) // attributes, timestampDelta, offsetDelta, key and value null
  writeVarint(bytes, fields + 5, headerCount)
  const whole = rewritten(bytes, { lastOffsetDelta: 0, recordCount: 1 })
  expect(() => decodeBatch(whole, nodeCodecs, { maxDecompressedBytes: 10_000_000 })).toThrow(
    /header count is wrong headerCount=600000/,
  )
})

test('records cut by their upper bound never exceed it', () => {
  for (const record of records) {
    expect(batchOf([record]).length).toBeLessThanOrEqual(BATCH_OVERHEAD_BYTES + recordSizeUpperBound(record))
  }
})

function plain(): RecordToWrite {
  return { key: null, value: text('v'), headers: [], timestamp: 0 }
}

/** The same records under another header. */
function rewritten(bytes: Uint8Array, counts: { lastOffsetDelta: number; recordCount: number }): Uint8Array {
  const producer = { producerId: -1, producerEpoch: -1, baseSequence: -1 }
  const times = { baseTimestamp: 0, maxTimestamp: 0 }
  writeBatchHeader(bytes, { ...producer, ...times, ...counts, compressionCode: 0, isTransactional: false })
  return bytes
}
