import { isDeepStrictEqual } from 'node:util'
import { BatchGetItemCommand, BatchWriteItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { dynamoClient } from '../../shared/aws/clients.ts'
import { dynamoDocumentStore } from '../../shared/aws/dynamo-document-store.ts'
import { marshalItem, marshalKey, unmarshalEntry } from '../../shared/aws/marshal.ts'
import { applyPlan } from '../../shared/core/apply-plan.ts'
import type { Item, UpdatePlan } from '../../shared/core/update-plan.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import { concurrently } from '../../shared/service/concurrent.ts'
import type { DocumentStore, Key, Verdict } from '../../shared/store/document-store.ts'
import { arbitraryItem, arbitraryPlan } from '../support/arbitrary-plan.ts'
import { canRun } from '../support/requires.ts'

/** Set to run other plans, or those of a failure again. */
const SEED = Number(process.env.PLAN_SEED ?? Date.now())
const PLANS = Number(process.env.PLAN_RUNS ?? 6000)
/** Plans under way at once; the documents are all different, so they do not meet. */
const AT_ONCE = 32
/** DynamoDB's bounds. */
const MAX_BATCH_WRITE = 25
const MAX_BATCH_GET = 100

interface Case {
  readonly key: Key
  readonly before: Item | undefined
  readonly plan: UpdatePlan
}

/** What becomes of a case: the verdict, and the document that it hands back and leaves behind. */
interface Result {
  readonly verdict: 'applied' | 'refused' | 'malformed'
  readonly answer: Item | undefined
  readonly stored: Item | undefined
  /** Why it is malformed: said in a failure, and not compared. */
  readonly reason?: string
}

if (canRun('plans on DynamoDB Local', ['java', 'python3'])) {
  let emulators: Emulators
  let client: DynamoDBClient
  let store: DocumentStore

  beforeAll(async () => {
    emulators = await startEmulators({ nodes: 0 })
    client = dynamoClient(emulators.dynamo)
    store = dynamoDocumentStore(client, emulators.tableName)
  })
  afterAll(() => emulators.stop())

  test(`${PLANS} plans come to the same on DynamoDB as by applyPlan, seed ${SEED}`, async () => {
    const cases = fc
      .sample(fc.tuple(fc.option(arbitraryItem, { nil: undefined }), arbitraryPlan), {
        numRuns: PLANS,
        seed: SEED,
      })
      .map(([before, plan], index): Case => ({ key: { pk: `PLAN#${index}`, sk: 'HEAD' }, before, plan }))
    await putAll(client, emulators.tableName, cases)
    const outcomes = await concurrently(cases, AT_ONCE, ({ key, plan }) =>
      outcomeOf(() => store.update(key, plan)),
    )
    const stored = await getAll(client, emulators.tableName, cases)
    const results = await Promise.all(
      cases.map(async (one, index) => {
        const expected = await byApplyPlan(one)
        const actual = { ...outcomes[index], stored: stored.get(one.key.pk) }
        return { ...one, expected, actual, same: isDeepStrictEqual(plain(expected), plain(actual)) }
      }),
    )
    const differing = results.filter(({ same }) => !same)
    expect(differing.slice(0, 5).map((one) => JSON.stringify(one))).toEqual([])
    const verdicts = Object.groupBy(results, ({ expected }) => expected.verdict)
    const counts = Object.entries(verdicts).map(([verdict, these]) => [verdict, these.length])
    for (const [, count] of counts) expect(count).toBeGreaterThan(PLANS / 20)
    expect(counts).toHaveLength(3)
  })
}

async function byApplyPlan({ before, plan }: Case): Promise<Result> {
  const outcome = await outcomeOf(async () => applyPlan(before, plan))
  return { ...outcome, stored: outcome.verdict === 'applied' ? outcome.answer : before }
}

async function outcomeOf(run: () => Promise<Verdict>): Promise<Omit<Result, 'stored'>> {
  try {
    const { applied, item } = await run()
    return { verdict: applied ? 'applied' : 'refused', answer: item }
  } catch (error) {
    if (!(error instanceof KafkaError) || error.errorName !== 'UNKNOWN_SERVER_ERROR') throw error
    return { verdict: 'malformed', answer: undefined, reason: error.message }
  }
}

async function putAll(client: DynamoDBClient, tableName: string, cases: readonly Case[]): Promise<void> {
  const puts = cases.flatMap(({ key, before }) =>
    before === undefined ? [] : [{ PutRequest: { Item: marshalItem(key, before) } }],
  )
  await concurrently(chunks(puts, MAX_BATCH_WRITE), AT_ONCE, async (some) => {
    const { UnprocessedItems } = await client.send(
      new BatchWriteItemCommand({ RequestItems: { [tableName]: some } }),
    )
    expect(UnprocessedItems).toEqual({})
  })
}

/** The documents by their partition key. */
async function getAll(client: DynamoDBClient, tableName: string, cases: readonly Case[]) {
  const found = await concurrently(chunks(cases, MAX_BATCH_GET), AT_ONCE, async (some) => {
    const wanted = { Keys: some.map(({ key }) => marshalKey(key)), ConsistentRead: true }
    const answer = await client.send(new BatchGetItemCommand({ RequestItems: { [tableName]: wanted } }))
    expect(answer.UnprocessedKeys).toEqual({})
    return (answer.Responses?.[tableName] ?? []).map(unmarshalEntry)
  })
  return new Map(found.flat().map(({ key, item }) => [key.pk, item]))
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

/** Without the reason, and without the prototypes that two ways of making a map differ in. */
function plain(result: object): unknown {
  return JSON.parse(JSON.stringify({ ...result, reason: undefined }))
}
