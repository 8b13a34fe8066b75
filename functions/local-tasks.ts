import { catchUp } from '../shared/service/catch-up.ts'
import { controllerTick, runController } from '../shared/service/controller.ts'
import type { Deps } from '../shared/service/deps.ts'
import { asKafkaError } from '../shared/service/rows.ts'
import type { Task, TaskTrigger } from '../shared/store/task-trigger.ts'
import { systemClock } from './system.ts'

/** Background work within this process: what EventBridge and asynchronous invocations are on AWS. */
export interface LocalTasks extends TaskTrigger {
  /** Begins: what was triggered before is done now, and the controller looks around every `tickMs`. */
  start(deps: Deps, tickMs: number): void
  /** Begins nothing more; resolves when what is under way has ended, or goes on too long: it can be stopped anywhere. */
  stop(): Promise<void>
}

/**
 * Runs each task at most once at a time, and few that copy; one that is triggered while it runs is run once more. A node that
 * comes back has a task for every partition: requests want their share of the disk, too.
 */
export function localTasks(): LocalTasks {
  const running = new Map<string, Promise<void>>()
  const waiting = new Map<string, Task>()
  let started: Deps | undefined
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  const begin = (name: string, work: (deps: Deps) => Promise<void>) => {
    if (started === undefined || stopped || running.has(name)) return
    const deps = started
    const done = work(deps)
      .catch((thrown: unknown) => {
        deps.log.warn('background work failed', { task: name, error: asKafkaError(deps, thrown).message })
      })
      .finally(() => {
        running.delete(name)
        beginWaiting(CONTROLLER)
        for (const next of waiting.keys()) {
          if (running.size > MAX_COPYING) break
          beginWaiting(next)
        }
      })
    running.set(name, done)
  }

  const copying = () => running.size - (running.has(CONTROLLER) ? 1 : 0)

  const beginWaiting = (name: string) => {
    const task = waiting.get(name)
    if (task === undefined || started === undefined || running.has(name)) return
    if (task.task === 'catchUp' && copying() >= MAX_COPYING) return
    waiting.delete(name)
    begin(name, (deps) => runTask(deps, task))
  }

  return {
    trigger: async (task) => {
      const name = nameOf(task)
      waiting.set(name, task)
      beginWaiting(name)
    },
    start: (deps, tickMs) => {
      started = deps
      for (const name of [...waiting.keys()]) beginWaiting(name)
      const tick = () => begin(CONTROLLER, controllerTick)
      timer = setInterval(tick, tickMs)
      timer.unref()
      tick()
    },
    stop: async () => {
      stopped = true
      clearInterval(timer)
      await Promise.race([Promise.all(running.values()), systemClock.sleep(STOP_MS)])
    },
  }
}

const CONTROLLER = 'controller'
const STOP_MS = 1000
const MAX_COPYING = 4

/** Tasks of one name are the same work. */
function nameOf(task: Task): string {
  return task.task === 'controller' ? CONTROLLER : `catch-up ${task.topicId} ${task.partitionIndex}`
}

function runTask(deps: Deps, task: Task): Promise<void> {
  return task.task === 'controller' ? runController(deps) : catchUp(deps, task)
}
