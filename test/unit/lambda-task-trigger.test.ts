import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import { expect, test } from 'vitest'
import { type LambdaTaskOptions, lambdaTaskTrigger } from '../../shared/aws/lambda-task-trigger.ts'
import type { Task } from '../../shared/store/task-trigger.ts'
import { fakeEndpoint } from '../support/fake-endpoint.ts'

const CREDENTIALS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret', sessionToken: 'token' }
const CATCH_UP: Task = { task: 'catchUp', topicName: 'orders', topicId: 'id', partitionIndex: 3 }

/** A trigger, and what it warned of. */
function triggerOf(options: Partial<LambdaTaskOptions>) {
  const warnings: unknown[] = []
  const tasks = lambdaTaskTrigger({
    identity: { region: async () => 'us-east-1', credentials: async () => CREDENTIALS },
    functions: { controller: 'Stratolog-controller', catchUp: 'Stratolog-background' },
    endpoint: undefined,
    warn: (message, fields) => warnings.push([message, fields]),
    ...options,
  })
  return { tasks, warnings }
}

test.each([
  { task: { task: 'controller' } as const, functionName: 'Stratolog-controller' },
  { task: CATCH_UP, functionName: 'Stratolog-background' },
])('the task $task.task is an asynchronous invocation of $functionName', async ({ task, functionName }) => {
  const lambda = await fakeEndpoint(() => ({ status: 202 }))
  const { tasks, warnings } = triggerOf({ endpoint: lambda.url })
  await tasks.trigger(task)
  expect(warnings).toEqual([])
  expect(lambda.requests).toHaveLength(1)
  const [request] = lambda.requests
  expect(request).toMatchObject({
    method: 'POST',
    url: `/2015-03-31/functions/${functionName}/invocations`,
    headers: { 'x-amz-invocation-type': 'Event' },
  })
  expect(JSON.parse(String(request?.body))).toEqual(task)
})

test('the signature is that of the request as it arrives', async () => {
  const lambda = await fakeEndpoint(() => ({ status: 202 }))
  await triggerOf({ endpoint: lambda.url }).tasks.trigger({ task: 'controller' })
  const [request] = lambda.requests
  const {
    authorization,
    'x-amz-date': date,
    connection: _,
    'content-length': __,
    ...sent
  } = request?.headers ?? {}
  const signer = new SignatureV4({
    service: 'lambda',
    region: 'us-east-1',
    credentials: CREDENTIALS,
    sha256: Sha256,
  })
  const { hostname } = new URL(lambda.url)
  const expected = await signer.sign(
    {
      method: 'POST',
      protocol: 'http:',
      hostname,
      path: request?.url ?? '',
      query: {},
      headers: sent as Record<string, string>,
      body: request?.body,
    },
    { signingDate: new Date(String(date).replace(/^(.{4})(..)(..T..)(..)/, '$1-$2-$3:$4:')) },
  )
  expect(sent['x-amz-security-token']).toBe('token')
  expect(authorization).toBe(expected.headers.authorization)
})

test('every trigger has a connection of its own', async () => {
  const lambda = await fakeEndpoint(() => ({ status: 202 }))
  const { tasks } = triggerOf({ endpoint: lambda.url })
  await tasks.trigger({ task: 'controller' })
  await tasks.trigger({ task: 'controller' })
  expect(lambda.requests.map(({ connection }) => connection)).toEqual([0, 1])
})

test('a task without a function is not triggered, and nobody is warned', async () => {
  const lambda = await fakeEndpoint(() => ({ status: 202 }))
  const functions = { controller: 'Stratolog-controller', catchUp: undefined }
  const { tasks, warnings } = triggerOf({ endpoint: lambda.url, functions })
  await tasks.trigger(CATCH_UP)
  expect({ requests: lambda.requests, warnings }).toEqual({ requests: [], warnings: [] })
})

test.each([
  {
    name: 'refuses',
    answer: { status: 403, headers: { 'x-amzn-errortype': 'AccessDeniedException' } },
    error: /^refused status=403 error=AccessDeniedException$/,
  },
  { name: 'is throttled', answer: { status: 429 }, error: /^refused status=429/ },
  { name: 'breaks the connection', answer: 'reset', error: /ECONNRESET|hang up/ },
  { name: 'says nothing', answer: 'hang', error: /aborted/ },
] as const)('a Lambda that $name is warned of, once, and asked once', async ({ answer, error }) => {
  const lambda = await fakeEndpoint(() => answer)
  const { tasks, warnings } = triggerOf({ endpoint: lambda.url, timeoutMs: 200 })
  await tasks.trigger(CATCH_UP)
  expect(warnings).toEqual([['task not triggered', { ...CATCH_UP, error: expect.stringMatching(error) }]])
  expect(lambda.requests).toHaveLength(1)
})

test.each([
  { name: 'no credentials', credentials: () => Promise.reject(new Error('no credentials')) },
  { name: 'credentials that never come', credentials: () => new Promise<never>(() => undefined) },
])('$name is warned of', async ({ credentials }) => {
  const identity = { region: async () => 'us-east-1', credentials }
  const { tasks, warnings } = triggerOf({ identity, timeoutMs: 50 })
  await tasks.trigger({ task: 'controller' })
  expect(warnings).toHaveLength(1)
})
