import { setMinIsr } from '../core/isr-commands.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { isBeingDeleted } from '../store/items/topic-item.ts'
import { topicKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { readHead, updateHead } from './heads.ts'
import { rowOf } from './rows.ts'
import { effectiveConfig, existingTopic, type Topic } from './topics.ts'

/** What the heads of a topic are to have as minIsr: min(min.insync.replicas, replication factor). */
export function minIsrOf(deps: Pick<Deps, 'configs'>, topic: Topic): number {
  const minInsync = Number(effectiveConfig(topic, deps.configs, 'min.insync.replicas').value)
  return Math.min(minInsync, topic.replicationFactor)
}

/**
 * Brings every head of a topic to what its min.insync.replicas comes to now. May be done again and again, and by many at
 * once: who finds at the end that the topic says something else by now goes on with that.
 *
 * @throws KafkaError REQUEST_TIMED_OUT when not every head could be changed: to ask again is to go on
 */
export async function settleMinIsr(deps: Deps, topic: Topic): Promise<void> {
  let settled = topic
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    const { partitionCount } = settled
    const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => partitionIndex)
    if (!(await settlePartitions(deps, settled, partitions))) break
    const now = await topicNow(deps, topic)
    if (now === undefined) return
    if (minIsrOf(deps, now) === minIsrOf(deps, settled) && now.partitionCount === partitionCount) return
    settled = now
  }
  throw new KafkaError(
    'REQUEST_TIMED_OUT',
    `config is stored, not all partitions have it yet: ask again topic=${topic.name}`,
  )
}

/** The topic as it is now; undefined when it was deleted, or its deletion begun. */
export async function topicNow(deps: Deps, { name, topicId }: Topic): Promise<Topic | undefined> {
  const item = await deps.documents.get(topicKey(name), 'strong')
  if (item === undefined || isBeingDeleted(item)) return undefined
  const now = existingTopic(name, item)
  return now.topicId === topicId ? now : undefined
}

/** Brings the heads of some partitions to the topic's min.insync.replicas; answers whether all have it now. */
export async function settlePartitions(
  deps: Deps,
  topic: Topic,
  partitions: readonly number[],
): Promise<boolean> {
  const minIsr = minIsrOf(deps, topic)
  const rows = await concurrently(partitions, deps.limits.parallelDocuments, (partitionIndex) =>
    rowOf(deps, () => settleHead(deps, { topic, partitionIndex }, minIsr)),
  )
  return rows.every((row) => row === true)
}

/** Whether the head has it now. One without a leader cannot; one that is gone needs nothing any more. */
async function settleHead(
  deps: Deps,
  partition: { topic: Topic; partitionIndex: number },
  minIsr: number,
): Promise<boolean> {
  await deps.clock.giveWay()
  let head = await readHead(deps, partition)
  for (let tries = 0; tries < deps.limits.maxUpdateTries; tries += 1) {
    if (head === undefined || head.minIsr === minIsr) return true
    if (head.leader === undefined) return false
    head = (await updateHead(deps, partition, setMinIsr(head, minIsr, deps.clock.nowMs()))).head
  }
  return head === undefined || head.minIsr === minIsr
}
