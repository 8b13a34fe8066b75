/**
 * Runs a call that is to end by itself when its signal aborts, and rejects at that moment even if it does not: the SDK looks
 * at the signal only while it talks to the service, not while it waits for credentials or a session.
 *
 * Rejects with what the call does, or with the reason of `signal`.
 */
export async function orAborted<Answer>(
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([call(signal), aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Runs a call for at most `timeoutMs`.
 *
 * Rejects with what the call does, or with an AbortError.
 */
export async function withDeadline<Answer>(
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), timeoutMs)
  try {
    return await orAborted(controller.signal, call)
  } finally {
    clearTimeout(timer)
  }
}
