import { describe, expect, test } from 'vitest'
import { applyPlan, holds } from '../../shared/core/apply-plan.ts'
import { assertWellFormed } from '../../shared/core/plan-shape.ts'
import * as plan from '../../shared/core/update-plan.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'

const { equal, less, lessOrEqual, greaterOrEqual, absent, present, fewer, anyOf } = plan
const { set, setIfAbsent, copy, copyPlus, remove } = plan

interface CheckCase {
  readonly name: string
  readonly given: plan.Item | undefined
  readonly when: plan.Check
  readonly expected: boolean
}

describe('checks', () => {
  test.each<CheckCase>([
    { name: 'equal numbers are equal', given: { a: 1 }, when: equal(['a'], 1), expected: true },
    { name: 'other numbers are not', given: { a: 1 }, when: equal(['a'], 2), expected: false },
    { name: 'booleans are compared', given: { a: true }, when: equal(['a'], true), expected: true },
    { name: 'a string is no number', given: { a: '1' }, when: equal(['a'], 1), expected: false },
    { name: 'nothing equals an absent path', given: {}, when: equal(['a'], 1), expected: false },
    { name: 'two absent paths are not equal', given: {}, when: equal(['a'], ['b']), expected: false },
    {
      name: 'two paths of one value are equal',
      given: { a: 'x', b: 'x' },
      when: equal(['a'], ['b']),
      expected: true,
    },
    {
      name: 'maps are equal by content',
      given: { a: { x: [1], y: 2 }, b: { y: 2, x: [1] } },
      when: equal(['a'], ['b']),
      expected: true,
    },
    {
      name: 'a map with more is not equal',
      given: { a: { x: 1 }, b: { x: 1, y: 1 } },
      when: equal(['a'], ['b']),
      expected: false,
    },
    { name: 'a list is not a map', given: { a: [], b: {} }, when: equal(['a'], ['b']), expected: false },
    { name: 'numbers order by value', given: { a: 9 }, when: less(['a'], 10), expected: true },
    { name: 'strings order by bytes', given: { a: '9' }, when: less(['a'], '10'), expected: false },
    { name: 'a prefix is less', given: { a: 'ab' }, when: less(['a'], 'abc'), expected: true },
    {
      name: 'UTF-8 puts U+1F600 behind U+FFFD',
      given: { a: '\u{1F600}' },
      when: less(['a'], '\uFFFD'),
      expected: false,
    },
    {
      name: 'and U+FFFD before U+1F600',
      given: { a: '\uFFFD' },
      when: less(['a'], '\u{1F600}'),
      expected: true,
    },
    { name: 'less is strict', given: { a: 1 }, when: less(['a'], 1), expected: false },
    { name: 'lessOrEqual is not', given: { a: 1 }, when: lessOrEqual(['a'], 1), expected: true },
    { name: 'lessOrEqual has an upper end', given: { a: 2 }, when: lessOrEqual(['a'], 1), expected: false },
    {
      name: 'greaterOrEqual includes its bound',
      given: { a: 1 },
      when: greaterOrEqual(['a'], 1),
      expected: true,
    },
    {
      name: 'greaterOrEqual has a lower end',
      given: { a: 0 },
      when: greaterOrEqual(['a'], 1),
      expected: false,
    },
    { name: 'no order between types', given: { a: 1 }, when: greaterOrEqual(['a'], '0'), expected: false },
    {
      name: 'no order with an absent path',
      given: { a: 1 },
      when: greaterOrEqual(['a'], ['b']),
      expected: false,
    },
    { name: 'no order of maps', given: { a: {}, b: {} }, when: lessOrEqual(['a'], ['b']), expected: false },
    { name: 'an absent path is absent', given: { a: {} }, when: absent(['a', 'x']), expected: true },
    { name: 'a path below a scalar is absent', given: { a: 1 }, when: absent(['a', 'x']), expected: true },
    { name: 'a list has no names', given: { a: [1] }, when: present(['a', '0']), expected: false },
    { name: 'inherited names are absent', given: {}, when: absent(['constructor']), expected: true },
    { name: 'false is present', given: { a: false }, when: present(['a']), expected: true },
    { name: 'names may hold dots', given: { a: { '1.2': 3 } }, when: equal(['a', '1.2'], 3), expected: true },
    { name: 'fewer counts a map', given: { a: { x: 1 } }, when: fewer(['a'], 2), expected: true },
    { name: 'fewer is strict', given: { a: [1, 2] }, when: fewer(['a'], 2), expected: false },
    { name: 'an absent path has no size', given: {}, when: fewer(['a'], 2), expected: false },
    { name: 'a scalar has no size', given: { a: '' }, when: fewer(['a'], 2), expected: false },
    {
      name: 'one of several is enough',
      given: { a: 1 },
      when: anyOf([equal(['a'], 2), present(['a'])]),
      expected: true,
    },
    {
      name: 'none of several is not',
      given: { a: 1 },
      when: anyOf([equal(['a'], 2), absent(['a'])]),
      expected: false,
    },
    { name: 'an absent document counts as empty', given: undefined, when: absent(['a']), expected: true },
  ])('$name', ({ given, when, expected }) => {
    expect(holds(given, [when])).toBe(expected)
  })

  test('no checks hold always', () => {
    expect(holds(undefined, [])).toBe(true)
  })
})

interface ChangeCase {
  readonly name: string
  readonly given: plan.Item | undefined
  readonly when: readonly plan.Change[]
  readonly expected: plan.Item
}

describe('changes', () => {
  test.each<ChangeCase>([
    { name: 'set writes', given: { a: 1 }, when: [set(['a'], 2)], expected: { a: 2 } },
    {
      name: 'set makes an absent document',
      given: undefined,
      when: [set(['a'], { b: 1 })],
      expected: { a: { b: 1 } },
    },
    {
      name: 'setIfAbsent leaves what is there',
      given: { a: 1 },
      when: [setIfAbsent(['a'], 2)],
      expected: { a: 1 },
    },
    {
      name: 'setIfAbsent writes what is not',
      given: { a: {} },
      when: [setIfAbsent(['a', 'x'], 2)],
      expected: { a: { x: 2 } },
    },
    {
      name: 'reads see the document as before',
      given: { a: 1, b: 2 },
      when: [copy(['a'], ['b']), copy(['b'], ['a'])],
      expected: { a: 2, b: 1 },
    },
    {
      name: 'a copy reads before a removal',
      given: { a: 1 },
      when: [remove(['a']), copy(['b'], ['a'])],
      expected: { b: 1 },
    },
    { name: 'copyPlus adds', given: { a: 1 }, when: [copyPlus(['a'], ['a'], 4)], expected: { a: 5 } },
    {
      name: 'an addition of nothing is one',
      given: { a: 1 },
      when: [copyPlus(['b'], ['a'], 0)],
      expected: { a: 1, b: 1 },
    },
    {
      name: 'a copy ifAbsent writes',
      given: { b: 1 },
      when: [copyIfAbsent(['a'], ['b'])],
      expected: { a: 1, b: 1 },
    },
    {
      name: 'a copy ifAbsent leaves what is there',
      given: { a: 1, b: 2 },
      when: [copyIfAbsent(['a'], ['b'])],
      expected: { a: 1, b: 2 },
    },
    {
      name: 'remove removes',
      given: { a: { x: 1, y: 2 } },
      when: [remove(['a', 'x'])],
      expected: { a: { y: 2 } },
    },
    { name: 'removing nothing is fine', given: { a: {} }, when: [remove(['a', 'x'])], expected: { a: {} } },
    {
      name: 'several changes of one map',
      given: { a: { x: 1 } },
      when: [remove(['a', 'x']), set(['a', 'y'], 2), set(['a', '1.2'], 3)],
      expected: { a: { y: 2, '1.2': 3 } },
    },
    {
      name: '__proto__ is a name',
      given: {},
      when: [set(['__proto__'], 1)],
      expected: JSON.parse('{"__proto__":1}'),
    },
  ])('$name', ({ given, when, expected }) => {
    const before = structuredClone(given)
    const outcome = applyPlan(given, { checks: [], changes: when })
    expect(outcome.applied).toBe(true)
    expect(JSON.parse(JSON.stringify(outcome.item))).toEqual(expected)
    expect(given).toEqual(before)
  })

  test('a refusal hands back the document that refused', () => {
    const item = { a: 1 }
    expect(applyPlan(item, { checks: [absent(['a'])], changes: [] })).toEqual({ applied: false, item })
    expect(applyPlan(undefined, { checks: [present(['a'])], changes: [] }).item).toBeUndefined()
  })

  test('what did not change is shared', () => {
    const item = { a: { x: 1 }, b: { y: 1 } }
    const outcome = applyPlan(item, { checks: [], changes: [set(['a', 'x'], 2)] })
    expect(outcome.item?.b).toBe(item.b)
  })
})

describe('malformed whatever the document', () => {
  test.each<{ name: string; checks?: plan.Check[]; changes?: plan.Change[] }>([
    { name: 'setting one path twice', changes: [set(['a'], 1), set(['a'], 1)] },
    { name: 'a path and its parent', changes: [set(['a'], {}), set(['a', 'x'], 1)] },
    { name: 'a path and its parent, the other way round', changes: [remove(['a', 'x', 'y']), set(['a'], 1)] },
    { name: 'set and remove of one path', changes: [set(['a', 'x'], 1), remove(['a', 'x'])] },
    { name: 'an empty path', changes: [remove([])] },
    { name: 'an empty name', changes: [set(['a', ''], 1)] },
    { name: 'a copy from an empty path', changes: [copy(['a'], [])] },
    { name: 'a copy ifAbsent from itself', changes: [copyIfAbsent(['a'], ['a'])] },
    {
      name: 'an addition ifAbsent',
      changes: [{ change: 'copy', path: ['a'], from: ['b'], plus: 1, ifAbsent: true }],
    },
    { name: 'a part of the key', changes: [set(['pk'], 'x')] },
    { name: 'a path below a part of the key', changes: [remove(['sk', 'x'])] },
    { name: 'a copy from a part of the key', changes: [copy(['a'], ['sk'])] },
    { name: 'a check of an empty path', checks: [present([])] },
    { name: 'a check of a part of the key', checks: [anyOf([absent(['pk'])])] },
    { name: 'a comparison with a part of the key', checks: [equal(['a'], ['sk'])] },
    { name: 'a comparison with itself', checks: [equal(['a'], ['a'])] },
    { name: 'an order of booleans', checks: [{ check: 'less', path: ['a'], to: { value: true } }] },
    { name: 'any of nothing', checks: [anyOf([])] },
  ])('$name', ({ checks = [], changes = [] }) => {
    expect(() => assertWellFormed({ checks, changes })).toThrow(KafkaError)
    const refusing = { checks: [present(['nowhere']), ...checks], changes }
    expect(nameOfError(() => applyPlan({}, refusing))).toBe('UNKNOWN_SERVER_ERROR')
  })
})

describe('malformed for this document', () => {
  test.each<{ name: string; given: plan.Item | undefined; when: plan.Change }>([
    { name: 'no parent map', given: {}, when: set(['a', 'x'], 1) },
    { name: 'no document', given: undefined, when: set(['a', 'x'], 1) },
    { name: 'no parent map, ifAbsent', given: {}, when: setIfAbsent(['a', 'x'], 1) },
    { name: 'the parent is a scalar', given: { a: 1 }, when: set(['a', 'x'], 1) },
    { name: 'the parent is a list', given: { a: [1] }, when: set(['a', '0'], 1) },
    { name: 'removing below nothing', given: {}, when: remove(['a', 'x']) },
    { name: 'a copy of an absent path', given: {}, when: copy(['a'], ['b']) },
    { name: 'a copy ifAbsent of an absent path', given: {}, when: copyIfAbsent(['a'], ['b']) },
    { name: 'the same, of a path that is there', given: { a: 1 }, when: copyIfAbsent(['a'], ['b']) },
    { name: 'an addition to a string', given: { b: '1' }, when: copyPlus(['a'], ['b'], 1) },
  ])('$name, unless a check fails first', ({ given, when }) => {
    expect(nameOfError(() => applyPlan(given, { checks: [], changes: [when] }))).toBe('UNKNOWN_SERVER_ERROR')
    const refused = applyPlan(given, { checks: [present(['nowhere'])], changes: [when] })
    expect(refused).toEqual({ applied: false, item: given })
  })
})

function copyIfAbsent(path: plan.Path, from: plan.Path): plan.Change {
  return { change: 'copy', path, from, plus: undefined, ifAbsent: true }
}

function nameOfError(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof KafkaError) return error.errorName
    throw error
  }
  return 'none'
}
