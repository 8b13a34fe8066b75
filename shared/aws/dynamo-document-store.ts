import { setTimeout as sleep } from 'node:timers/promises'
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { compareUtf8 } from '../core/compare-values.ts'
import { assert } from '../protocol/kafka-error.ts'
import { LIMITS } from '../protocol/limits.ts'
import type { DocumentStore, Due, Entry, Key, Verdict } from '../store/document-store.ts'
import { throughConflicts } from './conflicts.ts'
import { withDeadline } from './deadline.ts'
import { dynamoError, isTransient } from './dynamo-errors.ts'
import { transact } from './dynamo-transaction.ts'
import { type Attributes, marshalKey, unmarshalDue, unmarshalEntry, unmarshalItem } from './marshal.ts'
import { nextVersion, putExpression } from './put-expression.ts'
import { TABLE } from './tables.ts'
import { checksExpression, toExpression } from './to-expression.ts'

const BETWEEN = '#pk = :pk AND #sk BETWEEN :from AND :to'
const KEY_NAMES = { '#pk': TABLE.partitionKey.name, '#sk': TABLE.sortKey.name }
const DUE = '#shard = :shard AND #dueAtMs <= :until'
const DUE_NAMES = { '#shard': TABLE.index.partitionKey.name, '#dueAtMs': TABLE.index.sortKey.name }

/**
 * Documents in one DynamoDB table of the schema `TABLE`. `client` must send each call once (`dynamoClient`): reads are tried
 * again here, writes by nobody, but for a transaction, which has a token, and what was in conflict with one.
 */
export function dynamoDocumentStore(client: DynamoDBClient, tableName: string): DocumentStore {
  const where = (key: Key) => ({ TableName: tableName, Key: marshalKey(key) })

  return {
    get: async (key, consistency) => {
      const ConsistentRead = consistency === 'strong'
      const command = () => new GetItemCommand({ ...where(key), ConsistentRead })
      const found = await read(`sk=${key.sk}`, (abortSignal) => client.send(command(), { abortSignal }))
      return unmarshalItem(found.Item)
    },

    list: async (pk, { from, to, limit, direction }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `list without a limit limit=${limit}`)
      if (compareUtf8(from, to) > 0) return []
      const entries: Entry[] = []
      let after: Attributes | undefined
      do {
        const command = new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: BETWEEN,
          ExpressionAttributeNames: KEY_NAMES,
          ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: from }, ':to': { S: to } },
          ConsistentRead: true,
          ScanIndexForward: direction === 'ascending',
          Limit: limit - entries.length,
          ExclusiveStartKey: after,
        })
        const page = await read(`from=${from}`, (abortSignal) => client.send(command, { abortSignal }))
        for (const stored of page.Items ?? []) entries.push(unmarshalEntry(stored))
        after = page.LastEvaluatedKey
      } while (after !== undefined && entries.length < limit)
      return entries
    },

    due: async (shard, { untilMs, limit }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `due without a limit limit=${limit}`)
      const found: Due[] = []
      let after: Attributes | undefined
      do {
        const command = new QueryCommand({
          TableName: tableName,
          IndexName: TABLE.index.name,
          KeyConditionExpression: DUE,
          ExpressionAttributeNames: DUE_NAMES,
          ExpressionAttributeValues: { ':shard': { N: String(shard) }, ':until': { N: String(untilMs) } },
          Limit: limit - found.length,
          ExclusiveStartKey: after,
        })
        const page = await read(`due shard=${shard}`, (abortSignal) => client.send(command, { abortSignal }))
        for (const stored of page.Items ?? []) found.push(unmarshalDue(stored))
        after = page.LastEvaluatedKey
      } while (after !== undefined && found.length < limit)
      return found
    },

    put: async (key, item, expected) => {
      const command = new PutItemCommand({
        TableName: tableName,
        ...putExpression(key, item, expected),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      })
      return write(`put sk=${key.sk}`, async (abortSignal) => {
        await client.send(command, { abortSignal })
        return { applied: true, item: nextVersion(item, expected) }
      })
    },

    delete: async (key, checks) => {
      const command = new DeleteItemCommand({
        ...where(key),
        ...checksExpression(checks),
        ReturnValues: 'ALL_OLD',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      })
      return write(`delete sk=${key.sk}`, async (abortSignal) => {
        const { Attributes: old } = await client.send(command, { abortSignal })
        return { applied: true, item: unmarshalItem(old) ?? {} }
      })
    },

    update: async (key, plan) => {
      const command = new UpdateItemCommand({
        ...where(key),
        ...toExpression(plan),
        ReturnValues: 'ALL_NEW',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      })
      return write(`update sk=${key.sk}`, async (abortSignal) => {
        const { Attributes: updated } = await client.send(command, { abortSignal })
        return { applied: true, item: unmarshalItem(updated) ?? {} }
      })
    },

    transact: (actions) => transact(client, tableName, actions),
  }
}

/** A read, tried again while that may help. */
async function read<Answer>(what: string, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await withDeadline(LIMITS.documentTimeoutMs, call)
    } catch (error) {
      if (tries >= LIMITS.documentReadTries || !isTransient(error)) throw dynamoError(error, 'read', what)
      await sleep(LIMITS.documentRetryMs * 2 ** (tries - 1))
    }
  }
}

/** A conditional write, carried out once: a failed condition of a second copy may be the doing of the first. */
async function write(what: string, call: (signal: AbortSignal) => Promise<Verdict>): Promise<Verdict> {
  try {
    return await throughConflicts(() => withDeadline(LIMITS.documentTimeoutMs, call))
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) {
      return { applied: false, item: unmarshalItem(error.Item) }
    }
    throw dynamoError(error, 'write', what)
  }
}
