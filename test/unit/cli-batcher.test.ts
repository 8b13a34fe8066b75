import { expect, test } from 'vitest'
import { type Batcher, batcher } from '../../cli/batcher.ts'
import { MAX_BATCH_RECORDS } from '../../shared/protocol/batch-header.ts'
import { partitionForKey } from '../../shared/protocol/murmur2.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const record = (value: string, key?: string) => ({
  key: key === undefined ? null : bytes(key),
  value: bytes(value),
  headers: [],
  timestamp: 0,
})

const allLed = { hasLeader: () => true }
const atFirst = { random: () => 0, ...allLed }

/** Batches as `partition: values`, in the order they are handed out. */
function taken(given: Batcher, maxBytes = 1 << 20): string[] {
  return given
    .take(maxBytes)
    .map(
      ({ partition, records }) =>
        `${partition}: ${records.map(({ value }) => new TextDecoder().decode(value ?? bytes('null'))).join(' ')}`,
    )
}

test('nothing is handed out before it is full or flushed', () => {
  const given = batcher({ partition: undefined, partitionCount: 2, batchBytes: 1000, ...atFirst })
  given.add(record('a'), 1)
  expect(taken(given)).toEqual([])
  given.flush()
  expect(taken(given)).toEqual(['0: a'])
})

test('records without a key fill one partition, then the next', () => {
  const given = batcher({ partition: undefined, partitionCount: 2, batchBytes: 61 + 2 * 40, ...atFirst })
  for (const [index, value] of ['a', 'b', 'c', 'd', 'e'].entries()) given.add(record(value), index + 1)
  given.flush()
  expect(taken(given)).toEqual(['0: a b', '1: c d'])
  expect(taken(given)).toEqual(['0: e'])
})

test('records without a key begin at a random partition', () => {
  const starts = [0, 0.34, 0.99].map((random) => {
    const given = batcher({
      partition: undefined,
      partitionCount: 3,
      batchBytes: 1000,
      random: () => random,
      ...allLed,
    })
    return given.add(record('a'), 1).partition
  })
  expect(starts).toEqual([0, 1, 2])
})

test('records without a key go to partitions with a leader while there are any', () => {
  const partitionsLed = (led: readonly number[]) => {
    const hasLeader = (partition: number) => led.includes(partition)
    const given = batcher({ partition: undefined, partitionCount: 4, batchBytes: 61, ...atFirst, hasLeader })
    return ['a', 'b', 'c'].map((value, index) => given.add(record(value), index + 1).partition)
  }
  expect(partitionsLed([1, 3])).toEqual([1, 3, 1])
  expect(partitionsLed([])).toEqual([0, 1, 2])
})

test('a key decides the partition', () => {
  const given = batcher({ partition: undefined, partitionCount: 7, batchBytes: 1000, ...atFirst })
  const batch = given.add(record('v', 'some key'), 1)
  expect(batch.partition).toBe(partitionForKey(bytes('some key'), 7))
})

test('a given partition wins over the key', () => {
  const given = batcher({ partition: 3, partitionCount: 7, batchBytes: 1000, ...atFirst })
  expect(given.add(record('v', 'some key'), 1).partition).toBe(3)
  expect(given.add(record('v'), 2).partition).toBe(3)
})

test('a record larger than a batch goes alone', () => {
  const given = batcher({ partition: 0, partitionCount: 1, batchBytes: 150, ...atFirst })
  given.add(record('a'), 1)
  given.add(record('x'.repeat(500)), 2)
  given.add(record('b'), 3)
  given.flush()
  expect([...taken(given), ...taken(given), ...taken(given)]).toEqual([
    '0: a',
    `0: ${'x'.repeat(500)}`,
    '0: b',
  ])
})

test('a batch has no more records than the service takes', () => {
  const given = batcher({ partition: 0, partitionCount: 1, batchBytes: Number.MAX_SAFE_INTEGER, ...atFirst })
  const empty = record('')
  for (let line = 1; line <= MAX_BATCH_RECORDS + 1; line += 1) given.add(empty, line)
  expect(given.take(1 << 30)[0]?.records).toHaveLength(MAX_BATCH_RECORDS)
})

test('a request has one batch per partition and stays below its size', () => {
  const given = batcher({ partition: undefined, partitionCount: 3, batchBytes: 120, ...atFirst })
  for (const [index, value] of ['a', 'b', 'c', 'd'].entries()) given.add(record(value), index + 1)
  given.flush()
  expect(taken(given, 250)).toEqual(['0: a', '1: b'])
  expect(taken(given, 250)).toEqual(['2: c', '0: d'])
})

test('what was not taken is told with its lines', () => {
  const given = batcher({ partition: 0, partitionCount: 1, batchBytes: 120, ...atFirst })
  for (const [index, value] of ['a', 'b', 'c'].entries()) given.add(record(value), index + 1)
  given.take(1000)
  expect(given.left().flatMap(({ lines }) => lines)).toEqual([2, 3])
})
