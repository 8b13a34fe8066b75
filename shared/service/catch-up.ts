import { replicasToFill } from '../core/replica.ts'
import type { Task } from '../store/task-trigger.ts'
import type { Deps } from './deps.ts'
import { fillHolesAlone } from './fill-holes.ts'
import { type Partition, partitionName, readHead } from './heads.ts'
import { asKafkaError } from './rows.ts'
import { findTopic } from './topics.ts'

/** Which partition has replicas that lack something. */
type CatchUp = Extract<Task, { readonly task: 'catchUp' }>

/**
 * Gives the replicas of a partition that are in sync or join what they lack. When its time is over, it has asked for
 * another one to go on. Of several at once one goes on: the others stop, and ask for none. A node that cannot be reached
 * is left to the controller. Never rejects.
 */
export async function catchUp(deps: Deps, task: CatchUp): Promise<void> {
  try {
    const topic = await findTopic(deps, task.topicName)
    if (topic.topicId !== task.topicId) return
    const partition: Partition = { topic, partitionIndex: task.partitionIndex }
    const head = await readHead(deps, partition)
    if (head === undefined || replicasToFill(head).length === 0) return
    const { catchUpObjects: maxObjects, catchUpMs: maxMs } = deps.limits
    const filling = await fillHolesAlone(deps, partition, head, { maxObjects, maxMs })
    if (filling.isOvertaken || replicasToFill(filling.head).length === 0) return
    if (filling.hasProgressed) await goOn(deps, task)
    else deps.log.warn('replicas still lack something', { partition: partitionName(partition) })
  } catch (thrown) {
    const { message } = asKafkaError(deps, thrown)
    deps.log.warn('catch-up failed', { ...task, error: message })
  }
}

/** Asks for another one to go on; a chain that has become long ends, and the index of due work begins the next. */
async function goOn(deps: Deps, task: CatchUp): Promise<void> {
  const hops = (task.hops ?? 0) + 1
  if (hops <= deps.limits.maxCatchUpHops) await deps.tasks.trigger({ ...task, hops })
}
