import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Action, act } from '../support/replication-actions.ts'
import { settle } from '../support/replication-settle.ts'
import { newWorld } from '../support/replication-world.ts'

const node = fc.nat(2)
/** Some of three nodes, mostly all. */
const nodes = fc.oneof({ weight: 2, arbitrary: fc.constant(7) }, fc.nat(7))

const append = fc.record({
  does: fc.constant('append' as const),
  nodes,
  producerId: fc.constantFrom(undefined, 0, 1, 2),
  standing: fc.constantFrom('next', 'next', 'next', 'own', 'again', 'bump'),
  recordCount: fc.integer({ min: 1, max: 3 }),
})
const fill = fc.record({
  does: fc.constant('fill' as const),
  node,
  maxBatches: fc.oneof(fc.constant(100), fc.nat(2)),
})
const anAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 9, arbitrary: append },
  { weight: 5, arbitrary: fill },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('join' as const), node }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('shrink' as const), nodes }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('replace' as const, 'move' as const), node }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('wipe' as const), node }) },
  { weight: 2, arbitrary: fc.constant({ does: 'fence' as const }) },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('elect' as const), nodes }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('setMinIsr' as const), minIsr: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('trim' as const), count: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('settle' as const), done: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({ does: fc.constant('arrive' as const), pick: fc.nat(9), stays: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('replan' as const), pick: fc.nat(9) }) },
)

test('a partition stays sound whatever command arrives when, and comes to rest once all nodes are well', () => {
  fc.assert(
    fc.property(
      fc.record({ minIsr: fc.integer({ min: 1, max: 3 }), sealedEnd: fc.constantFrom(0, 0, 50) }),
      fc.boolean(),
      fc.array(fc.record({ action: anAction, late: fc.boolean(), ms: fc.nat(1) }), {
        minLength: 5,
        maxLength: 60,
        size: 'max',
      }),
      (beginning, uncleanAllowed, steps) => {
        const world = newWorld(beginning)
        for (const { action, late, ms } of steps) {
          expect(act(world, action, { late, uncleanAllowed })).toEqual([])
          world.nowMs += ms
        }
        expect(settle(world)).toEqual([])
      },
    ),
    { numRuns: 1500 },
  )
})
