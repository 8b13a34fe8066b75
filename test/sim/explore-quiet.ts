import { type Actor, beginWork, type Sent, type Setting } from './explore-actors.ts'
import { carryOut } from './explore-calls.ts'
import type { Contents } from './explore-stores.ts'

/** A world in which one actor acts after the other. */
export interface Quiet {
  readonly contents: Contents
  readonly nowMs: number
  readonly sent: readonly Sent[]
  readonly problems: readonly string[]
}

/** More than any setup and any healing takes. */
const MAX_STEPS = 10_000

/** Has an actor act alone until it is done: whatever it asks for is done at once, and nothing fails. */
export async function actQuietly(
  world: Quiet,
  actor: Actor,
  setting: Omit<Setting, 'logged' | 'nowMs'>,
): Promise<Quiet> {
  const { stores } = setting
  stores.contents = world.contents
  let { nowMs } = world
  const work = beginWork(actor, { ...setting, nowMs: () => nowMs })
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    // Everything that follows from what happened last has come to rest on a port again.
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (work.isOver || work.problems.length > 0) break
    const pending = work.processes.flatMap((process) => process.pending.splice(0))
    for (const { call, resolve, reject } of pending) {
      const outcome = await carryOut(call)
      if ('error' in outcome) reject(outcome.error)
      else resolve(outcome.value as never)
    }
    if (pending.length > 0) continue
    const timers = work.processes.flatMap((process) =>
      [...process.timers].map((timer) => ({ process, timer })),
    )
    const [first] = timers.sort((a, b) => a.timer.atMs - b.timer.atMs)
    if (first === undefined) break
    nowMs = Math.max(nowMs, first.timer.atMs)
    first.process.timers.delete(first.timer)
    first.timer.fire()
  }
  const isLost = !work.isOver && work.problems.length === 0
  const problems = isLost ? [`${actor.name} does not come to an end`] : work.problems
  return {
    contents: stores.contents,
    nowMs,
    sent: [...world.sent, ...work.sent],
    problems: [...world.problems, ...problems],
  }
}
