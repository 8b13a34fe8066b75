import { expect, test } from 'vitest'
import { fetchJson } from '../../functions/fetch-answer.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { fetchRequest } from '../../shared/protocol/api/fetch.ts'
import { placeBatch } from '../../shared/protocol/batch-header.ts'
import type { CompressionType } from '../../shared/protocol/compression.ts'
import { encodeBatch, type RecordToWrite } from '../../shared/protocol/encode-batch.ts'
import type { FetchedBatches } from '../../shared/service/fetch.ts'
import { newAnswerRoom, readFetchedRecords } from '../../shared/service/fetched-records.ts'
import { testDeps } from '../support/test-deps.ts'

const MIB = 1024 * 1024
const deps = await testDeps()
const record = (bytes: number, more: Partial<RecordToWrite> = {}): RecordToWrite => ({
  key: null,
  value: new Uint8Array(bytes),
  headers: [],
  timestamp: 1000,
  ...more,
})
const batch = (records: readonly RecordToWrite[], compression: CompressionType = 'none') =>
  encodeBatch({ records, compression, codecs: nodeCodecs })

function countingCodecs() {
  let decompressed = 0
  const decompress: typeof nodeCodecs.decompress = (...given) => {
    decompressed += 1
    return nodeCodecs.decompress(...given)
  }
  return { codecs: { ...nodeCodecs, decompress }, count: () => decompressed }
}

test('once a record did not fit, no batch of another partition is decoded in vain', async () => {
  const { codecs, count } = countingCodecs()
  const room = newAnswerRoom(codecs, { maxBytes: 1000, topic: '' })
  const fetched = { batches: [batch([record(10), record(5000)], 'zstd')], nextOffset: 2 }
  const first = await readFetchedRecords(deps, fetched, { fetchOffset: 0, room })
  expect(first).toMatchObject({ nextOffset: 1, records: [{ offset: 0 }] })
  expect(await readFetchedRecords(deps, fetched, { fetchOffset: 0, room })).toEqual({
    records: [],
    nextOffset: 0,
  })
  expect(count()).toBe(1)
})

test('a request decompresses no more than 64 MiB, and whoever comes too late goes on where he was', async () => {
  const { codecs, count } = countingCodecs()
  const room = newAnswerRoom(codecs, { maxBytes: MIB, topic: '' })
  const fetched = { batches: [batch([record(40 * MIB), record(1)], 'zstd')], nextOffset: 2 }
  const rows = []
  for (let partition = 0; partition < 4; partition += 1) {
    rows.push(await readFetchedRecords(deps, fetched, { fetchOffset: 1, room }))
  }
  expect(rows.map(({ records, nextOffset }) => [records.length, nextOffset])).toEqual([
    [1, 2],
    [1, 2],
    [0, 1],
    [0, 1],
  ])
  expect(count()).toBe(2)
})

test('a topic that stands beside every record counts with it', async () => {
  const records = Array.from({ length: 10 }, () => record(1))
  const fetched = { batches: [batch(records)], nextOffset: 10 }
  const read = async (topic: string) => {
    const room = newAnswerRoom(nodeCodecs, { maxBytes: 1210, topic })
    return (await readFetchedRecords(deps, fetched, { fetchOffset: 0, room })).records.length
  }
  expect(await read('')).toBe(10)
  expect(await read('t'.repeat(121))).toBe(5)
})

test.each<{ name: string; record: RecordToWrite }>([
  { name: 'tiny records', record: record(0, { timestamp: Number.MAX_SAFE_INTEGER }) },
  {
    name: 'records of one byte',
    record: record(1, { key: new Uint8Array(1), timestamp: Number.MAX_SAFE_INTEGER }),
  },
  {
    name: 'records with a header whose key takes six times its length',
    record: record(1, { headers: [{ key: '\0'.repeat(50), value: null }] }),
  },
])('the answer to a JSON fetch of 100,000 $name stays below 5.5 MB', async ({ record }) => {
  const bytes = batch(Array.from({ length: 100_000 }, () => record))
  placeBatch(bytes, { baseOffset: Number.MAX_SAFE_INTEGER - 200_000, leaderEpoch: 2 ** 31 - 1 })
  const fetchOffset = Number.MAX_SAFE_INTEGER - 200_000
  const row: FetchedBatches = {
    partitionIndex: 0,
    errorCode: 0,
    highWatermark: Number.MAX_SAFE_INTEGER,
    lastStableOffset: Number.MAX_SAFE_INTEGER,
    logStartOffset: 0,
    abortedTransactions: [],
    nextOffset: fetchOffset + 100_000,
    batches: [bytes],
  }
  const request = fetchRequest.parse({
    topics: [{ name: 'a', partitions: [{ partitionIndex: 0, fetchOffset }] }],
  })
  const fetched = { topics: [{ name: 'a', partitions: [row] }] }
  const text = JSON.stringify(await fetchJson(deps, request, fetched))
  expect(text.length).toBeGreaterThan(2_000_000)
  expect(Buffer.byteLength(text)).toBeLessThan(5_500_000)
})
