import { type Head, nodeOf } from '../core/head.ts'
import { changeIsr } from '../core/isr-commands.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { type Partition, partitionName, requireHead, topicGone, updateHead } from './heads.ts'

/**
 * Takes followers out of the ISR and the joining list, if the head is still of the epochs of `head`. The newest head, as
 * which others may have decided otherwise: who asks plans again.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic was deleted meanwhile
 */
export async function shrinkIsr(
  deps: Deps,
  partition: Partition,
  head: Head,
  leaving: readonly string[],
): Promise<Head> {
  try {
    const verdict = await updateHead(deps, partition, changeIsr(head, leaving, deps.clock.nowMs()))
    if (verdict.head === undefined) throw topicGone(partition)
    if (verdict.applied) {
      const facts = { partition: partitionName(partition), leaving, nodes: leaving.map(nodeOf) }
      deps.log.warn('replicas left the ISR', { ...facts, isr: verdict.head.isr })
    }
    return verdict.head
  } catch (error) {
    if (!(error instanceof KafkaError) || error.errorName !== 'REQUEST_TIMED_OUT') throw error
    // Its epochs fence it, whenever it arrives.
    return requireHead(deps, partition)
  }
}
