import type { StratologError } from '../client/index.ts'
import { errorText } from './error-text.ts'

/** Is told how each try ended: with an error, or well. */
export type OutageNotice = (error: StratologError | undefined) => void

/** Shorter than this is an election or a restart, and not worth a word. */
const SILENT_MS = 1000

/**
 * Says once when something keeps failing, and once when that is `over`. An error that is not retriable is not told: the
 * command ends with it.
 */
export function outageNotice(options: {
  readonly say: (text: string) => void
  readonly now: () => number
  readonly over: string
}): OutageNotice {
  const { say, now, over } = options
  let sinceMs: number | undefined
  let isTold = false
  return (error) => {
    if (error === undefined) {
      if (isTold) say(`warning: ${over}`)
      sinceMs = undefined
      isTold = false
      return
    }
    sinceMs ??= now()
    const isShort = now() - sinceMs < SILENT_MS && error.errorName !== 'REQUEST_TIMED_OUT'
    if (isTold || isShort || !error.retriable) return
    isTold = true
    say(`warning: ${errorText(error)}; trying on`)
  }
}

/** Says it on the standard error, on a line of its own. */
export function noticeOnStderr(over: string): OutageNotice {
  const clearLine = process.stderr.isTTY ? '\r\x1b[K' : ''
  const say = (text: string) => process.stderr.write(`${clearLine}${text}\n`)
  return outageNotice({ say, now: Date.now, over })
}

/** One notice for many that run at once: it is over only when none of them fails any more. */
export function sharedNotice(notice: OutageNotice): () => OutageNotice {
  const failing = new Set<OutageNotice>()
  return () => {
    const own: OutageNotice = (error) => {
      if (error === undefined) failing.delete(own)
      else failing.add(own)
      if (error !== undefined || failing.size === 0) notice(error)
    }
    return own
  }
}
