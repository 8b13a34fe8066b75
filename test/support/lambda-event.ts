import type { LambdaContext } from '../../functions/lambda.ts'
import type { LambdaHttpEvent } from '../../functions/lambda-event.ts'

/** A request as a Function URL hands it on: the path as it was sent. */
export function functionUrlEvent(request: {
  readonly method?: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}): LambdaHttpEvent {
  const { method, url, headers, body } = request
  const queryAt = url.indexOf('?')
  return {
    rawPath: queryAt < 0 ? url : url.slice(0, queryAt),
    rawQueryString: queryAt < 0 ? '' : url.slice(queryAt + 1),
    headers: { ...headers },
    ...(body === undefined
      ? {}
      : typeof body === 'string'
        ? { body, isBase64Encoded: false }
        : { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }),
    requestContext: {
      requestId: 'dIT6Ojk2IAMEV9g=',
      stage: '$default',
      http: { method: method ?? (body === undefined ? 'GET' : 'POST') },
    },
  }
}

/** An invocation that may still take `ms`. */
export function contextWith(ms: number): LambdaContext {
  const endsAtMs = performance.now() + ms
  return { getRemainingTimeInMillis: () => Math.max(0, Math.round(endsAtMs - performance.now())) }
}
