import type { Readable } from 'node:stream'

/** Bytes of the input, or `'idle'` once after bytes when no more came for a moment. */
export type InputChunk = Uint8Array | 'idle'

/** Reads `input` to its end, or until the signal is aborted. */
export async function* inputChunks(
  input: Readable,
  options: { readonly lingerMs: number; readonly signal: AbortSignal },
): AsyncGenerator<InputChunk> {
  const { lingerMs, signal } = options
  const aborted = whenAborted(signal)
  const chunks: AsyncIterator<Uint8Array> = input[Symbol.asyncIterator]()
  let result = await Promise.race([chunks.next(), aborted])
  while (result !== 'aborted' && !result.done) {
    const next = chunks.next()
    next.catch(() => {}) // awaited below; until then nobody is there to hear of it
    yield result.value
    const { promise: lingered, clear } = after(lingerMs)
    const first = await Promise.race([next, aborted, lingered]).finally(clear)
    if (first === 'lingered') yield 'idle'
    result = first === 'lingered' ? await Promise.race([next, aborted]) : first
  }
}

function whenAborted(signal: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('aborted')
    else signal.addEventListener('abort', () => resolve('aborted'), { once: true })
  })
}

function after(ms: number): { promise: Promise<'lingered'>; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<'lingered'>()
  const timer = setTimeout(() => resolve('lingered'), ms)
  return { promise, clear: () => clearTimeout(timer) }
}
