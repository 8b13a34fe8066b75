import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Emulators } from '../local/emulators.ts'
import type { FetchRequest, FetchResponse } from '../shared/protocol/api/fetch.ts'
import type { ProduceResponse } from '../shared/protocol/api/produce.ts'
import type { FetchedBatches } from '../shared/service/fetch.ts'
import type { ProduceRequest } from '../shared/service/produce.ts'
import { startCountingProxy } from './counting-proxy.ts'
import type { Answer, Call } from './handler-process.ts'
import { askForCapacity, dynamoCall, type ServiceCall, s3Call } from './service-call.ts'

/** A handler in a process of its own, like a Lambda's environment, with proxies of its own that count its calls. */
export interface HandlerEnvironment {
  /** One request at a time. */
  produce(request: ProduceRequest): Promise<ProduceResponse>
  fetch(request: FetchRequest): Promise<FetchResponse<FetchedBatches>>
  /** The calls of DynamoDB and S3 since this was asked last, in the order in which they ended. */
  takeCalls(): readonly ServiceCall[]
  stop(): Promise<void>
}

const PROGRAM = fileURLToPath(new URL('./handler-process.ts', import.meta.url))

/** Starts a handler over the emulators and waits until it is ready. */
export async function startHandler(
  emulators: Emulators,
  { latencyMs }: { latencyMs: number },
): Promise<HandlerEnvironment> {
  let calls: ServiceCall[] = []
  const { AWS_ENDPOINT_URL_DYNAMODB = '', AWS_ENDPOINT_URL_S3 = '' } = emulators.environment
  const dynamo = await startCountingProxy({
    upstream: AWS_ENDPOINT_URL_DYNAMODB,
    latencyMs,
    rewrite: askForCapacity,
    onCall: (call) => calls.push(dynamoCall(call)),
  })
  const s3 = await startCountingProxy({
    upstream: AWS_ENDPOINT_URL_S3,
    latencyMs,
    rewrite: (body) => body,
    onCall: (call) => calls.push(s3Call(call)),
  })
  const child = fork(PROGRAM, {
    serialization: 'advanced',
    env: {
      ...emulators.environment,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
    },
  })
  const exited = once(child, 'exit')
  const answered = async (): Promise<unknown> => {
    const [answer] = (await Promise.race([once(child, 'message'), exited.then(endedEarly)])) as [Answer]
    if ('error' in answer) throw new Error(`handler failed error=${answer.error}`)
    return answer.value
  }
  const ask = async (call: Call): Promise<unknown> => {
    child.send(call)
    return answered()
  }
  const stop = async () => {
    child.kill()
    await exited
    await Promise.all([dynamo.close(), s3.close()])
  }
  await answered()
  return {
    produce: async (request) => (await ask({ api: 'produce', request })) as ProduceResponse,
    fetch: async (request) => (await ask({ api: 'fetch', request })) as FetchResponse<FetchedBatches>,
    takeCalls: () => {
      const taken = calls
      calls = []
      return taken
    },
    stop,
  }
}

function endedEarly(): never {
  throw new Error('handler process ended')
}
