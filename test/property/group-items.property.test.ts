import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import type { GroupOffsets } from '../../shared/core/group/group.ts'
import {
  fencedCommitPlan,
  memberCommitPlan,
  metadataBytesAfter,
  utf8Bytes,
} from '../../shared/core/group/offsets.ts'
import { decodeGroupOffsets, encodeGroupOffsets } from '../../shared/store/items/group-offsets-item.ts'

const offset = fc.maxSafeNat()
/** Names that users chose: any at all. */
const name = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('__proto__', 'constructor', 'a.b', '#'))
const committed = fc.record({
  offset,
  leaderEpoch: fc.integer({ min: -1 }),
  metadata: fc.string({ maxLength: 20 }),
  committedAtMs: offset,
})
const fence = fc.record({
  bornAtMs: offset,
  generationId: fc.nat(),
  groupVersion: offset,
  instances: fc.array(fc.tuple(name, fc.string())).map((entries) => Object.fromEntries(entries)),
})
const offsets = fc.dictionary(fc.nat(49).map(String), committed, { noNullPrototype: true })
const document: fc.Arbitrary<GroupOffsets> = fc
  .record({ topicName: fc.string(), fence, metadataBytes: fc.constant(0), offsets })
  .map((made) => ({ ...made, metadataBytes: metadataBytesAfter(made, new Map()) }))
const commits = fc
  .array(fc.tuple(fc.nat(49), committed), { minLength: 1, maxLength: 9 })
  .map((rows) => new Map(rows))
const stored = (made: GroupOffsets) => JSON.parse(JSON.stringify({ ...encodeGroupOffsets(made), ver: 3 }))

test('committed offsets come back from their item, whatever instances are called', () => {
  fc.assert(
    fc.property(document, (made) => {
      const { document, version } = decodeGroupOffsets(stored(made))
      expect(JSON.stringify(document)).toBe(JSON.stringify(made))
      expect(version).toBe(3)
    }),
    { numRuns: 300 },
  )
})

test('a member’s commit changes what it names alone, and metadata is never counted too low', () => {
  fc.assert(
    fc.property(document, commits, commits, (made, first, second) => {
      const by = { generationId: made.fence.generationId, memberId: 'm', groupInstanceId: null }
      const one = applyPlan(stored(made), memberCommitPlan(first, by))
      const two = one.applied ? applyPlan(one.item, memberCommitPlan(second, by)) : one
      if (!two.applied) throw new Error('the fence is the member’s')
      const { document: after } = decodeGroupOffsets(two.item)
      const expected = { ...made.offsets, ...Object.fromEntries(first), ...Object.fromEntries(second) }
      expect(after.offsets).toEqual(expected)
      expect(after.fence).toEqual(made.fence)
      const bytes = Object.values(after.offsets).reduce((sum, { metadata }) => sum + utf8Bytes(metadata), 0)
      expect(after.metadataBytes).toBeGreaterThanOrEqual(bytes)
    }),
    { numRuns: 300 },
  )
})

test('a commit under META takes its fence over, and counts metadata exactly', () => {
  fc.assert(
    fc.property(document, commits, fence, (made, rows, newer) => {
      const read = decodeGroupOffsets(stored(made))
      const done = applyPlan(stored(made), fencedCommitPlan(read, rows, newer))
      if (!done.applied) throw new Error('the document is the one that was read')
      const { document: after, version } = decodeGroupOffsets(done.item)
      expect(JSON.stringify(after.fence)).toBe(JSON.stringify(newer))
      expect(after.offsets).toEqual({ ...made.offsets, ...Object.fromEntries(rows) })
      const bytes = Object.values(after.offsets).reduce((sum, { metadata }) => sum + utf8Bytes(metadata), 0)
      expect(after.metadataBytes).toBe(bytes)
      expect(version).toBe(4)
      // By what was read before, nothing can be written any more.
      expect(applyPlan(done.item, fencedCommitPlan(read, rows, newer)).applied).toBe(false)
    }),
    { numRuns: 300 },
  )
})
