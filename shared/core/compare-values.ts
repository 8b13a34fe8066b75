import type { Value } from './update-plan.ts'

/** How two values of one type order: negative, zero or positive; undefined where they are of different or other types. */
export function order(left: Value, right: Value): number | undefined {
  if (typeof left === 'number' && typeof right === 'number') return left - right
  if (typeof left === 'string' && typeof right === 'string') return compareUtf8(left, right)
  return undefined
}

/** Whether two values are of one type and equal, maps and lists by their content. */
export function same(left: Value, right: Value): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right
  if (isList(left) || isList(right)) {
    if (!isList(left) || !isList(right) || left.length !== right.length) return false
    return left.every((value, index) => sameEntry(value, right[index]))
  }
  const names = Object.keys(left)
  if (names.length !== Object.keys(right).length) return false
  return names.every((name) => Object.hasOwn(right, name) && sameEntry(left[name], right[name]))
}

/**
 * Orders two strings by their UTF-8 bytes, without encoding them. UTF-16 code units order the same way, but for
 * surrogates: they stand for code points above U+FFFF, so they go behind U+E000 to U+FFFF.
 */
function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const one = left.charCodeAt(index)
    const other = right.charCodeAt(index)
    if (one !== other) return byteOrder(one) - byteOrder(other)
  }
  return left.length - right.length
}

/** The entries of a map or a list; undefined for a scalar. */
export function size(value: Value): number | undefined {
  if (typeof value !== 'object') return undefined
  return isList(value) ? value.length : Object.keys(value).length
}

/** `Array.isArray`, which TypeScript does not narrow readonly lists by. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

function sameEntry(left: Value | undefined, right: Value | undefined): boolean {
  return left !== undefined && right !== undefined && same(left, right)
}

function byteOrder(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800
}
