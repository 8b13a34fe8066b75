import { describe, expect, test } from 'vitest'
import { dynamoClient } from '../../shared/aws/clients.ts'
import { dynamoDocumentStore } from '../../shared/aws/dynamo-document-store.ts'
import { absent, set } from '../../shared/core/update-plan.ts'
import type { ErrorName } from '../../shared/protocol/error-table.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import type { Action } from '../../shared/store/document-store.ts'
import { type FakeAnswer, type FakeRequest, fakeEndpoint } from '../support/fake-endpoint.ts'

const key = { pk: 'P#1', sk: 'HEAD' }
const plan = { checks: [absent(['a'])], changes: [set(['a'], 1)] }
const actions: readonly Action[] = [{ action: 'update', key, plan }]
const OK: FakeAnswer = { status: 200, body: '{}' }

async function storeOn(answer: (request: FakeRequest) => FakeAnswer) {
  const endpoint = await fakeEndpoint(answer)
  return { endpoint, store: storeAt(endpoint.url) }
}

function storeAt(endpoint: string) {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  return dynamoDocumentStore(dynamoClient({ endpoint, region: 'us-east-1', credentials }), 'stratolog')
}

function failed(status: number, name: string, more: object = {}): FakeAnswer {
  const __type = `com.amazonaws.dynamodb.v20120810#${name}`
  return { status, body: JSON.stringify({ __type, message: 'scripted', ...more }) }
}

interface Failure {
  readonly name: string
  readonly answer: FakeAnswer
  readonly write: ErrorName
  /** One, unless said otherwise. */
  readonly writeTries?: number
  readonly readTries: number
}

const failures: readonly Failure[] = [
  {
    name: 'a throttled table',
    answer: failed(400, 'ProvisionedThroughputExceededException'),
    write: 'KAFKA_STORAGE_ERROR',
    readTries: LIMITS.documentReadTries,
  },
  {
    name: 'a throttled account',
    answer: failed(400, 'ThrottlingException'),
    write: 'KAFKA_STORAGE_ERROR',
    readTries: LIMITS.documentReadTries,
  },
  {
    name: 'too many requests',
    answer: failed(400, 'RequestLimitExceeded'),
    write: 'KAFKA_STORAGE_ERROR',
    readTries: LIMITS.documentReadTries,
  },
  {
    name: 'a document in a transaction',
    answer: failed(400, 'TransactionConflictException'),
    write: 'KAFKA_STORAGE_ERROR',
    writeTries: LIMITS.transactionTries,
    readTries: 1,
  },
  {
    name: 'no permission',
    answer: failed(400, 'AccessDeniedException'),
    write: 'KAFKA_STORAGE_ERROR',
    readTries: 1,
  },
  {
    name: 'a malformed plan',
    answer: failed(400, 'ValidationException'),
    write: 'UNKNOWN_SERVER_ERROR',
    readTries: 1,
  },
  {
    name: 'an error of the service',
    answer: failed(500, 'InternalServerError'),
    write: 'REQUEST_TIMED_OUT',
    readTries: LIMITS.documentReadTries,
  },
  {
    name: 'an unavailable service',
    answer: { status: 503, body: 'no JSON' },
    write: 'REQUEST_TIMED_OUT',
    readTries: LIMITS.documentReadTries,
  },
  {
    name: 'a broken connection',
    answer: 'reset',
    write: 'REQUEST_TIMED_OUT',
    readTries: LIMITS.documentReadTries,
  },
  {
    name: 'an answer cut off',
    answer: { status: 200, body: '{"Attributes":' },
    write: 'REQUEST_TIMED_OUT',
    readTries: 1,
  },
]

test('what is due is read from the index, eventually, page after page up to the limit', async () => {
  const entry = (pk: string, dueAtMs: number) => ({
    pk: { S: pk },
    sk: { S: 'HEAD' },
    dueShard: { N: '3' },
    dueAtMs: { N: `${dueAtMs}` },
  })
  const pages = [
    { Items: [entry('P#1', 5)], LastEvaluatedKey: entry('P#1', 5) },
    { Items: [], LastEvaluatedKey: entry('P#1', 6) },
    { Items: [entry('P#2', 7), entry('P#3', 8)], LastEvaluatedKey: entry('P#3', 8) },
  ]
  const { endpoint, store } = await storeOn(() => ({ status: 200, body: JSON.stringify(pages.shift()) }))
  const due = await store.due(3, { untilMs: 9, limit: 3 })
  expect(due.map(({ key: { pk }, dueAtMs }) => [pk, dueAtMs])).toEqual([
    ['P#1', 5],
    ['P#2', 7],
    ['P#3', 8],
  ])
  const queries = endpoint.requests.map(({ body }) => JSON.parse(String(body)))
  expect(queries.map(({ Limit, ExclusiveStartKey }) => [Limit, ExclusiveStartKey?.dueAtMs])).toEqual([
    [3, undefined],
    [2, { N: '5' }],
    [2, { N: '6' }],
  ])
  expect(queries.every((query) => query.IndexName === 'DUE' && query.ConsistentRead !== true)).toBe(true)
})

describe('failures', () => {
  test.each(failures)('$name: a write is $write', async ({ answer, write, writeTries = 1 }) => {
    const { endpoint, store } = await storeOn(() => answer)
    await expect(store.update(key, plan)).rejects.toMatchObject({ errorName: write })
    await expect(store.put(key, {}, 1)).rejects.toMatchObject({ errorName: write })
    await expect(store.delete(key, [])).rejects.toMatchObject({ errorName: write })
    expect(endpoint.requests).toHaveLength(3 * writeTries)
  })

  test.each(failures)('$name: a read has no effect and is tried $readTries times', async (failure) => {
    const { endpoint, store } = await storeOn(() => failure.answer)
    const errorName = failure.write === 'UNKNOWN_SERVER_ERROR' ? failure.write : 'KAFKA_STORAGE_ERROR'
    await expect(store.get(key, 'strong')).rejects.toMatchObject({ errorName })
    expect(endpoint.requests).toHaveLength(failure.readTries)
  })

  test('a document above 400 KB is told apart from a malformed plan', async () => {
    const message = 'Item size to update has exceeded the maximum allowed size'
    const { store } = await storeOn(() => failed(400, 'ValidationException', { message }))
    await expect(store.update(key, plan)).rejects.toThrow('document too large')
  })

  test('a write that found nobody to connect to has no effect', async () => {
    const unused = storeAt('http://127.0.0.1:1')
    await expect(unused.update(key, plan)).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
    await expect(unused.transact(actions)).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
  })

  test('what has no name but what it says is told: no region is set', async () => {
    const region = () => Promise.reject(new Error('Region is missing'))
    const store = dynamoDocumentStore(dynamoClient({ region }), 'stratolog')
    await expect(store.get(key, 'strong')).rejects.toThrow('not read sk=HEAD cause="Region is missing"')
  })

  test('a read that goes better the second time is answered', async () => {
    const answers = [failed(500, 'InternalServerError')]
    const { store } = await storeOn(() => answers.shift() ?? OK)
    expect(await store.get(key, 'strong')).toBeUndefined()
  })
})

describe('transactions', () => {
  const cancelled = (...codes: readonly string[]): FakeAnswer =>
    failed(400, 'TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) })
  const IN_PROGRESS = failed(400, 'TransactionInProgressException')
  const LOST: FakeAnswer = 'reset'

  test.each<{ name: string; answers: readonly FakeAnswer[]; expected: object; sent: number }>([
    {
      name: 'failed conditions are the refused positions',
      answers: [cancelled('None', 'ConditionalCheckFailed', 'TransactionConflict', 'ConditionalCheckFailed')],
      expected: { applied: false, refused: [1, 3] },
      sent: 1,
    },
    {
      name: 'a conflict passes',
      answers: [cancelled('None', 'TransactionConflict'), OK],
      expected: { applied: true },
      sent: 2,
    },
    {
      name: 'one that does not pass is definite',
      answers: Array.from({ length: LIMITS.transactionTries }, () =>
        cancelled('None', 'TransactionConflict'),
      ),
      expected: { errorName: 'KAFKA_STORAGE_ERROR' },
      sent: LIMITS.transactionTries,
    },
    {
      name: 'so is a throttle',
      answers: [cancelled('ThrottlingError')],
      expected: { errorName: 'KAFKA_STORAGE_ERROR' },
      sent: 1,
    },
    {
      name: 'an action that cannot be carried out is malformed',
      answers: [cancelled('None', 'ValidationError')],
      expected: { errorName: 'UNKNOWN_SERVER_ERROR' },
      sent: 1,
    },
    {
      name: 'after a lost answer the second copy says that it was applied',
      answers: [LOST, OK],
      expected: { applied: true },
      sent: 2,
    },
    {
      name: 'but its refusal says nothing of the first',
      answers: [LOST, cancelled('ConditionalCheckFailed')],
      expected: { errorName: 'REQUEST_TIMED_OUT' },
      sent: 2,
    },
    {
      name: 'nor does it while the first is under way',
      answers: [LOST, IN_PROGRESS],
      expected: { errorName: 'REQUEST_TIMED_OUT' },
      sent: 2,
    },
  ])('$name', async ({ answers, expected, sent }) => {
    const left = [...answers]
    const { endpoint, store } = await storeOn(() => left.shift() ?? 'hang')
    const outcome = await store.transact(actions).catch((error: unknown) => error)
    expect(outcome).toMatchObject(expected)
    const copies = endpoint.requests.map(({ body }) => JSON.parse(body.toString()).ClientRequestToken)
    expect(copies).toHaveLength(sent)
    expect(new Set(copies).size).toBe(1)
  })
})

test('list asks for the next page until it has enough', async () => {
  const row = (sk: string) => ({ pk: { S: 'P#1' }, sk: { S: sk } })
  const pages = [
    { Items: [row('A'), row('B')], LastEvaluatedKey: row('B') },
    { Items: [], LastEvaluatedKey: row('C') },
    { Items: [row('D')], LastEvaluatedKey: row('D') },
  ]
  const { endpoint, store } = await storeOn(() => ({ status: 200, body: JSON.stringify(pages.shift()) }))
  const query = { from: 'A', to: 'Z', limit: 3, direction: 'ascending' } as const
  const entries = await store.list('P#1', query)
  expect(entries.map((entry) => entry.key.sk)).toEqual(['A', 'B', 'D'])
  const asked = endpoint.requests.map(({ body }) => JSON.parse(body.toString()))
  expect(asked.map(({ Limit }) => Limit)).toEqual([3, 1, 1])
  expect(asked.map(({ ExclusiveStartKey }) => ExclusiveStartKey?.sk.S)).toEqual([undefined, 'B', 'C'])
})
