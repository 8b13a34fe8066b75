import middy from '@middy/core'
import { KafkaError } from '../shared/protocol/kafka-error.ts'
import type { Deps } from '../shared/service/deps.ts'
import { asKafkaError } from '../shared/service/rows.ts'
import type { AccessPolicy } from './access-policy.ts'
import { errorResponse, requestIdOf } from './envelope.ts'
import type { Handlers } from './handler.ts'
import { httpService } from './http.ts'
import type { Dialect } from './http-types.ts'
import { type LambdaHttpEvent, toHttpRequest } from './lambda-event.ts'
import { type LambdaHttpResult, toLambdaResult } from './lambda-result.ts'
import { memoised } from './memoised.ts'
import { randomBytes, stderrLogger, systemClock } from './system.ts'

/** What Lambda tells about an invocation, as far as it is read here. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number
}

/** What Lambda calls. It never rejects: then the gateway would answer, in its own words. */
export type LambdaHandler = (event: LambdaHttpEvent, context: LambdaContext) => Promise<LambdaHttpResult>

/** One Lambda: the handlers of its routes, and how its dependencies are made on the first invocation. */
export interface LambdaOptions {
  readonly handlers: Handlers
  readonly deps: () => Promise<{ readonly deps: Deps; readonly policy: AccessPolicy }>
}

/** What is left of an invocation when it answers that it took too long, rather than be stopped without an answer. */
const ANSWER_RESERVE_MS = 500
/** What is left when waits end, so that what was found can still be read and sent. */
const WAIT_RESERVE_MS = 2500

/** The middy stack around functions/http.ts. */
export function lambdaHandler(options: LambdaOptions): LambdaHandler {
  const service = memoised(async () => {
    const { deps, policy } = await options.deps()
    return httpService(deps, policy, options.handlers)
  })
  const timeouts = { timeoutEarlyInMillis: ANSWER_RESERVE_MS, timeoutEarlyResponse: throwTimedOut }
  return middy<LambdaHttpEvent, LambdaHttpResult, unknown>(timeouts)
    .onError(async (request) => {
      request.response = await errorResult(request.event, request.error)
    })
    .handler(async (event: LambdaHttpEvent, context: LambdaContext) => {
      const leftMs = context.getRemainingTimeInMillis()
      // What goes on after the answer goes on in the next invocation, which may be hours later.
      const deadlineMs = systemClock.nowMs() + leftMs - ANSWER_RESERVE_MS
      const waiting = systemClock.timeout(Math.max(0, leftMs - WAIT_RESERVE_MS))
      try {
        const answer = await service()
        const request = { ...toHttpRequest(event, waiting.signal), deadlineMs }
        return await toLambdaResult(await answer(request), request)
      } finally {
        waiting.cancel()
      }
    })
}

function throwTimedOut(): never {
  throw new KafkaError('REQUEST_TIMED_OUT', 'request took longer than a lambda may run')
}

/** What was thrown outside of http.ts, in the envelope. Of the event nothing is certain here. */
function errorResult(
  event: Partial<LambdaHttpEvent> | undefined,
  thrown: unknown,
): Promise<LambdaHttpResult> {
  const sent: unknown = event?.headers?.['x-request-id'] ?? event?.requestContext?.requestId
  const requestId = requestIdOf(typeof sent === 'string' ? sent : undefined, randomBytes)
  const path: unknown = event?.rawPath
  const dialect: Dialect = typeof path === 'string' && path.includes('/v1/') ? 'v1' : 'rest'
  const response = errorResponse(asKafkaError({ log: stderrLogger }, thrown, { requestId }), {
    requestId,
    dialect,
  })
  const headers = { ...response.headers, 'X-Request-Id': requestId }
  return toLambdaResult({ ...response, headers }, { headers: {} })
}
