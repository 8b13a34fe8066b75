import { assert } from '../protocol/kafka-error.ts'
import type { Change, Check, Path, SimpleCheck, UpdatePlan } from './update-plan.ts'

/** The changes of one map by name: the change of that name, or the changes of the map below it. */
export type ChangeTree = Map<string, Change | ChangeTree>

/**
 * Stops on a plan that is wrong whatever the document: on what `assertChecks` and `changeTree` refuse. The other mistakes
 * a plan can make depend on the document (`applyPlan`).
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when the plan is malformed
 */
export function assertWellFormed(plan: UpdatePlan): void {
  assertChecks(plan.checks)
  changeTree(plan.changes)
}

/**
 * Stops on checks DynamoDB would not parse, an empty path or name, any of nothing, a path compared with itself, an order
 * of booleans; and on a path that begins with a part of the key.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when a check is malformed
 */
export function assertChecks(checks: readonly Check[]): void {
  for (const check of checks) {
    if (check.check === 'anyOf') {
      assert(check.checks.length > 0, 'plan is malformed reason=any-of-nothing')
      for (const part of check.checks) assertSimpleCheck(part)
    } else {
      assertSimpleCheck(check)
    }
  }
}

/**
 * The changes as a tree, so that each map is copied once however many of its entries change.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when a path or name is empty, a path begins with a part of the key, two changes
 *   name the same path or one within the other's, or a copy `ifAbsent` is from its own path or has a `plus` (DynamoDB has no
 *   expression for these)
 */
export function changeTree(changes: readonly Change[]): ChangeTree {
  const root: ChangeTree = new Map()
  for (const change of changes) {
    assertPath(change.path)
    if (change.change === 'copy') assertCopy(change)
    const name = change.path.at(-1) ?? ''
    const map = mapToChange(root, change.path)
    if (map.has(name)) throwMalformed('overlapping-changes', change.path)
    map.set(name, change)
  }
  return root
}

function mapToChange(root: ChangeTree, path: Path): ChangeTree {
  let map = root
  for (let depth = 0; depth < path.length - 1; depth++) {
    const name = path[depth] ?? ''
    const below = map.get(name)
    if (below === undefined) {
      const created: ChangeTree = new Map()
      map.set(name, created)
      map = created
    } else if (below instanceof Map) {
      map = below
    } else {
      throwMalformed('overlapping-changes', path)
    }
  }
  return map
}

function assertSimpleCheck(check: SimpleCheck): void {
  assertPath(check.path)
  if (!('to' in check)) return
  if ('path' in check.to) {
    assertPath(check.to.path)
    if (samePath(check.path, check.to.path)) throwMalformed('compared-with-itself', check.path)
  } else if (check.check !== 'equal' && typeof check.to.value === 'boolean') {
    throwMalformed('order-of-booleans', check.path)
  }
}

function assertCopy(change: Change & { change: 'copy' }): void {
  assertPath(change.from)
  if (!change.ifAbsent) return
  if (change.plus !== undefined) throwMalformed('plus-if-absent', change.path)
  if (samePath(change.path, change.from)) throwMalformed('copied-from-itself-if-absent', change.path)
}

function assertPath(path: Path): void {
  const [first] = path
  if (first === undefined) throwMalformed('empty-path', path)
  // DynamoDB keeps the key among the attributes, the embedded store does not.
  if (first === 'pk' || first === 'sk') throwMalformed('part-of-the-key', path)
  for (const name of path) if (name === '') throwMalformed('empty-name', path)
}

function samePath(one: Path, other: Path): boolean {
  return one.length === other.length && one.every((name, depth) => name === other[depth])
}

/** The message is built only when it is needed: this runs on every append. */
function throwMalformed(reason: string, path: Path): never {
  assert(false, `plan is malformed reason=${reason} path=${JSON.stringify(path)}`)
}
