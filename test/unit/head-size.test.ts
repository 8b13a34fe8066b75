import { expect, test } from 'vitest'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import { type Head, newHead } from '../../shared/core/head.ts'
import { append } from '../../shared/core/head-commands.ts'
import { packProducerState, producerKey } from '../../shared/core/producer-state.ts'
import { ulidBytes, ulidText } from '../../shared/core/ulid.ts'
import { toBase64url } from '../../shared/protocol/base64url.ts'
import { LIMITS, MAX_BATCH_BYTES, MAX_PARTITIONS } from '../../shared/protocol/limits.ts'
import { decodeHead, encodeHead, encodeHeadPlan } from '../../shared/store/items/head-item.ts'
import { headKey } from '../../shared/store/keys.ts'
import { itemSize } from '../support/item-size.ts'

/** DynamoDB bills a write by KiB. */
const WRITE_UNIT_BYTES = 1024
const PRODUCERS = 8
const NOW_MS = Date.UTC(2026, 10, 21, 7, 13, 59, 987)
const MAX_PRODUCER_ID = 2 ** 31 - 1

const randomBytes = (count: number) => crypto.getRandomValues(new Uint8Array(count))
const newUlid = () => ulidBytes(NOW_MS, randomBytes(10))

/** What makes one head larger than another. */
interface Size {
  readonly logEndOffset: number
  readonly leaderEpoch: number
  readonly producerEpoch: number
  readonly nextSequence: number
  readonly position: number
  readonly batchBytes: number
  readonly recordCount: number
  /** Leaders since the sealed part of the log. */
  readonly lineageEntries: number
}

const usual: Size = {
  logEndOffset: 1_234_567_891,
  leaderEpoch: 3,
  producerEpoch: 0,
  nextSequence: 123_456_789,
  position: 0,
  batchBytes: 65_537,
  recordCount: 1_999,
  lineageEntries: 1,
}

/** A head after as many appends as fill its tail, each by another producer that it knows already. */
function fullHead(size: Size): Head {
  const producers = Array.from({ length: PRODUCERS }, (_, index) => MAX_PRODUCER_ID - index)
  const { producerEpoch, nextSequence, logEndOffset } = size
  const state = packProducerState({ producerEpoch, nextSequence })
  const epochs = Array.from({ length: size.lineageEntries }, (_, index) => size.leaderEpoch - index)
  let head: Head = {
    ...newHead({ replicas: ['0.1', '1.1', '2.1'], minIsr: 2, walFloor: ulidText(newUlid()), dueShard: 3 }),
    leaderEpoch: size.leaderEpoch,
    partitionEpoch: 17,
    controllerEpoch: 12,
    logStartOffset: logEndOffset - 123_456_789,
    logEndOffset,
    highWatermark: logEndOffset,
    sealedEnd: logEndOffset - 12_345,
    lineage: Object.fromEntries(epochs.map((epoch, index) => [epoch, logEndOffset - 12_345 - index * 1_111])),
    producers: Object.fromEntries(producers.map((id) => [producerKey(id), state])),
    producerOffsets: Object.fromEntries(producers.map((id) => [producerKey(id), logEndOffset - 1])),
    maxEvictedOffset: logEndOffset - 98_765,
  }
  for (const producerId of producers) head = appended(head, producerId, size)
  return head
}

function appended(head: Head, producerId: number, size: Size): Head {
  const { producerEpoch, nextSequence: baseSequence, position, batchBytes: length, recordCount } = size
  const plan = append({
    head,
    missed: [],
    nowMs: NOW_MS,
    reference: {
      objectId: ulidBytes(NOW_MS + 1, randomBytes(10)),
      position,
      length,
      recordCount,
      leaderEpoch: head.leaderEpoch,
      maxTimestamp: NOW_MS,
      sequence: { producerId, producerEpoch, baseSequence },
    },
    dueAtMs: NOW_MS + 3_600_001,
    maxTailEntries: LIMITS.maxTailEntries,
    maxHeadProducers: LIMITS.maxHeadProducers,
  })
  const outcome = applyPlan(encodeHead(head), encodeHeadPlan(plan))
  if (!outcome.applied) throw new Error('append refused')
  return decodeHead(outcome.item)
}

const atLastSequence: Size = { ...usual, producerEpoch: 32_766, nextSequence: 2 ** 31 - 100_001 }

test.each([
  { name: 'batches of 64 KiB', size: usual },
  { name: 'three leaders since the log was sealed', size: { ...usual, leaderEpoch: 130, lineageEntries: 3 } },
  { name: 'offsets of twelve digits', size: { ...usual, logEndOffset: 987_654_321_987 } },
  { name: 'producers at their last epoch and sequence', size: atLastSequence },
  {
    name: 'such producers and the largest batches with the most records',
    size: { ...atLastSequence, batchBytes: MAX_BATCH_BYTES - 1, recordCount: 99_999 },
  },
  {
    name: 'such producers and batches behind others in their objects',
    size: { ...atLastSequence, position: MAX_BATCH_BYTES - 70_001 },
  },
])('a head with a page in its tail, 8 producers and 3 replicas costs one write unit: $name', ({ size }) => {
  const head = fullHead(size)
  expect(Object.keys(head.tail)).toHaveLength(LIMITS.pageEntries)
  expect(Object.keys(head.producers)).toHaveLength(PRODUCERS)
  const topicId = toBase64url([...randomBytes(16)])
  const item = { ...headKey(topicId, MAX_PARTITIONS - 1), ver: 1, ...encodeHead(head) }
  const bytes = itemSize(item)
  expect(bytes).toBeLessThanOrEqual(WRITE_UNIT_BYTES)
})

test('numbers, strings and collections count as DynamoDB says', () => {
  expect(itemSize({ ab: 'é', n: 120 })).toBe(2 + 2 + 1 + 2)
  expect(itemSize({ n: -12_345 })).toBe(1 + 5)
  expect(itemSize({ l: [], m: { a: 'bc' } })).toBe(1 + 3 + 1 + 3 + 1 + 1 + 2)
})
