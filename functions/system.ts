import type { Clock, Logger } from '../shared/service/deps.ts'
import { giveWay } from './give-way.ts'

/** The time of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, ms)
      signal?.addEventListener('abort', finish)
    }),
  timeout: (ms) => {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), ms)
    return { signal: controller.signal, cancel: () => clearTimeout(timer) }
  },
  giveWay,
}

/** `count` bytes nobody can guess. */
export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}

/** A name for this process or Lambda environment that no other has. */
export function newEnvironmentId(): string {
  return crypto.randomUUID()
}

/** One JSON object per line on the standard error, with the fields that CloudWatch filters by. */
export const stderrLogger: Logger = {
  warn: (message, fields) => writeLine('WARN', message, fields),
  error: (message, fields) => writeLine('ERROR', message, fields),
}

function writeLine(level: string, message: string, fields: Readonly<Record<string, unknown>>): void {
  const line = { level, timestamp: new Date().toISOString(), message, ...fields }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}
