import { applyPlan, holds } from '../core/apply-plan.ts'
import type { Item } from '../core/update-plan.ts'
import { assert } from '../protocol/kafka-error.ts'
import type { Action, Expected } from './document-store.ts'

// What DynamoDB does with a put and with one action of a transaction, for stores that carry them out themselves.

/** Whether the document is the one that a put is to replace. */
export function isVersion(item: Item | undefined, expected: Expected): boolean {
  return expected === 'absent' ? item === undefined : item?.ver === expected
}

/** What a put stores. */
export function withNextVersion(item: Item, expected: Expected): Item {
  return { ...item, ver: expected === 'absent' ? 1 : expected + 1 }
}

/** Whether the conditions of an action hold for the document. */
export function allows(action: Action, before: Item | undefined): boolean {
  if (action.action === 'put') return isVersion(before, action.expected)
  return holds(before, action.action === 'update' ? action.plan.checks : action.checks)
}

/** What an action that the document allows makes of it; undefined where it is gone. */
export function afterAction(action: Action, before: Item | undefined): Item | undefined {
  if (action.action === 'put') return withNextVersion(action.item, action.expected)
  if (action.action !== 'update') return action.action === 'check' ? before : undefined
  const { applied, item } = applyPlan(before, action.plan)
  assert(applied, `plan refused after its checks held sk=${action.key.sk}`)
  return item
}
