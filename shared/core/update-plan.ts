/** A stored value: what DynamoDB's types and JSON have in common. */
export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value }

/** A stored document, without its key. */
export type Item = { readonly [name: string]: Value }

/** Attribute names from the document's root. Names may hold dots: `['holeStart', '1.2']`. */
export type Path = readonly string[]

/** What a path is compared with: a constant, or another path of the same document. */
export type Operand = { readonly value: string | number | boolean } | { readonly path: Path }

/**
 * A condition on one path. A comparison with an absent path, or of different types, is false.
 * Strings compare as UTF-8 bytes. `fewer` holds where `path` is a map or list with fewer than `than` entries.
 */
export type SimpleCheck =
  | {
      readonly check: 'equal' | 'less' | 'lessOrEqual' | 'greaterOrEqual'
      readonly path: Path
      readonly to: Operand
    }
  | { readonly check: 'absent' | 'present'; readonly path: Path }
  | { readonly check: 'fewer'; readonly path: Path; readonly than: number }

/** A simple check, or several of which one must hold. */
export type Check = SimpleCheck | { readonly check: 'anyOf'; readonly checks: readonly SimpleCheck[] }

/**
 * A change of one path. `copy` writes the value of `from`, plus a number where `plus` is given.
 * `ifAbsent` leaves a present path alone. The parent map of `path` must exist, and so must `from`.
 */
export type Change =
  | { readonly change: 'set'; readonly path: Path; readonly value: Value; readonly ifAbsent: boolean }
  | {
      readonly change: 'copy'
      readonly path: Path
      readonly from: Path
      readonly plus: number | undefined
      readonly ifAbsent: boolean
    }
  | { readonly change: 'remove'; readonly path: Path }

/**
 * One conditional write of one document, as data: every check must hold, then every change is made at once.
 * Checks and copies all see the document as it was before.
 *
 * Two executors give it one meaning: `applyPlan` (core) and `toExpression` (aws).
 */
export interface UpdatePlan {
  readonly checks: readonly Check[]
  readonly changes: readonly Change[]
}

const operand = (to: string | number | boolean | Path): Operand =>
  typeof to === 'object' ? { path: to } : { value: to }

export const equal = (path: Path, to: string | number | boolean | Path): SimpleCheck => ({
  check: 'equal',
  path,
  to: operand(to),
})
export const less = (path: Path, to: string | number | Path): SimpleCheck => ({
  check: 'less',
  path,
  to: operand(to),
})
export const lessOrEqual = (path: Path, to: string | number | Path): SimpleCheck => ({
  check: 'lessOrEqual',
  path,
  to: operand(to),
})
export const greaterOrEqual = (path: Path, to: string | number | Path): SimpleCheck => ({
  check: 'greaterOrEqual',
  path,
  to: operand(to),
})
export const absent = (path: Path): SimpleCheck => ({ check: 'absent', path })
export const present = (path: Path): SimpleCheck => ({ check: 'present', path })
export const fewer = (path: Path, than: number): SimpleCheck => ({ check: 'fewer', path, than })
export const anyOf = (checks: readonly SimpleCheck[]): Check => ({ check: 'anyOf', checks })

export const set = (path: Path, value: Value): Change => ({ change: 'set', path, value, ifAbsent: false })
export const setIfAbsent = (path: Path, value: Value): Change => ({
  change: 'set',
  path,
  value,
  ifAbsent: true,
})
export const copy = (path: Path, from: Path): Change => ({
  change: 'copy',
  path,
  from,
  plus: undefined,
  ifAbsent: false,
})
export const copyPlus = (path: Path, from: Path, plus: number): Change => ({
  change: 'copy',
  path,
  from,
  plus,
  ifAbsent: false,
})
export const copyIfAbsent = (path: Path, from: Path): Change => ({
  change: 'copy',
  path,
  from,
  plus: undefined,
  ifAbsent: true,
})
export const remove = (path: Path): Change => ({ change: 'remove', path })
