import { describe, expect, test } from 'vitest'
import { checksExpression, toExpression } from '../../shared/aws/to-expression.ts'
import * as plan from '../../shared/core/update-plan.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'

const { absent, anyOf, copy, copyPlus, equal, fewer, less, present, remove, set, setIfAbsent } = plan

describe('toExpression', () => {
  test('checks become a condition, changes an update, names and values placeholders', () => {
    const expression = toExpression({
      checks: [equal(['e'], 3), less(['walFloor'], ['x']), absent(['t', 'a.b'])],
      changes: [copy(['t', 'a.b'], ['n']), copyPlus(['n'], ['n'], 10), setIfAbsent(['dueAtMs'], 7)],
    })
    expect(expression).toEqual({
      ConditionExpression: '#0 = :0 AND #1 < #2 AND attribute_not_exists(#3.#4)',
      UpdateExpression: 'SET #3.#4 = #5, #5 = #5 + :1, #6 = if_not_exists(#6, :2)',
      ExpressionAttributeNames: {
        '#0': 'e',
        '#1': 'walFloor',
        '#2': 'x',
        '#3': 't',
        '#4': 'a.b',
        '#5': 'n',
        '#6': 'dueAtMs',
      },
      ExpressionAttributeValues: { ':0': { N: '3' }, ':1': { N: '10' }, ':2': { N: '7' } },
    })
  })

  test('any of several stands in parentheses, any of one does not: DynamoDB refuses redundant ones', () => {
    const checks = [anyOf([present(['a']), fewer(['b'], 2)]), anyOf([fewer(['b'], 3)])]
    const size = '(attribute_type(#1, :0) OR attribute_type(#1, :1)) AND size(#1) < :2'
    const again = '(attribute_type(#1, :3) OR attribute_type(#1, :4)) AND size(#1) < :5'
    expect(checksExpression(checks).ConditionExpression).toBe(
      `(attribute_exists(#0) OR ${size}) AND ${again}`,
    )
  })

  test('removals follow what is set', () => {
    const { UpdateExpression } = toExpression({ checks: [], changes: [remove(['a', 'b']), set(['c'], true)] })
    expect(UpdateExpression).toBe('SET #2 = :0 REMOVE #0.#1')
  })

  test('what is empty is left out', () => {
    const nothing = { ExpressionAttributeNames: undefined, ExpressionAttributeValues: undefined }
    expect(toExpression({ checks: [], changes: [] })).toEqual(nothing)
    expect(checksExpression([])).toEqual(nothing)
  })

  test('a trim of a whole tail fits into an expression', () => {
    const changes = Array.from({ length: 64 }, (_, entry) => remove(['t', `reference-${entry}`]))
    expect(toExpression({ checks: [], changes }).UpdateExpression?.length).toBeLessThan(4096)
  })

  test('a malformed plan is refused before DynamoDB sees it, as applyPlan refuses it', () => {
    const twice = { checks: [], changes: [set(['a'], 1), remove(['a'])] }
    expect(() => toExpression(twice)).toThrow(KafkaError)
    expect(() => checksExpression([anyOf([])])).toThrow(KafkaError)
  })
})
