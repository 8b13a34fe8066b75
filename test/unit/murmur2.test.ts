import { expect, test } from 'vitest'
import { murmur2, partitionForKey } from '../../shared/protocol/murmur2.ts'

const text = (value: string) => new TextEncoder().encode(value)

test.each([
  { key: '21', hash: -973932308 },
  { key: 'foobar', hash: -790332482 },
  { key: 'a-little-bit-long-string', hash: -985981536 },
  { key: 'a-little-bit-longer-string', hash: -1486304829 },
  { key: 'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', hash: -58897971 },
  { key: 'abc', hash: 479470107 },
])('the hash of $key is that of Kafka’s UtilsTest', ({ key, hash }) => {
  expect(murmur2(text(key))).toBe(hash)
})

test.each([
  { name: 'a positive hash is divided as it is', key: 'abc', partitionCount: 10, partition: 7 },
  { name: 'a negative hash loses its sign bit first', key: 'foobar', partitionCount: 10, partition: 6 },
  { name: 'one partition takes every key', key: '21', partitionCount: 1, partition: 0 },
])('$name', ({ key, partitionCount, partition }) => {
  expect(partitionForKey(text(key), partitionCount)).toBe(partition)
})
