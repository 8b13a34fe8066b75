import { expect, test } from 'vitest'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import { packReference } from '../../shared/core/batch-reference.ts'
import { append } from '../../shared/core/head-commands.ts'
import { absent, anyOf, copy, equal, less, set } from '../../shared/core/update-plan.ts'
import {
  decodeHead,
  encodeHead,
  encodeHeadChecks,
  encodeHeadPlan,
} from '../../shared/store/items/head-item.ts'
import { headWith, objectId, plannedBy, referenceWith } from '../support/heads.ts'

test('a head comes back as it was stored, leader or none', () => {
  for (const head of [headWith(), headWith({ leader: undefined, dueAtMs: 5, holeStart: { '1.1': 3 } })]) {
    expect(decodeHead(encodeHead(head))).toEqual(head)
  }
})

test('no word of a head is stored, and no two words share their letters', () => {
  const head = headWith({ dueAtMs: 1 })
  const item = encodeHead(head)
  expect(Object.keys(item)).toHaveLength(Object.keys(head).length)
  expect(Object.keys(item).filter((letters) => letters.length > 2)).toEqual(['dueShard', 'dueAtMs'])
})

test('every map of a new head exists, for a change below an absent map is an error', () => {
  const head = headWith()
  const planned = plannedBy(head, { sequence: { producerId: 1, producerEpoch: 0, baseSequence: 0 } })
  expect(applyPlan(encodeHead(head), encodeHeadPlan(append(planned))).applied).toBe(true)
})

test('a plan on words becomes one on letters, in every place that a path can stand', () => {
  const plan = {
    checks: [
      equal(['leaderEpoch'], 3),
      less(['sealedEnd'], ['logEndOffset']),
      anyOf([absent(['holeStart', '1.1'])]),
    ],
    changes: [set(['holeEnd', 'tail'], 1), copy(['highWatermark'], ['logEndOffset'])],
  }
  expect(encodeHeadPlan(plan)).toEqual({
    checks: [equal(['e'], 3), less(['se'], ['n']), anyOf([absent(['hs', '1.1'])])],
    changes: [set(['he', 'tail'], 1), copy(['h'], ['n'])],
  })
  expect(encodeHeadChecks(plan.checks)).toEqual(encodeHeadPlan(plan).checks)
})

test.each([
  { name: 'without a field', item: { ...encodeHead(headWith()), n: undefined } },
  { name: 'with a negative offset', item: { ...encodeHead(headWith()), n: -1 } },
  { name: 'with a fraction', item: { ...encodeHead(headWith()), h: 0.5 } },
  { name: 'with text for an offset', item: { ...encodeHead(headWith()), t: { a: '5' } } },
])('an item $name is not taken for a head', ({ item }) => {
  const stored = JSON.parse(JSON.stringify(item))
  expect(() => decodeHead(stored)).toThrow()
})

test('H12: a head with 8 tail entries, 8 producers and 3 replicas costs one write unit', () => {
  const bigSequence = { producerId: 2 ** 31 - 1, producerEpoch: 9, baseSequence: 2 ** 30 }
  const references = Array.from({ length: 8 }, (_, index) =>
    packReference({
      ...referenceWith({ length: 65_000, maxTimestamp: 1_795_000_000_000, sequence: bigSequence }),
      objectId: objectId(1_795_000_000_000 + index),
    }),
  )
  const producers = Object.fromEntries(
    Array.from({ length: 8 }, (_, index) => [(2 ** 31 - index - 1).toString(36), 9 * 2 ** 32 + 2 ** 30]),
  )
  const head = headWith({
    tail: Object.fromEntries(references.map((reference, index) => [reference, 1_000_000 + index])),
    producers,
    producerOffsets: Object.fromEntries(Object.keys(producers).map((key) => [key, 1_000_000])),
    logEndOffset: 1_000_008,
    highWatermark: 1_000_008,
    dueAtMs: 1_795_000_000_000,
  })
  expect(dynamoBytes(encodeHead(head))).toBeLessThanOrEqual(1024)
})

/** DynamoDB's size of a value: names and text in UTF-8, a byte per two digits and one, one per entry and three per map or list. */
function dynamoBytes(value: unknown): number {
  if (typeof value === 'number') return Math.ceil(String(value).replace('-', '').length / 2) + 1
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return 3 + value.reduce((sum, entry) => sum + 1 + dynamoBytes(entry), 0)
  return Object.entries(value as object).reduce(
    (sum, [name, entry]) => sum + 1 + Buffer.byteLength(name) + dynamoBytes(entry),
    3,
  )
}
