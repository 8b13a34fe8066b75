import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import { LIMITS } from '../protocol/limits.ts'
import type { Task, TaskTrigger } from '../store/task-trigger.ts'
import { withDeadline } from './deadline.ts'

/** How tasks become invocations. */
export interface LambdaTaskOptions {
  /** Where and as whom to call: the configuration of a client that is there anyway. */
  readonly identity: Pick<DynamoDBClient['config'], 'region' | 'credentials'>
  /** The function that does each task; one without a function is not triggered. */
  readonly functions: { readonly [task in Task['task']]: string | undefined }
  /** Instead of Lambda's own address in the region. */
  readonly endpoint: string | undefined
  readonly warn: (message: string, fields: Readonly<Record<string, unknown>>) => void
  readonly timeoutMs?: number
}

const ACCEPTED = 202

/**
 * Triggers tasks by asynchronous invocations, with the task as the event. It signs its one kind of request by itself, with
 * what the other clients bring along: Lambda's client would be a ninth of a function's code. A hint is given once, on a
 * connection of its own: there are few, and one that was kept may have died while the Lambda was frozen.
 */
export function lambdaTaskTrigger(options: LambdaTaskOptions): TaskTrigger {
  const { functions, warn, timeoutMs = LIMITS.taskTriggerTimeoutMs } = options
  const { region, credentials } = options.identity
  const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256: Sha256 })
  return {
    trigger: async (task) => {
      const name = functions[task.task]
      if (name === undefined) return
      try {
        await withDeadline(timeoutMs, async (signal) => {
          const url = invocationUrl(options.endpoint ?? defaultEndpoint(await region()), name)
          await invoke(signer, { url, body: JSON.stringify(task), signal })
        })
      } catch (error) {
        warn('task not triggered', { ...task, error: error instanceof Error ? error.message : String(error) })
      }
    },
  }
}

function defaultEndpoint(region: string): string {
  return `https://lambda.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
}

function invocationUrl(endpoint: string, functionName: string): URL {
  return new URL(`/2015-03-31/functions/${encodeURIComponent(functionName)}/invocations`, endpoint)
}

interface Invocation {
  readonly url: URL
  readonly body: string
  readonly signal: AbortSignal
}

/** Resolves once Lambda has taken the event; rejects when it did not, or nobody knows. */
async function invoke(signer: SignatureV4, { url, body, signal }: Invocation): Promise<void> {
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: {},
    headers: { host: url.host, 'content-type': 'application/json', 'x-amz-invocation-type': 'Event' },
    body,
  })
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const outgoing = send(url, { method: 'POST', headers, signal, agent: false }, (answer) => {
    answer.on('error', reject).resume()
    const { statusCode, headers } = answer
    if (statusCode === ACCEPTED) resolve()
    else reject(new Error(`refused status=${statusCode} error=${headers['x-amzn-errortype'] ?? 'unknown'}`))
  })
  outgoing.on('error', reject).end(body)
  await promise
}
