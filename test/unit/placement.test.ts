import { expect, test } from 'vitest'
import { dueShardOf, placeReplicas } from '../../shared/core/placement.ts'

test.each([
  {
    name: 'the first partition begins at the start index',
    given: { startIndex: 2, partitionIndex: 0, replicationFactor: 2, nodeCount: 5 },
    expected: [2, 3],
  },
  {
    name: 'each further one begins a node later',
    given: { startIndex: 2, partitionIndex: 1, replicationFactor: 2, nodeCount: 5 },
    expected: [3, 4],
  },
  {
    name: 'after the last node comes the first',
    given: { startIndex: 2, partitionIndex: 2, replicationFactor: 3, nodeCount: 5 },
    expected: [4, 0, 1],
  },
  {
    name: 'one node takes everything',
    given: { startIndex: 0, partitionIndex: 9, replicationFactor: 1, nodeCount: 1 },
    expected: [0],
  },
])('$name', ({ given, expected }) => {
  expect(placeReplicas(given)).toEqual(expected)
})

test('the replicas of a partition are on different nodes, and leaders are spread evenly', () => {
  const leaders = new Map<number, number>()
  for (let partitionIndex = 0; partitionIndex < 40; partitionIndex += 1) {
    const nodes = placeReplicas({ startIndex: 3, partitionIndex, replicationFactor: 3, nodeCount: 4 })
    expect(new Set(nodes).size).toBe(3)
    const leader = nodes[0] ?? -1
    leaders.set(leader, (leaders.get(leader) ?? 0) + 1)
  }
  expect([...leaders.values()]).toEqual([10, 10, 10, 10])
})

test('partitions fill the four shards of due work evenly', () => {
  expect([0, 1, 2, 3, 4].map((partitionIndex) => dueShardOf(1, partitionIndex))).toEqual([1, 2, 3, 0, 1])
})
