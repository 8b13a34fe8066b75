import { KafkaError } from './kafka-error.ts'
import {
  array,
  concatenate,
  int16,
  int32,
  nullableBytes,
  readArray,
  readInt16,
  readInt32,
  readNullableBytes,
  readNullableString,
  readString,
  string,
} from './primitive-types.ts'
import type { ByteReader } from './varint.ts'

// What members of a group of protocolType "consumer" tell one another; the coordinator passes it on as it is.
//
// subscription (metadata of a join) = version: int16 | topics: array of string | userData: nullable bytes
//   | from 1 on: ownedPartitions: topicPartitions | from 2 on: generationId: int32 | from 3 on: rackId: nullable string
// assignment (of a sync) = version: int16 | assignedPartitions: topicPartitions | userData: nullable bytes
// topicPartitions = array of { topic: string | partitions: array of int32 }
//
// A newer version begins like version 3, and what it adds is not read. Versions 0 to 3 of the assignment are the same.

const NEWEST_VERSION = 3
/** An empty topic name and an empty list of partitions. */
const MIN_TOPIC_PARTITIONS_BYTES = 6

/** The protocolType of groups whose members speak this protocol (Kafka's `ConsumerProtocol.PROTOCOL_TYPE`). */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

/** Partition indexes by topic. */
export type TopicPartitions = ReadonlyMap<string, readonly number[]>

/** What a member wants, and what it owned as it joined (Kafka's ConsumerProtocolSubscription). */
export interface Subscription {
  readonly topics: readonly string[]
  /** What the chosen assignor made of its own accord. */
  readonly userData: Uint8Array | null
  /** What the member has not revoked before it joined (KIP-429). */
  readonly ownedPartitions: TopicPartitions
  /** The generation of `ownedPartitions` (KIP-792); −1 when there is none, or none was said. */
  readonly generationId: number
  readonly rackId: string | null
}

/** What a member gets (Kafka's ConsumerProtocolAssignment). */
export interface Assignment {
  readonly assignedPartitions: TopicPartitions
  readonly userData: Uint8Array | null
}

/**
 * A subscription in the newest version; topics and partitions are sorted, as Kafka's `ConsumerProtocol` does.
 *
 * @throws KafkaError INVALID_REQUEST when a name takes more than 32,767 bytes
 */
export function encodeSubscription(subscription: Subscription): Uint8Array {
  return concatenate([
    int16(NEWEST_VERSION),
    array([...subscription.topics].sort(), string),
    nullableBytes(subscription.userData),
    topicPartitions(subscription.ownedPartitions),
    int32(subscription.generationId),
    string(subscription.rackId),
  ])
}

/**
 * Reads a subscription of any version; `userData` is not copied. Fields that are missing at the end are as in version 0: other
 * clients, of which Kafka's own is none, claim a newer version and write the older fields.
 *
 * @throws KafkaError CORRUPT_MESSAGE when the version is negative or a field is cut off or nonsense
 */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  const reader: ByteReader = { bytes, position: 0, end: bytes.length }
  const version = readVersion(reader)
  const has = (since: number) => version >= since && reader.position < reader.end
  return {
    topics: readArray(reader, 2, readString),
    userData: readNullableBytes(reader),
    ownedPartitions: has(1) ? readTopicPartitions(reader) : new Map(),
    generationId: has(2) ? readInt32(reader) : -1,
    rackId: (has(3) ? readNullableString(reader) : null) || null,
  }
}

/**
 * An assignment in the newest version.
 *
 * @throws KafkaError INVALID_REQUEST when a name takes more than 32,767 bytes
 */
export function encodeAssignment({ assignedPartitions, userData }: Assignment): Uint8Array {
  return concatenate([int16(NEWEST_VERSION), topicPartitions(assignedPartitions), nullableBytes(userData)])
}

/**
 * Reads an assignment of any version; `userData` is not copied. No bytes at all are no partitions: that is what a coordinator
 * has for a member which the leader forgot.
 *
 * @throws KafkaError CORRUPT_MESSAGE when the version is negative or a field is cut off or nonsense
 */
export function decodeAssignment(bytes: Uint8Array): Assignment {
  if (bytes.length === 0) return { assignedPartitions: new Map(), userData: null }
  const reader: ByteReader = { bytes, position: 0, end: bytes.length }
  readVersion(reader)
  return { assignedPartitions: readTopicPartitions(reader), userData: readNullableBytes(reader) }
}

/** The bytes of topicPartitions, sorted; topics without partitions are left out. */
export function topicPartitions(partitions: TopicPartitions): Uint8Array {
  const topics = [...partitions].filter(([, indexes]) => indexes.length > 0)
  topics.sort(([one], [other]) => (one < other ? -1 : 1))
  return array(topics, ([topic, indexes]) =>
    concatenate([string(topic), array([...indexes].sort(ascending), int32)]),
  )
}

/**
 * Reads topicPartitions; what is said of one topic in several places counts together.
 *
 * @throws KafkaError CORRUPT_MESSAGE when a field is cut off or nonsense
 */
export function readTopicPartitions(reader: ByteReader): TopicPartitions {
  const partitions = new Map<string, number[]>()
  readArray(reader, MIN_TOPIC_PARTITIONS_BYTES, () => {
    const topic = readString(reader)
    const indexes = readArray(reader, 4, readInt32)
    const known = partitions.get(topic)
    if (known === undefined) partitions.set(topic, indexes)
    else for (const index of indexes) known.push(index)
  })
  return partitions
}

function readVersion(reader: ByteReader): number {
  const version = readInt16(reader)
  if (version < 0)
    throw new KafkaError('CORRUPT_MESSAGE', `unknown version of the consumer protocol version=${version}`)
  return version
}

function ascending(one: number, other: number): number {
  return one - other
}
