import type { Readable } from 'node:stream'

/** Bytes of the input, or `'idle'` once after bytes when no more came for a moment. */
export type InputChunk = Uint8Array | 'idle'

/** Reads `input` to its end, or until the signal is aborted, which closes it. */
export async function* inputChunks(
  input: Readable,
  options: { readonly lingerMs: number; readonly signal: AbortSignal },
): AsyncGenerator<InputChunk> {
  const { lingerMs, signal } = options
  const chunks: AsyncIterator<Uint8Array> = input[Symbol.asyncIterator]()
  const read = async (): Promise<Uint8Array | undefined> => {
    try {
      const { value, done } = await chunks.next()
      return done || signal.aborted ? undefined : value
    } catch (error) {
      if (signal.aborted) return undefined // closed by us
      throw error
    }
  }
  // No promise here outlives its round: one that did would keep every chunk it was raced against.
  const close = () => input.destroy()
  if (signal.aborted) close()
  signal.addEventListener('abort', close, { once: true })
  for (let chunk = await read(); chunk !== undefined; ) {
    const next = read()
    next.catch(() => {}) // awaited below; until then nobody is there to hear of it
    yield chunk
    const { promise: lingered, clear } = after(lingerMs)
    const first = await Promise.race([next, lingered]).finally(clear)
    if (first === 'lingered') yield 'idle'
    chunk = await next
  }
}

function after(ms: number): { promise: Promise<'lingered'>; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<'lingered'>()
  const timer = setTimeout(() => resolve('lingered'), ms)
  return { promise, clear: () => clearTimeout(timer) }
}
