import { gzipSync, zstdCompressSync } from 'node:zlib'
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { compress as snappyRaw } from 'snappyjs'
import { describe, expect, test } from 'vitest'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { placeBatch } from '../../shared/protocol/batch-header.ts'
import type { CompressionType } from '../../shared/protocol/compression.ts'
import { crc32c } from '../../shared/protocol/crc32c.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { encodeBatch, type RecordToWrite, recordSizeUpperBound } from '../../shared/protocol/encode-batch.ts'
import { decodeFrame, encodeFrame } from '../../shared/protocol/frame.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { openBatch } from '../../shared/protocol/open-batch.ts'

const COMPRESSION_TYPES: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const MIB = 1024 * 1024
const OPTIONS = { maxDecompressedBytes: MIB }

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 40 }))
const anyRecord: fc.Arbitrary<RecordToWrite> = fc.record({
  key: bytesOrNull,
  value: fc.oneof(bytesOrNull, fc.nat(20_000).map(text)),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 5 }), value: bytesOrNull }), {
    maxLength: 3,
  }),
  timestamp: fc.oneof(fc.maxSafeNat(), fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 })),
})
const someRecords = fc.array(anyRecord, { minLength: 1, maxLength: 20 })
const anyProducer = fc.option(
  fc.record({
    producerId: fc.maxSafeNat(),
    producerEpoch: fc.nat(32_767),
    baseSequence: fc.nat(2_147_483_647),
  }),
  { nil: undefined },
)

const batchOf = (records: readonly RecordToWrite[], compression: CompressionType) =>
  encodeBatch({ records, compression, codecs: nodeCodecs })

describe.each(COMPRESSION_TYPES)('a batch with compression.type=%s', (compression) => {
  test('is opened and decoded to what was encoded, within the size foretold', () => {
    const place = fc.record({ baseOffset: fc.nat(2 ** 40), leaderEpoch: fc.nat(99) })
    fc.assert(
      fc.property(someRecords, anyProducer, place, (records, producer, { baseOffset, leaderEpoch }) => {
        const bytes = encodeBatch({ records, compression, codecs: nodeCodecs, ...(producer && { producer }) })
        expect(openBatch(bytes, { maxBytes: MIB })).toMatchObject({
          ...(producer ?? { producerId: -1, producerEpoch: -1, baseSequence: -1 }),
          compression,
          recordCount: records.length,
          maxTimestamp: Math.max(...records.map((record) => record.timestamp)),
        })
        if (compression === 'none') {
          expect(bytes.length).toBeLessThanOrEqual(
            records.reduce((sum, record) => sum + recordSizeUpperBound(record), 61),
          )
        }
        placeBatch(bytes, { baseOffset, leaderEpoch })
        expect(decodeBatch(bytes, nodeCodecs, OPTIONS)).toEqual(
          records.map((record, index) => ({ ...record, offset: baseOffset + index, leaderEpoch })),
        )
      }),
      { numRuns: 40 },
    )
  })

  test('is read by a second implementation', () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const batch = readRecordsBatch(Reader.from(Buffer.from(batchOf(records, compression))))
        expect(
          batch.records.map((record) => ({ ...record, length: 0, headers: plainHeaders(record.headers) })),
        ).toEqual(
          records.map(({ key, value, headers, timestamp }, offsetDelta) => ({
            length: 0,
            attributes: 0,
            timestampDelta: BigInt(timestamp) - batch.firstTimestamp,
            offsetDelta,
            key: key && Buffer.from(key),
            value: value && Buffer.from(value),
            headers: headers.map((header) => [header.key, header.value && Buffer.from(header.value)]),
          })),
        )
      }),
      { numRuns: 25 },
    )
  })

  test('of a second implementation is read', () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const ours = records.map((record) => ({
          ...record,
          key: record.key ?? new Uint8Array(0),
          value: record.value ?? new Uint8Array(0),
          headers: [], // it writes them from a Map, which has every key once
          timestamp: record.timestamp % 2 ** 31, // it writes larger deltas wrong: its zigzag shifts by 31, not 63
        }))
        const theirs = createRecordsBatch(
          ours.map(({ key, value, timestamp }) => ({
            topic: 'orders',
            key: Buffer.from(key),
            value: Buffer.from(value),
            timestamp: BigInt(timestamp),
          })),
          { compression },
        ).buffer
        expect(openBatch(theirs, { maxBytes: MIB }).compression).toBe(compression)
        expect(decodeBatch(new Uint8Array(theirs), nodeCodecs, OPTIONS)).toEqual(
          ours.map((record, offset) => ({ ...record, offset, leaderEpoch: 0 })),
        )
      }),
      { numRuns: 25 },
    )
  })

  test('is refused with any one bit flipped, but for the leader epoch, which is the broker’s', () => {
    const bytes = batchOf([{ key: text(3), value: text(90), headers: [], timestamp: 1000 }], compression)
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      if (bit >= 8 * 12 && bit < 8 * 16) continue
      const damaged = Uint8Array.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => openBatch(damaged, { maxBytes: MIB }), `bit ${bit}`).toThrow(KafkaError)
      if (bit >= 8 * 8)
        expect(() => decodeBatch(damaged, nodeCodecs, OPTIONS), `bit ${bit}`).toThrow(KafkaError)
    }
  })

  test('is refused when cut off anywhere', () => {
    const bytes = batchOf([{ key: text(3), value: text(90), headers: [], timestamp: 1000 }], compression)
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length)
      expect(() => openBatch(cut, { maxBytes: MIB })).toThrow(KafkaError)
      expect(() => decodeBatch(cut, nodeCodecs, OPTIONS)).toThrow(KafkaError)
      if (length > 0) expect(() => splitBatches(cut)).toThrow(KafkaError)
    }
  })

  test('has records that compress and decompress, whatever the bytes', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc
        .array(fc.uint8Array({ maxLength: 4 }), { maxLength: 400 })
        .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part]))),
      fc
        .tuple(fc.nat(200_000), fc.integer({ min: 1, max: 5000 }))
        .map(([length, period]) => new Uint8Array(length).map((_, index) => (index % period) ** 2)),
    )
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const compressed = nodeCodecs.compress(compression, bytes)
        expect(Buffer.compare(nodeCodecs.decompress(compression, compressed, bytes.length), bytes)).toBe(0)
        if (bytes.length > 0) {
          expect(() => nodeCodecs.decompress(compression, compressed, bytes.length - 1)).toThrow(KafkaError)
        }
      }),
      { numRuns: 30 },
    )
  })
})

test('what may be produced uncompressed is what can be read, and their latest timestamps are the same', () => {
  const valid = batchOf([plainRecord(3), { ...plainRecord(9), timestamp: 2000 }, plainRecord(0)], 'none')
  const bodyBytes = valid.length - 61
  const anyBody = fc.oneof(
    anyDamage.map((damage) =>
      damaged(
        valid,
        damage.map(({ at, byte }) => ({ at: 40 + (at % bodyBytes), byte })),
      ),
    ),
    fc
      .tuple(fc.nat(bodyBytes - 1), fc.constantFrom(1, -1, 2))
      .map(([at, by]) => damaged(valid, [{ at: 40 + at, byte: ((valid[61 + at] ?? 0) + by) & 0xff }])),
  )
  let taken = 0
  fc.assert(
    fc.property(anyBody, (bytes) => {
      const read = recordsOf(bytes)
      const inOrder = read?.every(({ offset }, position) => offset === position) ?? false
      expect(opens(bytes)).toBe(inOrder)
      if (!inOrder || read === undefined) return
      taken += 1
      expect(openBatch(bytes, { maxBytes: MIB }).maxTimestamp).toBe(
        Math.max(...read.map(({ timestamp }) => timestamp)),
      )
    }),
    { numRuns: 3000 },
  )
  expect(taken).toBeGreaterThan(50)
})

test('a frame comes back as it was written', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(fc.uint8Array(), { maxLength: 3 }), (header, batches) => {
      const decoded = decodeFrame(Buffer.concat(encodeFrame(header, batches)), MIB)
      expect(decoded.header).toEqual(JSON.parse(JSON.stringify(header)))
      expect(Buffer.compare(decoded.body, Buffer.concat(batches))).toBe(0)
    }),
    { numRuns: 100 },
  )
})

const zeros = new Uint8Array(50 * MIB)

test.each<{ name: string; compression: CompressionType; bomb: () => Uint8Array }>([
  { name: 'gzip', compression: 'gzip', bomb: () => gzipSync(zeros) },
  { name: 'zstd', compression: 'zstd', bomb: () => zstdCompressSync(zeros) },
  { name: 'lz4', compression: 'lz4', bomb: () => nodeCodecs.compress('lz4', zeros) },
  { name: 'xerial snappy', compression: 'snappy', bomb: () => nodeCodecs.compress('snappy', zeros) },
  { name: 'raw snappy', compression: 'snappy', bomb: () => snappyRaw(zeros) },
  {
    name: 'snappy that only claims 4 GiB',
    compression: 'snappy',
    bomb: () => Uint8Array.of(255, 255, 255, 255, 15, 0),
  },
  {
    name: 'a snappy literal of 4 GiB',
    compression: 'snappy',
    bomb: () => Uint8Array.of(9, 0xfc, 0xfa, 255, 255, 255, 0, 0, 0),
  },
])('50 MiB of zeros in $name are refused before they take memory', ({ compression, bomb }) => {
  const bytes = bomb()
  const before = process.memoryUsage()
  expect(() => nodeCodecs.decompress(compression, bytes, MIB)).toThrow(
    expect.objectContaining({ errorName: 'CORRUPT_MESSAGE' }),
  )
  const after = process.memoryUsage()
  expect(after.heapTotal + after.external - before.heapTotal - before.external).toBeLessThan(16 * MIB)
})

type Damage = { at: number; byte: number }[]
const anyDamage: fc.Arbitrary<Damage> = fc.array(
  fc.record({ at: fc.nat(400), byte: fc.oneof(fc.nat(255), fc.nat(12), fc.constant(0xff)) }),
  { minLength: 1, maxLength: 6 },
)

/** `bytes` with some replaced behind the batch's length, epoch and magic, and the CRC made right again. */
function damaged(bytes: Uint8Array, damage: Damage): Uint8Array {
  const copy = Uint8Array.from(bytes)
  for (const { at, byte } of damage) copy[21 + (at % (bytes.length - 21))] = byte
  new DataView(copy.buffer).setUint32(17, crc32c(copy, 21))
  return copy
}

function opens(bytes: Uint8Array): boolean {
  try {
    return openBatch(bytes, { maxBytes: MIB }).compression === 'none'
  } catch {
    return false
  }
}

function recordsOf(bytes: Uint8Array) {
  try {
    return decodeBatch(bytes, nodeCodecs, OPTIONS)
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return undefined
  }
}

function plainHeaders(headers: [Buffer | null, Buffer | null][]): [string, Buffer | null][] {
  return headers.map(([key, value]) => [key?.toString() ?? '', value])
}

function plainRecord(length: number): RecordToWrite {
  return { key: text(2), value: text(length), headers: [{ key: 'h', value: null }], timestamp: 1000 }
}

/** Compresses, but not to nothing. */
function text(length: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => 97 + ((index * index) % 23))
}
