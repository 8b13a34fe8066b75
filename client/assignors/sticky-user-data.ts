import {
  readTopicPartitions,
  type TopicPartitions,
  topicPartitions,
} from '../../shared/protocol/consumer-protocol.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { concatenate, int32, readInt32 } from '../../shared/protocol/primitive-types.ts'
import type { ByteReader } from '../../shared/protocol/varint.ts'

// user data of sticky = previousAssignment: topicPartitions | since version 1 (KIP-341): generation: int32
// user data of cooperative-sticky = generation: int32

/** What a member says it had, and in which generation; −1 when it does not say. */
export interface OwnedInGeneration {
  readonly partitions: TopicPartitions
  readonly generationId: number
}

/** The user data of Kafka's `StickyAssignor`, version 1. */
export function encodeStickyUserData({ partitions, generationId }: OwnedInGeneration): Uint8Array {
  return concatenate([topicPartitions(partitions), int32(generationId)])
}

/** Reads the user data of Kafka's `StickyAssignor`, either version; nonsense is as good as nothing, as it is there. */
export function decodeStickyUserData(bytes: Uint8Array): OwnedInGeneration {
  const nothing: OwnedInGeneration = { partitions: new Map(), generationId: -1 }
  return readable(nothing, () => {
    const reader: ByteReader = { bytes, position: 0, end: bytes.length }
    const partitions = readTopicPartitions(reader)
    return { partitions, generationId: readable(-1, () => readInt32(reader)) }
  })
}

/** The user data of Kafka's `CooperativeStickyAssignor`, for leaders that know no subscription of version 2. */
export function encodeCooperativeUserData(generationId: number): Uint8Array {
  return int32(generationId)
}

/** Reads the generation of Kafka's `CooperativeStickyAssignor`; −1 from nonsense. */
export function decodeCooperativeUserData(bytes: Uint8Array): number {
  return readable(-1, () => readInt32({ bytes, position: 0, end: bytes.length }))
}

function readable<T>(otherwise: T, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof KafkaError && error.errorName === 'CORRUPT_MESSAGE') return otherwise
    throw error
  }
}
