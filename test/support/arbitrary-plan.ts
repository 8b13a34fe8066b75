import fc from 'fast-check'
import type {
  Change,
  Check,
  Item,
  Operand,
  SimpleCheck,
  UpdatePlan,
  Value,
} from '../../shared/core/update-plan.ts'

/** Few names, so that paths of a plan meet each other and the document's. */
const name = fc.constantFrom('a', 'b', '1.2', 'é#')
const path = fc.array(name, { minLength: 1, maxLength: 3 })
const number = fc.integer({ min: -2, max: 2 })
const text = fc.constantFrom('', 'a', 'ab', '\uFFFD', '\u{1F600}')
const scalar: fc.Arbitrary<string | number | boolean> = fc.oneof(number, text, fc.boolean())

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 2 }) },
    { weight: 4, arbitrary: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }) },
  ),
}))

/** Documents of a few names, three or so deep. */
export const arbitraryItem: fc.Arbitrary<Item> = fc.dictionary(name, value, {
  maxKeys: 4,
  noNullPrototype: true,
})

const operand: fc.Arbitrary<Operand> = fc.oneof(
  fc.record({ value: scalar }, { noNullPrototype: true }),
  fc.record({ path }, { noNullPrototype: true }),
)

const simpleCheck: fc.Arbitrary<SimpleCheck> = fc.oneof(
  fc.record({
    check: fc.constantFrom(
      'equal' as const,
      'less' as const,
      'lessOrEqual' as const,
      'greaterOrEqual' as const,
    ),
    path,
    to: operand,
  }),
  fc.record({ check: fc.constantFrom('absent' as const, 'present' as const), path }),
  fc.record({ check: fc.constant('fewer' as const), path, than: fc.integer({ min: 0, max: 4 }) }),
)

const check: fc.Arbitrary<Check> = fc.oneof(
  { weight: 4, arbitrary: simpleCheck },
  {
    weight: 1,
    arbitrary: fc.record({
      check: fc.constant('anyOf' as const),
      checks: fc.array(simpleCheck, { maxLength: 3 }),
    }),
  },
)

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ change: fc.constant('set' as const), path, value, ifAbsent: fc.boolean() }),
  fc.record({
    change: fc.constant('copy' as const),
    path,
    from: path,
    plus: fc.option(number, { nil: undefined }),
    ifAbsent: fc.boolean(),
  }),
  fc.record({ change: fc.constant('remove' as const), path }),
)

/** Plans of all kinds, well-formed and not, that often touch what an `arbitraryItem` holds. */
export const arbitraryPlan: fc.Arbitrary<UpdatePlan> = fc.record({
  checks: fc.array(check, { maxLength: 2 }),
  changes: fc.array(change, { maxLength: 4 }),
})
