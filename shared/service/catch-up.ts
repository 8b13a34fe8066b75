import type { Head } from '../core/head.ts'
import { logEndOf, replicasToFill } from '../core/replica.ts'
import type { Task } from '../store/task-trigger.ts'
import type { Deps } from './deps.ts'
import { fillHoles } from './fill-holes.ts'
import { type Partition, partitionName, readHead } from './heads.ts'
import { asKafkaError } from './rows.ts'
import { findTopic } from './topics.ts'

/** Which partition has replicas that lack something. */
type CatchUp = Extract<Task, { readonly task: 'catchUp' }>

/**
 * Gives the replicas of a partition that are in sync or join what they lack. It stops when its time is over, having
 * asked for another one to go on; a node that cannot be reached is left to the controller. Never rejects.
 */
export async function catchUp(deps: Deps, task: CatchUp): Promise<void> {
  try {
    const topic = await findTopic(deps, task.topicName)
    if (topic.topicId !== task.topicId) return
    const partition: Partition = { topic, partitionIndex: task.partitionIndex }
    const head = await readHead(deps, partition)
    if (head === undefined || replicasToFill(head).length === 0) return
    const endMs = deps.clock.nowMs() + deps.limits.catchUpMs
    const { catchUpObjects: maxObjects, catchUpMs: maxMs } = deps.limits
    const filled = await fillHoles(deps, partition, head, { maxObjects, maxMs })
    if (replicasToFill(filled).length === 0) return
    if (deps.clock.nowMs() >= endMs || hasProgressed(head, filled)) await deps.tasks.trigger(task)
    else deps.log.warn('replicas still lack something', { partition: partitionName(partition) })
  } catch (thrown) {
    const { message } = asKafkaError(deps, thrown)
    deps.log.warn('catch-up failed', { ...task, error: message })
  }
}

/** Whether a replica that still lacks something got further: another try is of use. */
function hasProgressed(before: Head, after: Head): boolean {
  return replicasToFill(after).some((replica) => logEndOf(after, replica) > logEndOf(before, replica))
}
