import { expect, test } from 'vitest'
import {
  judgeSequence,
  type ProducerState,
  packProducerState,
  producerKey,
  sequenceAfter,
  unpackProducerState,
} from '../../shared/core/producer-state.ts'

const LAST = 2 ** 31 - 1
type Verdict = ReturnType<typeof judgeSequence>

const stored = (nextSequence: number, producerEpoch = 3): ProducerState => ({ producerEpoch, nextSequence })
const batch = (baseSequence: number, producerEpoch = 3) => ({ producerId: 7, producerEpoch, baseSequence })

test.each<{
  name: string
  given: ProducerState | undefined
  when: ReturnType<typeof batch>
  expected: Verdict
}>([
  { name: 'an unknown producer begins at 0', given: undefined, when: batch(0), expected: 'next' },
  { name: 'an unknown producer does not begin later', given: undefined, when: batch(1), expected: 'gap' },
  { name: 'the sequence that was expected is next', given: stored(8), when: batch(8), expected: 'next' },
  { name: 'one behind it is a duplicate', given: stored(8), when: batch(7), expected: 'duplicate' },
  { name: 'the first of all is a duplicate too', given: stored(8), when: batch(0), expected: 'duplicate' },
  { name: 'one ahead leaves a gap', given: stored(8), when: batch(9), expected: 'gap' },
  {
    name: 'an older epoch is fenced whatever its sequence',
    given: stored(8),
    when: batch(8, 2),
    expected: 'fenced',
  },
  { name: 'a newer epoch begins at 0', given: stored(8), when: batch(0, 4), expected: 'next' },
  {
    name: 'a newer epoch does not begin later, not even where the old one would go on',
    given: stored(8),
    when: batch(8, 4),
    expected: 'gap',
  },
  { name: 'after the last sequence comes 0', given: stored(0), when: batch(0), expected: 'next' },
  {
    name: 'what was before the wrap is a duplicate if there was a wrap',
    given: stored(2),
    when: batch(LAST),
    expected: 'wrapped',
  },
  { name: 'what comes after the wrap leaves a gap', given: stored(LAST), when: batch(3), expected: 'gap' },
  {
    name: 'after the wrap 0 is not taken for a beginning',
    given: stored(LAST),
    when: batch(0),
    expected: 'gap',
  },
])('$name', ({ given, when, expected }) => {
  expect(judgeSequence(given, when, 1)).toBe(expected)
})

test.each<{ name: string; given: number; recordCount: number; expected: Verdict }>([
  { name: 'all of which was there before is a duplicate', given: 5, recordCount: 3, expected: 'duplicate' },
  { name: 'that reaches beyond what was there overlaps', given: 5, recordCount: 4, expected: 'overlap' },
  { name: 'that begins with the last one overlaps', given: 7, recordCount: 2, expected: 'overlap' },
  { name: 'that is next may have any size', given: 8, recordCount: 2, expected: 'next' },
])('a batch $name', ({ given, recordCount, expected }) => {
  expect(judgeSequence(stored(8), batch(given), recordCount)).toBe(expected)
})

test.each([
  { base: 5, recordCount: 10, expected: 15 },
  { base: LAST, recordCount: 1, expected: 0 },
  { base: LAST - 1, recordCount: 5, expected: 3 },
])(
  'after $recordCount records from $base the next sequence is $expected',
  ({ base, recordCount, expected }) => {
    expect(sequenceAfter(base, recordCount)).toBe(expected)
  },
)

test('epoch and sequence in one number come apart again, and a later state is the greater one', () => {
  const states = [stored(0, 0), stored(LAST, 0), stored(0, 1), stored(5, 1), stored(LAST, 32_767)]
  const packed = states.map(packProducerState)
  expect(packed.map(unpackProducerState)).toEqual(states)
  expect(packed).toEqual([...packed].sort((a, b) => a - b))
  expect(packed.every(Number.isSafeInteger)).toBe(true)
})

test('producers have keys of their own', () => {
  expect([0, 35, 36, Number.MAX_SAFE_INTEGER].map(producerKey)).toEqual(['0', 'z', '10', '2gosa7pa2gv'])
})
