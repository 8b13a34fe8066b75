import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type TopicPartitions,
} from '../../shared/protocol/consumer-protocol.ts'

const name = fc.oneof(
  fc.constantFrom('', 'orders', 'clicks', '__proto__', '\ufefforders', 'é'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
)
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const userData = fc.option(fc.uint8Array({ maxLength: 30 }))
const partitions = fc
  .array(fc.tuple(name, fc.array(fc.oneof(fc.nat(20), int32), { minLength: 1, maxLength: 10 })), {
    maxLength: 5,
  })
  .map((entries): TopicPartitions => new Map(entries))
const subscription = fc.record({
  topics: fc.array(name, { maxLength: 6 }),
  userData,
  ownedPartitions: partitions,
  generationId: int32,
  rackId: fc.option(name),
})

/** As the protocol orders it. */
const sorted = (byTopic: TopicPartitions): TopicPartitions =>
  new Map([...byTopic].map(([topic, indexes]) => [topic, indexes.toSorted((one, other) => one - other)]))

test('a subscription comes back as it was written', () => {
  fc.assert(
    fc.property(subscription, (given) => {
      expect(decodeSubscription(encodeSubscription(given))).toEqual({
        ...given,
        topics: given.topics.toSorted(),
        ownedPartitions: sorted(given.ownedPartitions),
        rackId: given.rackId || null,
      })
    }),
  )
})

test('an assignment comes back as it was written', () => {
  fc.assert(
    fc.property(partitions, userData, (assignedPartitions, userData) => {
      const bytes = encodeAssignment({ assignedPartitions, userData })
      expect(decodeAssignment(bytes)).toEqual({ assignedPartitions: sorted(assignedPartitions), userData })
    }),
  )
})

test('how entries are ordered does not change the bytes', () => {
  fc.assert(
    fc.property(subscription, (given) => {
      const turned = {
        ...given,
        topics: given.topics.toReversed(),
        ownedPartitions: new Map(
          [...given.ownedPartitions].reverse().map(([topic, indexes]) => [topic, indexes.toReversed()]),
        ),
      }
      expect(encodeSubscription(turned)).toEqual(encodeSubscription(given))
    }),
  )
})

test('what newer versions put behind a subscription or an assignment is not read', () => {
  fc.assert(
    fc.property(subscription, fc.uint8Array({ maxLength: 20 }), (given, more) => {
      for (const { bytes, decode } of [
        { bytes: encodeSubscription(given), decode: decodeSubscription },
        {
          bytes: encodeAssignment({ ...given, assignedPartitions: given.ownedPartitions }),
          decode: decodeAssignment,
        },
      ]) {
        const newer = Uint8Array.of(0, 4, ...bytes.subarray(2), ...more)
        expect(decode(newer)).toEqual(decode(bytes))
      }
    }),
  )
})
