import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { assertChecks, assertWellFormed } from '../core/plan-shape.ts'
import type { Change, Check, Operand, Path, SimpleCheck, UpdatePlan, Value } from '../core/update-plan.ts'
import { marshal } from './marshal.ts'

/** The parameters of a conditional write. An absent one is left out: DynamoDB refuses an empty one. */
export interface Expression {
  readonly ConditionExpression: string | undefined
  readonly UpdateExpression: string | undefined
  readonly ExpressionAttributeNames: Record<string, string> | undefined
  readonly ExpressionAttributeValues: Record<string, AttributeValue> | undefined
}

/**
 * A plan as DynamoDB's expressions, with the meaning of `applyPlan`. Every name is a placeholder: many short words are
 * reserved. A name that comes again has the same one, which keeps a long plan well below the 4 KB of an expression.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when the plan is malformed, as `assertWellFormed` says
 */
export function toExpression(plan: UpdatePlan): Expression {
  assertWellFormed(plan)
  const terms = newTerms()
  const ConditionExpression = condition(plan.checks, terms)
  const UpdateExpression = update(plan.changes, terms)
  return { ConditionExpression, UpdateExpression, ...terms.attributes() }
}

/**
 * The checks of a delete, or of a document that a transaction only looks at.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when a check is malformed, as `assertChecks` says
 */
export function checksExpression(checks: readonly Check[]): Omit<Expression, 'UpdateExpression'> {
  assertChecks(checks)
  const terms = newTerms()
  return { ConditionExpression: condition(checks, terms), ...terms.attributes() }
}

/** Placeholders for what an expression speaks of: `tail.x` → `#0.#1`, 7 → `:0`. */
interface Terms {
  path(path: Path): string
  value(value: Value): string
  attributes(): Pick<Expression, 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>
}

function newTerms(): Terms {
  const names = new Map<string, string>()
  const values: [string, AttributeValue][] = []
  const placeholder = (name: string): string => {
    const known = names.get(name) ?? `#${names.size}`
    names.set(name, known)
    return known
  }
  return {
    path: (path) => path.map(placeholder).join('.'),
    value: (value) => {
      const term = `:${values.length}`
      values.push([term, marshal(value)])
      return term
    },
    attributes: () => ({
      ExpressionAttributeNames: orUndefined([...names].map(([name, term]) => [term, name])),
      ExpressionAttributeValues: orUndefined(values),
    }),
  }
}

function orUndefined<Entry>(entries: readonly [string, Entry][]): Record<string, Entry> | undefined {
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

function condition(checks: readonly Check[], terms: Terms): string | undefined {
  const conditions = checks.map((check) =>
    check.check === 'anyOf'
      ? anyCondition(check.checks.map((part) => simpleCondition(part, terms)))
      : simpleCondition(check, terms),
  )
  return conditions.join(' AND ') || undefined
}

/** DynamoDB refuses redundant parentheses, and AND binds more closely than OR. */
function anyCondition(parts: readonly string[]): string {
  return parts.length === 1 ? parts.join() : `(${parts.join(' OR ')})`
}

const OPERATORS = { equal: '=', less: '<', lessOrEqual: '<=', greaterOrEqual: '>=' } as const

function simpleCondition(check: SimpleCheck, terms: Terms): string {
  const path = terms.path(check.path)
  switch (check.check) {
    case 'absent':
      return `attribute_not_exists(${path})`
    case 'present':
      return `attribute_exists(${path})`
    case 'fewer': {
      // A string has a size too, but no entries.
      const isMap = `attribute_type(${path}, ${terms.value('M')})`
      const isList = `attribute_type(${path}, ${terms.value('L')})`
      return `(${isMap} OR ${isList}) AND size(${path}) < ${terms.value(check.than)}`
    }
    default:
      return `${path} ${OPERATORS[check.check]} ${operand(check.to, terms)}`
  }
}

function operand(to: Operand, terms: Terms): string {
  return 'path' in to ? terms.path(to.path) : terms.value(to.value)
}

function update(changes: readonly Change[], terms: Terms): string | undefined {
  const sets: string[] = []
  const removes: string[] = []
  for (const change of changes) {
    const path = terms.path(change.path)
    if (change.change === 'remove') removes.push(path)
    else sets.push(`${path} = ${assigned(change, path, terms)}`)
  }
  const clauses = [clause('SET', sets), clause('REMOVE', removes)].filter((text) => text !== undefined)
  return clauses.join(' ') || undefined
}

function assigned(change: Exclude<Change, { change: 'remove' }>, path: string, terms: Terms): string {
  const value = change.change === 'set' ? terms.value(change.value) : terms.path(change.from)
  if (change.ifAbsent) return `if_not_exists(${path}, ${value})`
  if (change.change === 'set' || change.plus === undefined) return value
  return `${value} + ${terms.value(change.plus)}`
}

function clause(word: string, parts: readonly string[]): string | undefined {
  return parts.length === 0 ? undefined : `${word} ${parts.join(', ')}`
}
