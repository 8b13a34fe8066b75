import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import type {
  Change,
  Check,
  Item,
  Path,
  SimpleCheck,
  UpdatePlan,
  Value,
} from '../../shared/core/update-plan.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { arbitraryItem, arbitraryPlan } from '../support/arbitrary-plan.ts'

test('a plan is applied, refused or malformed as the naive model says, and leaves its input alone', () => {
  fc.assert(
    fc.property(fc.option(arbitraryItem, { nil: undefined }), arbitraryPlan, (item, plan) => {
      const before = JSON.stringify([item, plan])
      const outcome = run(item, plan)
      expect(JSON.stringify([item, plan])).toBe(before)
      expect(outcome).toEqual(model(item, plan))
    }),
    { numRuns: 5000 },
  )
})

type Result = { verdict: 'applied' | 'refused'; item: Item | undefined } | { verdict: 'malformed' }

function run(item: Item | undefined, plan: UpdatePlan): Result {
  try {
    const outcome = applyPlan(item, plan)
    return { verdict: outcome.applied ? 'applied' : 'refused', item: outcome.item }
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaError)
    return { verdict: 'malformed' }
  }
}

type Tree = { [name: string]: Value }

/** The same rules with whole copies, pairwise comparison of paths and encoded strings: slow and short. */
function model(item: Item | undefined, plan: UpdatePlan): Result {
  const before = item ?? {}
  const simple = plan.checks.flatMap((check) => (check.check === 'anyOf' ? check.checks : [check]))
  const emptyAnyOf = plan.checks.some((check) => check.check === 'anyOf' && check.checks.length === 0)
  const overlap = plan.changes.some((one, index) =>
    plan.changes
      .slice(index + 1)
      .some((other) => isWithin(one.path, other.path) || isWithin(other.path, one.path)),
  )
  if (emptyAnyOf || overlap || simple.some(isBadCheck) || plan.changes.some(isBadCopy))
    return { verdict: 'malformed' }
  if (!plan.checks.every((check) => holds(before, check))) return { verdict: 'refused', item }
  const after = structuredClone(before) as Tree
  for (const change of plan.changes) if (!make(change, before, after)) return { verdict: 'malformed' }
  return { verdict: 'applied', item: after }
}

function isWithin(path: Path, other: Path): boolean {
  return other.every((name, depth) => path[depth] === name)
}

function isBadCheck(check: SimpleCheck): boolean {
  if (!('to' in check)) return false
  if ('path' in check.to) return String(check.to.path) === String(check.path)
  return check.check !== 'equal' && typeof check.to.value === 'boolean'
}

function isBadCopy(change: Change): boolean {
  if (change.change !== 'copy' || !change.ifAbsent) return false
  return change.plus !== undefined || String(change.path) === String(change.from)
}

function read(item: Item, path: Path): Value | undefined {
  return path.reduce<Value | undefined>(
    (value, name) => (isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    item,
  )
}

function isMap(value: Value | undefined): value is Item {
  return typeof value === 'object' && !Array.isArray(value)
}

function holds(item: Item, check: Check): boolean {
  if (check.check === 'anyOf') return check.checks.some((part) => holds(item, part))
  const value = read(item, check.path)
  if (check.check === 'absent') return value === undefined
  if (check.check === 'present') return value !== undefined
  if (check.check === 'fewer') return typeof value === 'object' && Object.keys(value).length < check.than
  if (!('to' in check)) return false
  const to = 'path' in check.to ? read(item, check.to.path) : check.to.value
  if (value === undefined || to === undefined) return false
  if (check.check === 'equal') return canonical(value) === canonical(to)
  if (typeof value !== typeof to || (typeof value !== 'string' && typeof value !== 'number')) return false
  const order =
    typeof value === 'string'
      ? Buffer.compare(Buffer.from(value), Buffer.from(String(to)))
      : value - Number(to)
  return { less: order < 0, lessOrEqual: order <= 0, greaterOrEqual: order >= 0 }[check.check]
}

function canonical(value: Value): string {
  if (!isMap(value)) return Array.isArray(value) ? `[${value.map(canonical)}]` : JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, entry]) => `${name}:${canonical(entry)}`)
    .sort()}}`
}

/** Whether the change could be made. */
function make(change: Change, before: Item, after: Tree): boolean {
  const found = read(after, change.path.slice(0, -1))
  const name = change.path.at(-1) ?? ''
  if (!isMap(found)) return false
  const parent = found as Tree
  if (change.change === 'remove') return delete parent[name]
  const value = change.change === 'set' ? change.value : read(before, change.from)
  if (value === undefined) return false
  if (change.ifAbsent && read(before, change.path) !== undefined) return true
  if (change.change === 'set' || change.plus === undefined) {
    parent[name] = structuredClone(value)
    return true
  }
  if (typeof value !== 'number') return false
  parent[name] = value + change.plus
  return true
}
