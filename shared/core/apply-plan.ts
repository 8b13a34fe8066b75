import { assert } from '../protocol/kafka-error.ts'
import { isList, order, same, size } from './compare-values.ts'
import { assertChecks, type ChangeTree, changeTree } from './plan-shape.ts'
import type { Change, Check, Item, Operand, Path, SimpleCheck, UpdatePlan, Value } from './update-plan.ts'

/** What a plan came to: the document after it, or the one that refused it, if there is one. */
export type Outcome =
  | { readonly applied: true; readonly item: Item }
  | { readonly applied: false; readonly item: Item | undefined }

const EMPTY: Item = {}

/**
 * Carries out `plan` on `item` with the meaning of DynamoDB's UpdateItem; an absent document counts as empty.
 * A plan wrong in itself fails first (`assertWellFormed`), then a failing check refuses, then a change that this
 * document cannot take fails. The answer shares with `item` what did not change; `item` stays as it is.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when the plan is malformed, or its checks hold but a change has no map to stand
 *   in, copies an absent path, or adds to what is not a number
 */
export function applyPlan(item: Item | undefined, plan: UpdatePlan): Outcome {
  assertChecks(plan.checks)
  const tree = changeTree(plan.changes)
  const before = item ?? EMPTY
  if (!allHold(before, plan.checks)) return { applied: false, item }
  return { applied: true, item: changeMap(before, tree, before) }
}

/**
 * Whether every check holds for `item`; an absent document counts as empty.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when a check is malformed
 */
export function holds(item: Item | undefined, checks: readonly Check[]): boolean {
  assertChecks(checks)
  return allHold(item ?? EMPTY, checks)
}

function allHold(item: Item, checks: readonly Check[]): boolean {
  return checks.every((check) =>
    check.check === 'anyOf' ? check.checks.some((part) => checkHolds(item, part)) : checkHolds(item, check),
  )
}

function checkHolds(item: Item, check: SimpleCheck): boolean {
  const value = read(item, check.path)
  if (value === undefined) return check.check === 'absent'
  switch (check.check) {
    case 'absent':
      return false
    case 'present':
      return true
    case 'fewer':
      return (size(value) ?? Number.POSITIVE_INFINITY) < check.than
    default:
      return compares(value, check.check, readOperand(item, check.to))
  }
}

function compares(
  left: Value,
  comparison: 'equal' | 'less' | 'lessOrEqual' | 'greaterOrEqual',
  right: Value | undefined,
): boolean {
  if (right === undefined) return false
  if (comparison === 'equal') return same(left, right)
  const ordered = order(left, right)
  if (ordered === undefined) return false
  if (comparison === 'less') return ordered < 0
  return comparison === 'lessOrEqual' ? ordered <= 0 : ordered >= 0
}

function readOperand(item: Item, operand: Operand): Value | undefined {
  return 'path' in operand ? read(item, operand.path) : operand.value
}

function read(item: Item, path: Path): Value | undefined {
  let value: Value | undefined = item
  for (const name of path) {
    // A list has no names: only Object.hasOwn(list, '0') would say otherwise.
    if (value === undefined || typeof value !== 'object' || isList(value)) return undefined
    value = Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value
}

/** `map` after the changes of `tree`, whose reads see `before`, the whole document as it was. */
function changeMap(map: Item, tree: ChangeTree, before: Item): Item {
  const after = copyOf(map)
  for (const [name, change] of tree) {
    const old = Object.hasOwn(map, name) ? map[name] : undefined
    if (change instanceof Map) {
      assertIsMap(old, change)
      after[name] = changeMap(old, change, before)
    } else if (change.change === 'remove') {
      delete after[name]
    } else {
      // DynamoDB's if_not_exists reads what it would write even where it then does not: `from` must always exist.
      const value = change.change === 'set' ? change.value : copied(change, before)
      if (!change.ifAbsent || old === undefined) after[name] = value
    }
  }
  return after
}

function copied(change: Change & { change: 'copy' }, before: Item): Value {
  const value = read(before, change.from)
  if (value === undefined) throwImpossible('copy of an absent path', change.from)
  if (change.plus === undefined) return value
  if (typeof value !== 'number') throwImpossible('addition to what is not a number', change.from)
  return value + change.plus
}

function assertIsMap(value: Value | undefined, tree: ChangeTree): asserts value is Item {
  if (typeof value === 'object' && !isList(value)) return
  throwImpossible('change below what is not a map', somePath(tree))
}

function somePath(tree: ChangeTree): Path {
  for (const change of tree.values()) return change instanceof Map ? somePath(change) : change.path
  return []
}

/**
 * Without a prototype V8 keeps a map as a hash table from the start; where the names come and go, as in a head's tail,
 * that is several times faster than a spread. And `__proto__` is a name like any other.
 */
function copyOf(map: Item): Record<string, Value> {
  const copy: Record<string, Value> = Object.create(null)
  for (const [name, value] of Object.entries(map)) copy[name] = value
  return copy
}

/** The message is built only when it is needed: this runs on every append. */
function throwImpossible(fact: string, path: Path): never {
  assert(false, `${fact} path=${JSON.stringify(path)}`)
}
