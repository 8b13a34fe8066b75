import {
  type DynamoDBClient,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
import { LIMITS } from '../protocol/limits.ts'
import { assertActions } from '../store/assert-actions.ts'
import type { Action, TransactVerdict } from '../store/document-store.ts'
import { throughConflicts } from './conflicts.ts'
import { withDeadline } from './deadline.ts'
import { dynamoError, hasNoEffect, refusedActions } from './dynamo-errors.ts'
import { marshalKey } from './marshal.ts'
import { putExpression } from './put-expression.ts'
import { checksExpression, toExpression } from './to-expression.ts'

/**
 * Carries out 1 to 100 actions on different documents, all or none.
 *
 * The token makes DynamoDB carry out a transaction once for ten minutes however often it is sent. So one without a definite
 * answer is sent again, and is answered if that says it was applied; a refusal would be of the second copy, while the first
 * may still arrive.
 */
export async function transact(
  client: DynamoDBClient,
  tableName: string,
  actions: readonly Action[],
): Promise<TransactVerdict> {
  assertActions(actions)
  const command = new TransactWriteItemsCommand({
    TransactItems: actions.map((action) => transactItem(tableName, action)),
    ClientRequestToken: crypto.randomUUID(),
  })
  const send = () =>
    throughConflicts(() =>
      withDeadline(LIMITS.documentTimeoutMs, (abortSignal) => client.send(command, { abortSignal })),
    )
  const what = `transaction actions=${actions.length}`
  try {
    await send()
  } catch (error) {
    const refused = refusedActions(error)
    if (refused.length > 0) return { applied: false, refused }
    if (hasNoEffect(error)) throw dynamoError(error, 'write', what)
    await send().catch(() => {
      throw dynamoError(error, 'write', what)
    })
  }
  return { applied: true }
}

function transactItem(tableName: string, action: Action): TransactWriteItem {
  const where = { TableName: tableName, Key: marshalKey(action.key) }
  switch (action.action) {
    case 'put':
      return { Put: { TableName: tableName, ...putExpression(action.key, action.item, action.expected) } }
    case 'delete':
      return { Delete: { ...where, ...checksExpression(action.checks) } }
    case 'check':
      return { ConditionCheck: { ...where, ...checksExpression(action.checks) } }
    case 'update':
      return { Update: { ...where, ...toExpression(action.plan) } }
  }
}
