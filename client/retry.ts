import { StratologError } from './errors.ts'

/** How long and how often a failed request is sent again; Kafka's producer configs and defaults. */
export interface RetryPolicy {
  /** `delivery.timeout.ms`: all tries of one request together, the waits between them included. */
  readonly deliveryTimeoutMs: number
  /** `request.timeout.ms`: one try. It is longer than the longest wait of the service. */
  readonly requestTimeoutMs: number
  /** How much of a try the answer may take to begin: a large one on a slow line then has the rest. */
  readonly answerTimeoutMs: number
  /** `retry.backoff.ms`: the first wait, which doubles with every try. */
  readonly retryBackoffMs: number
  /** `retry.backoff.max.ms` */
  readonly retryBackoffMaxMs: number
  /** Whether an endpoint where nothing listens is asked again: a command typed by hand fails at once. */
  readonly whenNotConnected: 'retry' | 'fail'
}

/** Kafka's defaults (`ProducerConfig`). */
export const DEFAULT_RETRY: RetryPolicy = {
  deliveryTimeoutMs: 120_000,
  requestTimeoutMs: 30_000,
  answerTimeoutMs: 30_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1000,
  whenNotConnected: 'retry',
}

/** What retrying takes from outside. */
export interface RetryDeps {
  readonly now: () => number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
  /** A number in [0, 1). */
  readonly random: () => number
}

/** Spread of the wait around its middle (`CommonClientConfigs.RETRY_BACKOFF_JITTER`). */
const JITTER = 0.2

/** The wait after `failures` tries, 1 or more; the service's `Retry-After` is never undercut. */
export function backoffMs(
  policy: RetryPolicy,
  after: { readonly failures: number; readonly retryAfterMs: number | undefined },
  random: number,
): number {
  const doubled = policy.retryBackoffMs * 2 ** (after.failures - 1)
  const middle = Math.min(policy.retryBackoffMaxMs, doubled)
  return Math.max(after.retryAfterMs ?? 0, Math.round(middle * (1 - JITTER + 2 * JITTER * random)))
}

/** One request and all of its tries. */
export interface Retried<T> {
  readonly policy: RetryPolicy
  /** An idempotent request may be repeated although its effect is unknown. */
  readonly isIdempotent: boolean
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  /** Once aborted, nothing is sent again: the try under way is the last one. */
  readonly lastTry?: AbortSignal | undefined
  readonly send: (timeoutMs: number) => Promise<T>
}

/**
 * Sends until it succeeds, may not be repeated, or the deadline would pass. Once one try of unknown effect was made,
 * a later definite failure does not undo it: the error then says `unknown` as well.
 *
 * @throws StratologError the last try's
 * @throws unknown the signal's reason, when it was aborted
 */
export async function retrying<T>(deps: RetryDeps, request: Retried<T>): Promise<T> {
  const { policy, deadlineMs, signal, lastTry } = request
  let mayHaveApplied = false
  for (let failures = 1; ; failures += 1) {
    try {
      signal?.throwIfAborted()
      return await request.send(Math.max(1, Math.min(policy.requestTimeoutMs, deadlineMs - deps.now())))
    } catch (error) {
      if (!(error instanceof StratologError)) throw error
      const waitMs = backoffMs(policy, { failures, retryAfterMs: error.retryAfterMs }, deps.random())
      const mayRepeat = isRepeatable(error, request) && deps.now() + waitMs < deadlineMs
      const goesOn = mayRepeat && (await waited(deps, waitMs, { signal, lastTry }))
      if (!goesOn) throw mayHaveApplied ? withUnknownEffect(error) : error
      mayHaveApplied ||= error.effect === 'unknown'
    }
  }
}

/**
 * Waits before another try; false when there is to be none.
 *
 * @throws unknown the signal's reason, when it was aborted
 */
export async function waited(
  deps: RetryDeps,
  ms: number,
  until: { readonly signal: AbortSignal | undefined; readonly lastTry: AbortSignal | undefined },
): Promise<boolean> {
  const { signal, lastTry } = until
  if (lastTry === undefined) return deps.sleep(ms, signal).then(() => true)
  try {
    await deps.sleep(ms, AbortSignal.any(signal === undefined ? [lastTry] : [signal, lastTry]))
  } catch (error) {
    if (!lastTry.aborted) throw error
  }
  return !lastTry.aborted
}

function isRepeatable(error: StratologError, request: Retried<unknown>): boolean {
  if (!error.retriable) return false
  if (error.effect === 'unknown') return request.isIdempotent
  return !(isNotConnected(error) && request.policy.whenNotConnected === 'fail')
}

/** Nothing was listening, so nothing was sent. */
function isNotConnected(error: StratologError): boolean {
  return error.errorName === 'NETWORK_EXCEPTION' && error.effect === 'none'
}

function withUnknownEffect(error: StratologError): StratologError {
  if (error.effect === 'unknown') return error
  const { errorName, message, retriable, httpStatus, requestId, retryAfterMs } = error
  return new StratologError(errorName, message, {
    retriable,
    effect: 'unknown',
    httpStatus,
    requestId,
    retryAfterMs,
    cause: error,
  })
}
