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
