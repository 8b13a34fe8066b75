import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type TopicPartitions,
} from '../../shared/protocol/consumer-protocol.ts'
import { accepted, holds, sameBytes, type Target } from './target.ts'

const partitions: TopicPartitions = new Map([
  ['clicks', [1]],
  ['orders', [0, 2, 2 ** 31 - 1]],
])
const subscription = {
  topics: ['clicks', 'orders', 'é'],
  userData: Uint8Array.of(1, 2, 3),
  ownedPartitions: partitions,
  generationId: 7,
  rackId: 'eu-1a',
}
const ofVersion = (version: number, bytes: Uint8Array) =>
  Uint8Array.from(bytes, (byte, at) => (at === 1 ? version : byte))

/** What members of a group tell one another: any client may write it, and the leader reads that of all members. */
export const CONSUMER_PROTOCOL_TARGETS: readonly Target[] = [
  {
    name: 'subscription',
    seeds: [0, 1, 2, 3, 4].map((version) => ofVersion(version, encodeSubscription(subscription))),
    check: checkSubscription,
  },
  {
    name: 'assignment',
    seeds: [
      encodeAssignment({ assignedPartitions: partitions, userData: null }),
      encodeAssignment({ assignedPartitions: new Map(), userData: Uint8Array.of(1) }),
      ofVersion(0, encodeAssignment({ assignedPartitions: partitions, userData: Uint8Array.of(1, 2) })),
    ],
    check: checkAssignment,
  },
]

function checkSubscription(bytes: Uint8Array): void {
  const read = accepted(() => decodeSubscription(bytes), ['CORRUPT_MESSAGE'])
  if (read === undefined) return
  holds(
    2 * read.topics.length + 4 * indexCount(read.ownedPartitions) <= bytes.length,
    'no more comes out than goes in',
  )
  const written = encodeSubscription(read)
  sameBytes(encodeSubscription(decodeSubscription(written)), written, 'a subscription comes back')
}

function checkAssignment(bytes: Uint8Array): void {
  const read = accepted(() => decodeAssignment(bytes), ['CORRUPT_MESSAGE'])
  if (read === undefined) return
  holds(4 * indexCount(read.assignedPartitions) <= bytes.length, 'no more comes out than goes in')
  const written = encodeAssignment(read)
  sameBytes(encodeAssignment(decodeAssignment(written)), written, 'an assignment comes back')
}

function indexCount(byTopic: TopicPartitions): number {
  return [...byTopic.values()].reduce((total, indexes) => total + indexes.length, 0)
}
