import type { Item, Value } from '../../shared/core/update-plan.ts'

const COLLECTION_BYTES = 3
const ELEMENT_BYTES = 1
const SCALAR_BYTES = 1
/** The least that a number takes, so that the estimate is never too low. */
const MIN_NUMBER_BYTES = 2

/**
 * Bytes of an item as DynamoDB counts them for write units ("DynamoDB item sizes and formats"): names and strings in
 * UTF-8; a number one byte per two significant digits and one more, and one for a sign; a list or map three, and one per
 * element or pair.
 */
export function itemSize(item: Item): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + valueSize(value),
    0,
  )
}

function valueSize(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value === 'number') return numberSize(value)
  if (typeof value === 'boolean') return SCALAR_BYTES
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, element) => sum + ELEMENT_BYTES + valueSize(element), COLLECTION_BYTES)
  }
  const pairs = Object.keys(value).length
  return COLLECTION_BYTES + pairs * ELEMENT_BYTES + itemSize(value as Item)
}

/** Leading and trailing zeros do not count. */
function numberSize(value: number): number {
  const digits = String(Math.abs(value)).replace('.', '').replace(/^0+/, '').replace(/0+$/, '').length
  return Math.max(MIN_NUMBER_BYTES, Math.ceil(digits / 2) + 1 + (value < 0 ? 1 : 0))
}
