import { expect, test } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Subscription,
} from '../../shared/protocol/consumer-protocol.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

// By the grammar of Kafka's ConsumerProtocolSubscription.json; the encoder of @platformatic/kafka 2.12 writes the same bytes.
const TOPICS = '00000002 0006 636c69636b73 0006 6f7264657273'
const USER_DATA = '00000003 010203'
const OWNED = '00000002 0006 636c69636b73 00000001 00000001 0006 6f7264657273 00000002 00000000 00000002'
const GENERATION = '00000007'
const RACK = '0005 65752d3161'

const PARTITIONS = new Map([
  ['clicks', [1]],
  ['orders', [0, 2]],
])
const V0: Subscription = {
  topics: ['clicks', 'orders'],
  userData: Uint8Array.of(1, 2, 3),
  ownedPartitions: new Map(),
  generationId: -1,
  rackId: null,
}
const V1: Subscription = { ...V0, ownedPartitions: PARTITIONS }
const V2: Subscription = { ...V1, generationId: 7 }
const V3: Subscription = { ...V2, rackId: 'eu-1a' }

test.each([
  { name: 'version 0', bytes: `0000 ${TOPICS} ${USER_DATA}`, is: V0 },
  { name: 'version 1', bytes: `0001 ${TOPICS} ${USER_DATA} ${OWNED}`, is: V1 },
  { name: 'version 2', bytes: `0002 ${TOPICS} ${USER_DATA} ${OWNED} ${GENERATION}`, is: V2 },
  { name: 'version 3', bytes: `0003 ${TOPICS} ${USER_DATA} ${OWNED} ${GENERATION} ${RACK}`, is: V3 },
  {
    name: 'a newer version',
    bytes: `0009 ${TOPICS} ${USER_DATA} ${OWNED} ${GENERATION} ${RACK} ffff`,
    is: V3,
  },
  { name: 'version 0 with something behind it', bytes: `0000 ${TOPICS} ${USER_DATA} ${OWNED}`, is: V0 },
  { name: 'version 1 that ends as version 0', bytes: `0001 ${TOPICS} ${USER_DATA}`, is: V0 },
  { name: 'version 3 that ends as version 1', bytes: `0003 ${TOPICS} ${USER_DATA} ${OWNED}`, is: V1 },
  {
    name: 'no user data and no rack',
    bytes: `0003 ${TOPICS} ffffffff ${OWNED} ${GENERATION} ffff`,
    is: { ...V2, userData: null },
  },
  {
    name: 'an empty rack, which is none',
    bytes: `0003 ${TOPICS} ${USER_DATA} ${OWNED} ${GENERATION} 0000`,
    is: V2,
  },
  {
    name: 'a topic that is named twice',
    bytes: `0001 ${TOPICS} ${USER_DATA} 00000002 0001 61 00000001 00000005 0001 61 00000001 00000003`,
    is: { ...V0, ownedPartitions: new Map([['a', [5, 3]]]) },
  },
])('a subscription of $name is read', ({ bytes, is }) => {
  expect(decodeSubscription(hex(bytes))).toEqual(is)
})

test('a subscription is written in version 3, sorted and without topics of which nothing is owned', () => {
  const subscription = {
    ...V3,
    topics: ['orders', 'clicks'],
    ownedPartitions: new Map([
      ['orders', [2, 0]],
      ['views', []],
      ['clicks', [1]],
    ]),
  }
  expect(encodeSubscription(subscription)).toEqual(
    hex(`0003 ${TOPICS} ${USER_DATA} ${OWNED} ${GENERATION} ${RACK}`),
  )
})

test.each([
  { name: 'version 0', bytes: `0000 ${OWNED} ${USER_DATA}`, userData: Uint8Array.of(1, 2, 3) },
  { name: 'version 3', bytes: `0003 ${OWNED} ffffffff`, userData: null },
  { name: 'a newer version', bytes: `7fff ${OWNED} ffffffff 00000001`, userData: null },
])('an assignment of $name is read', ({ bytes, userData }) => {
  expect(decodeAssignment(hex(bytes))).toEqual({ assignedPartitions: PARTITIONS, userData })
})

test('an assignment is written in version 3', () => {
  const assignment = { assignedPartitions: new Map([...PARTITIONS].reverse()), userData: null }
  expect(encodeAssignment(assignment)).toEqual(hex(`0003 ${OWNED} ffffffff`))
})

test('no bytes at all assign nothing', () => {
  expect(decodeAssignment(new Uint8Array(0))).toEqual({ assignedPartitions: new Map(), userData: null })
})

test.each([
  { name: 'nothing', bytes: '', says: /field is cut off position=0/ },
  { name: 'a negative version', bytes: `ffff ${TOPICS} ${USER_DATA}`, says: /version=-1/ },
  { name: 'no list of topics', bytes: '0003 ffffffff ffffffff', says: /array is null position=6/ },
  { name: 'more topics than there are bytes for', bytes: '0003 7fffffff 0000', says: /array is cut off/ },
  { name: 'a topic without a name', bytes: '0000 00000001 ffff ffffffff', says: /string is null/ },
  { name: 'a name that is not UTF-8', bytes: '0000 00000001 0001 ff ffffffff', says: /string is not UTF-8/ },
  {
    name: 'more partitions than there are bytes for',
    bytes: `0001 00000000 ffffffff 00000001 0000 40000000`,
    says: /array is cut off/,
  },
  { name: 'half a generation', bytes: `0002 ${TOPICS} ${USER_DATA} ${OWNED} 0000`, says: /field is cut off/ },
])('a subscription with $name is refused', ({ bytes, says }) => {
  expect(() => decodeSubscription(hex(bytes))).toThrow(
    expect.objectContaining({ errorName: 'CORRUPT_MESSAGE', message: expect.stringMatching(says) }),
  )
})

test('an assignment that is cut off anywhere is refused', () => {
  const bytes = hex(`0003 ${OWNED} ${USER_DATA}`)
  for (let length = 1; length < bytes.length; length += 1) {
    expect(() => decodeAssignment(bytes.subarray(0, length))).toThrow(KafkaError)
  }
})

test('a name that is too long for its length is refused', () => {
  const rackId = 'é'.repeat(2 ** 14)
  expect(() => encodeSubscription({ ...V3, rackId })).toThrow(/string is too long bytes=32768 max=32767/)
  const shorter = { ...V3, rackId: rackId.slice(1) }
  expect(decodeSubscription(encodeSubscription(shorter))).toEqual(shorter)
})
