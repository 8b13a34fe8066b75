import { assertChecks, assertWellFormed } from '../core/plan-shape.ts'
import { assert } from '../protocol/kafka-error.ts'
import type { Action } from './document-store.ts'

/** DynamoDB's bound on a transaction. */
const MAX_TRANSACT_ACTIONS = 100

/**
 * Stops on a transaction that is wrong whatever the documents: none or too many actions, two of one document, a malformed
 * plan or check, a check of nothing, an update without a change.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when the transaction is malformed
 */
export function assertActions(actions: readonly Action[]): void {
  const { length } = actions
  assert(length >= 1 && length <= MAX_TRANSACT_ACTIONS, `transaction of another size actions=${length}`)
  const keys = new Set(actions.map(({ key }) => JSON.stringify([key.pk, key.sk])))
  assert(keys.size === length, `transaction names a document twice actions=${length} documents=${keys.size}`)
  for (const action of actions) assertAction(action)
}

function assertAction(action: Action): void {
  if (action.action === 'put') return
  if (action.action === 'update') {
    assert(action.plan.changes.length > 0, `transaction changes nothing sk=${action.key.sk}`)
    assertWellFormed(action.plan)
  } else {
    const { action: kind, checks } = action
    assert(kind === 'delete' || checks.length > 0, `transaction checks nothing sk=${action.key.sk}`)
    assertChecks(checks)
  }
}
