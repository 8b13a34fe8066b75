import { join, normalize } from 'node:path'
import * as z from 'zod'
import { packReference, unpackReference } from '../../shared/core/batch-reference.ts'
import { NEW_GROUP } from '../../shared/core/group/group.ts'
import { newHead, validBatches } from '../../shared/core/head.ts'
import { ulidBytes, ulidText, ulidTimeMs } from '../../shared/core/ulid.ts'
import type { Item } from '../../shared/core/update-plan.ts'
import { walKey } from '../../shared/core/wal-object.ts'
import { assertObjectKey } from '../../shared/embedded/object-key.ts'
import { fromBase64url } from '../../shared/protocol/base64url.ts'
import {
  decodeCluster,
  decodeLease,
  decodeNode,
  encodeCluster,
  encodeLease,
  encodeNode,
} from '../../shared/store/items/cluster-item.ts'
import { decodeGroup, encodeGroup } from '../../shared/store/items/group-item.ts'
import { decodeGroupOffsets, encodeGroupOffsets } from '../../shared/store/items/group-offsets-item.ts'
import { decodeHead, encodeHead } from '../../shared/store/items/head-item.ts'
import { decodeLoss, encodeLoss } from '../../shared/store/items/loss-item.ts'
import { decodeMember, encodeMember } from '../../shared/store/items/member-item.ts'
import { decodeNodeFaults, encodeNodeFaults } from '../../shared/store/items/node-faults-item.ts'
import { decodePage, encodePage } from '../../shared/store/items/page-item.ts'
import { decodeSpilledProducer, encodeSpilledProducer } from '../../shared/store/items/producer-item.ts'
import { decodeTopic, encodeTopic } from '../../shared/store/items/topic-item.ts'
import { accepted, holds, json, parsed, sameBytes, type Target } from './target.ts'

const objectId = ulidBytes(1_790_000_000_000, new Uint8Array(10).fill(0xa5))
const where = { objectId, position: 0, length: 90, recordCount: 3, leaderEpoch: 2 }
const plain = packReference({ ...where, maxTimestamp: -1, sequence: undefined })
const sequenced = packReference({
  objectId,
  position: 2 ** 53 - 1,
  length: 127,
  recordCount: 128,
  leaderEpoch: 2 ** 31 - 1,
  maxTimestamp: 1_790_000_000_000,
  sequence: { producerId: 1000, producerEpoch: 0, baseSequence: 2 ** 31 - 1 },
})

const head = {
  ...newHead({ replicas: ['0.1', '1.1', '2.3'], minIsr: 2, walFloor: '01ARZ3', dueShard: 1 }),
  lineage: { 0: 0, 2: 5 },
  tail: { [plain]: 5, [sequenced]: 8 },
  producers: { rs: 2 ** 32 + 7 },
  holeStart: { '2.3': 4 },
}
const node = {
  zone: 'a',
  state: 'UP' as const,
  incarnation: 1,
  incarnationId: 'i',
  nodeEpoch: 1,
  controllerEpoch: 1,
  holdDownUntilMs: 0,
  holdDownMs: 5000,
  wentDownAtMs: 0,
  lost: {},
  walkedTo: 'orders',
  reports: { e1: 1_790_000_000_000 },
}
const topic = {
  name: 'orders',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  partitionCount: 3,
  replicationFactor: 3,
  startIndex: 0,
  configs: { 'min.insync.replicas': '2' },
}
const producer = {
  state: { producerEpoch: 3, nextSequence: 9 },
  lastBaseOffset: 4,
  leaderEpoch: 2,
  spilledAtMs: 5,
}
const loss = {
  fromOffset: 3,
  toOffset: 9,
  committedTo: 5,
  leader: '0.1',
  reason: 'r',
  atMs: 1,
  controllerEpoch: 2,
}

const group = {
  ...NEW_GROUP,
  state: 'Stable' as const,
  generationId: 3,
  leader: 'm1',
  joined: { m1: true as const },
  instances: { i1: 'm1' },
}
const groupOffsets = {
  topicName: 'orders',
  fence: { bornAtMs: 1_790_000_000_000, generationId: 3, groupVersion: 7, instances: { i1: 'm1' } },
  metadataBytes: 1,
  offsets: { 49: { offset: 5, leaderEpoch: -1, metadata: 'x', committedAtMs: 1_790_000_000_000 } },
}
const member = {
  memberId: 'm1',
  groupInstanceId: 'i1',
  clientId: 'c',
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 60_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: 'AAEA' }],
  offeredGeneration: 2,
  expiresAtMs: 1_790_000_000_000,
  syncedGeneration: 3,
  assignedGeneration: 3,
  assignment: 'AAEA',
}

/** What is read back from documents and objects. */
export const STORED_TARGETS: readonly Target[] = [
  itemTarget('head', encodeHead(head), decodeHead, (read) => {
    accepted(() => validBatches(read.tail, read.lineage))
    return encodeHead(read)
  }),
  itemTarget('page', encodePage({ entries: head.tail, endOffset: 20 }), decodePage, (read) => {
    accepted(() => validBatches(read.entries, head.lineage))
    return encodePage(read)
  }),
  itemTarget('node', encodeNode(node), decodeNode, encodeNode),
  itemTarget('cluster', encodeCluster({ clusterId: 'c' }), decodeCluster, encodeCluster),
  itemTarget(
    'lease',
    encodeLease({ holder: 'h', controllerEpoch: 1, expiresAtMs: 2 }),
    decodeLease,
    encodeLease,
  ),
  itemTarget('loss', encodeLoss(loss), decodeLoss, encodeLoss),
  itemTarget(
    'topic',
    { ...encodeTopic(topic), ver: 1 },
    (item) => decodeTopic('orders', item),
    (read) => ({ ...encodeTopic(read), ver: read.version }),
  ),
  itemTarget('producer', { ...encodeSpilledProducer(producer), ver: 1 }, decodeSpilledProducer, (read) => ({
    ...encodeSpilledProducer(read),
    ver: read.version,
  })),
  itemTarget('node-faults', { ...encodeNodeFaults({ 1: 'hang' }), ver: 1 }, decodeNodeFaults, (read) => ({
    ...encodeNodeFaults(read.faults),
    ver: read.version,
  })),
  itemTarget(
    'group',
    { ...encodeGroup(group, { groupId: 'g', retentionMs: 60_000 }), ver: 1 },
    decodeGroup,
    (read) => ({ ...encodeGroup(read.group, { groupId: 'g', retentionMs: 60_000 }), ver: read.version }),
  ),
  itemTarget('member', { ...encodeMember(member), ver: 1 }, decodeMember, (read) => ({
    ...encodeMember(read.member),
    ver: read.version,
  })),
  itemTarget(
    'group-offsets',
    { ...encodeGroupOffsets(groupOffsets), ver: 1 },
    decodeGroupOffsets,
    (read) => ({
      ...encodeGroupOffsets(read.document),
      ver: read.version,
    }),
  ),
  { name: 'reference', seeds: [plain, sequenced].map((text) => Buffer.from(text)), check: checkReference },
  {
    name: 'object-key',
    seeds: ['wal/2026112107/01ARZ3NDEKTSV4RRFFQ69G5FAV', 'canary', '../a', 'a//b'].map((key) =>
      Buffer.from(key),
    ),
    check: checkObjectKey,
  },
  { name: 'ulid', seeds: [objectId, new Uint8Array(16), new Uint8Array(16).fill(0xff)], check: checkUlid },
]

/** A document of any shape is an item of this kind, which is encoded to the same one, or is refused. */
function itemTarget<T>(
  kind: string,
  seed: Item,
  decode: (item: Item) => T,
  encode: (value: T) => Item,
): Target {
  return {
    name: `item-${kind}`,
    seeds: [json(seed)],
    check: (bytes) => {
      const document = parsed(bytes)
      if (typeof document !== 'object' || document === null) return
      const read = decoded(() => decode(document as Item))
      if (read === undefined) return
      const again = decode(parsed(json(encode(read))) as Item)
      holds(JSON.stringify(again) === JSON.stringify(read), 'what is read is encoded to the same')
    },
  }
}

function decoded<T>(run: () => T): T | undefined {
  return accepted(() => {
    try {
      return run()
    } catch (error) {
      if (error instanceof z.ZodError) return undefined
      throw error
    }
  })
}

function checkReference(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString('latin1')
  const reference = accepted(() => unpackReference(text), ['UNKNOWN_SERVER_ERROR'])
  if (reference === undefined) return
  const packed = fromBase64url(packReference(reference))
  sameBytes(packed, fromBase64url(text), 'a reference has one form')
  const { objectId: id, sequence, ...numbers } = reference
  holds(id.length === 16, 'an object id has 16 bytes')
  for (const value of Object.values({ ...numbers, ...sequence })) {
    holds(Number.isSafeInteger(value) && value >= -1, 'numbers of a reference are safe integers')
  }
}

function checkObjectKey(bytes: Uint8Array): void {
  const key = Buffer.from(bytes).toString()
  const isKey = accepted(() => assertObjectKey(key) ?? true, ['UNKNOWN_SERVER_ERROR'])
  if (isKey !== true) return
  const path = join('/data/0', key)
  holds(path === normalize(`/data/0/${key}`) && path === `/data/0/${key}`, 'a key is below its folder')
}

function checkUlid(bytes: Uint8Array): void {
  const [one, other] = [bytes.subarray(0, 16), bytes.subarray(bytes.length - 16)]
  if (one.length < 16 || other.length < 16) return
  const text = ulidText(one)
  holds(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text), 'a ulid has 26 characters')
  holds(
    Buffer.compare(one, other) === Math.sign(compare(text, ulidText(other))),
    'ulids sort by their text as by their bytes',
  )
  const timeMs = ulidTimeMs(one)
  sameBytes(ulidBytes(timeMs, one.subarray(6)), one, 'a ulid is its time and its random bytes')
  if (timeMs < Date.UTC(9999, 11)) assertObjectKey(walKey(one))
}

const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
