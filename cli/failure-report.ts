import { errorText } from './error-text.ts'
import { lineRanges } from './line-ranges.ts'
import type { FailedLines } from './send-queue.ts'

/** How a `produce` ended before its input did. */
export interface ProduceFailure extends FailedLines {
  /** Undefined when the user interrupted. */
  readonly failure: Error | undefined
  readonly notReadFrom: number | undefined
}

/** What went wrong, and which lines of the input it concerns: refused, written or not, and not sent at all. */
export function failureReport(end: ProduceFailure): string {
  const lines = [
    end.failure === undefined ? 'interrupted' : errorText(end.failure),
    linesText('refused', lineRanges(end.refused)),
    linesText('unknown whether written', lineRanges(end.unknown)),
    linesText('not sent', lineRanges(end.notSent, end.notReadFrom)),
  ]
  return lines.filter((line) => line !== '').join('\n')
}

function linesText(fact: string, ranges: string): string {
  return ranges === '' ? '' : `${fact} lines=${ranges}`
}
