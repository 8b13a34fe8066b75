import { type AnsweredRow, rowError } from '../client/index.ts'
import type { Context } from './context.ts'
import { jsonText, print } from './output.ts'

/** Prints an answer in the form asked for, then fails with the first row that failed. */
export async function printAnswer(
  context: Pick<Context, 'output'>,
  shown: {
    readonly answer: unknown
    readonly rows: readonly AnsweredRow[]
    readonly text: () => string
  },
): Promise<void> {
  const error = shown.rows.map(rowError).find((found) => found !== undefined)
  if (context.output === 'json') await print(process.stdout, jsonText(shown.answer))
  else if (error === undefined) await print(process.stdout, shown.text())
  if (error !== undefined) throw error
}
