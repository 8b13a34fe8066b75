import * as z from 'zod'
import type { Deps } from '../shared/service/deps.ts'
import type { LambdaOptions } from './lambda.ts'
import { memoised } from './memoised.ts'
import { stderrLogger } from './system.ts'

/** Background work: what starts it, and how it is done. */
export interface TaskFunction<Event> {
  readonly event: z.ZodType<Event>
  run(deps: Deps, event: Event): Promise<void>
}

/** What Lambda calls asynchronously. It rejects when the work failed, and Lambda tries again. */
export type TaskHandler = (event: unknown) => Promise<void>

/** One Lambda that nobody waits for. An event that is none of its own is dropped: trying again would not help. */
export function taskHandler<Event>(task: TaskFunction<Event>, makeDeps: LambdaOptions['deps']): TaskHandler {
  const made = memoised(makeDeps)
  return async (event) => {
    const parsed = task.event.safeParse(event)
    if (!parsed.success) {
      stderrLogger.warn('event is no task', { error: z.prettifyError(parsed.error) })
      return
    }
    const { deps } = await made()
    await task.run(deps, parsed.data)
  }
}
