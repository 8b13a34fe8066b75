import type { Task } from '../store/task-trigger.ts'
import { rememberWoken } from './caches.ts'
import type { Deps } from './deps.ts'
import { type Partition, pkOf } from './heads.ts'

/** Wakes the controller, which a head without a leader waits for; once within a few seconds. */
export function wakeController(deps: Deps): Promise<void> {
  return wake(deps, 'controller', { task: 'controller' })
}

/** Has the replicas of a partition given what they lack; once within a few seconds. */
export function wakeCatchUp(deps: Deps, partition: Partition): Promise<void> {
  const { topic, partitionIndex } = partition
  const task = { task: 'catchUp', topicName: topic.name, topicId: topic.topicId, partitionIndex } as const
  return wake(deps, pkOf(partition), task)
}

async function wake(deps: Deps, subject: string, task: Task): Promise<void> {
  const nowMs = deps.clock.nowMs()
  const lastMs = deps.caches.wokenAtMs.get(subject)
  if (lastMs !== undefined && nowMs - lastMs < deps.limits.wakeMs) return
  rememberWoken(deps.caches, subject, nowMs)
  await deps.tasks.trigger(task)
}
