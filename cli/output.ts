import type { Writable } from 'node:stream'

/** Nobody reads our output any more (`| head`): the command ends, and says nothing. */
export class BrokenPipe extends Error {
  override readonly name = 'BrokenPipe'
}

/** Bytes on their way out, gathered into larger writes. */
export interface Output {
  /** Takes bytes; resolves once there is room for more. @throws BrokenPipe */
  write(chunks: readonly Uint8Array[]): Promise<void>
  /** Hands over everything taken. @throws BrokenPipe */
  flush(): Promise<void>
}

/** Many records are one write; a reader is never more than this behind. */
const WRITE_BYTES = 64 * 1024

/** An output that waits for its reader. */
export function bufferedOutput(stream: Writable): Output {
  let chunks: Uint8Array[] = []
  let bytes = 0
  let failure: unknown
  stream.on('error', (error) => {
    failure = error
  })

  const flush = async () => {
    if (failure !== undefined) throw outputError(failure)
    if (chunks.length === 0) return
    const whole = Buffer.concat(chunks, bytes)
    chunks = []
    bytes = 0
    await new Promise<void>((resolve, reject) => {
      stream.write(whole, (error) => (error ? reject(outputError(error)) : resolve()))
    })
  }

  return {
    write: async (more) => {
      for (const chunk of more) {
        chunks.push(chunk)
        bytes += chunk.length
      }
      if (bytes >= WRITE_BYTES) await flush()
    },
    flush,
  }
}

/** Writes a text and waits for its reader. @throws BrokenPipe */
export async function print(stream: Writable, text: string): Promise<void> {
  const output = bufferedOutput(stream)
  await output.write([Buffer.from(text, 'utf8')])
  await output.flush()
}

/** The native answer of `--output json`. */
export function jsonText(answer: unknown): string {
  return `${JSON.stringify(answer, null, 2)}\n`
}

function outputError(error: unknown): Error {
  const isClosed = error instanceof Error && 'code' in error && error.code === 'EPIPE'
  if (isClosed) return new BrokenPipe('the reader of our output is gone')
  return error instanceof Error ? error : new Error(String(error))
}
