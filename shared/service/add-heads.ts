import { absent, equal } from '../core/update-plan.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Action } from '../store/document-store.ts'
import { encodeHead } from '../store/items/head-item.ts'
import { headKey, topicKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Deps } from './deps.ts'
import { headOf, type NewHeads } from './new-heads.ts'
import type { Topic } from './topics.ts'

/**
 * Puts a head for each of these partitions that has none, as long as the topic is there: a put that arrives late must not
 * bring one back that went with it. Answers the partitions that had one. Transactions that check one document are in each
 * other's way: they come one after the other, with many heads each.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION when the topic is not there any more
 */
export async function addHeads(deps: Deps, heads: NewHeads): Promise<readonly number[]> {
  const { headsPerTransaction } = deps.limits
  const found: number[] = []
  for (let first = 0; first < heads.partitions.length; first += headsPerTransaction) {
    const partitions = heads.partitions.slice(first, first + headsPerTransaction)
    found.push(...(await addSome(deps, { ...heads, partitions })))
  }
  return found
}

/** As `addHeads`, in one transaction: again without those that another one put meanwhile. */
async function addSome(deps: Deps, heads: NewHeads): Promise<readonly number[]> {
  const { topic, partitions } = heads
  let missing = await withoutHead(deps, topic, partitions)
  while (missing.length > 0) {
    const puts = missing.map((partitionIndex) => putOf(deps, heads, partitionIndex))
    const verdict = await deps.documents.transact([...puts, isThere(topic)])
    if (verdict.applied) break
    if (verdict.refused.includes(puts.length)) throw topicIsGone(topic)
    missing = missing.filter((_, position) => !verdict.refused.includes(position))
  }
  return partitions.filter((partitionIndex) => !missing.includes(partitionIndex))
}

/** Those of the partitions that have no head: in a transaction, one that is at work would be in the way of its appends. */
async function withoutHead(deps: Deps, { topicId }: Topic, partitions: readonly number[]) {
  const items = await concurrently(partitions, deps.limits.parallelDocuments, async (partitionIndex) => {
    await deps.clock.giveWay()
    return deps.documents.get(headKey(topicId, partitionIndex), 'strong')
  })
  return partitions.filter((_, position) => items[position] === undefined)
}

function putOf(deps: Deps, { topic, nodes }: NewHeads, partitionIndex: number): Action {
  const item = encodeHead(headOf(deps, { topic, partitionIndex, nodes }))
  return { action: 'put', key: headKey(topic.topicId, partitionIndex), item, expected: 'absent' }
}

function isThere({ name, topicId }: Topic): Action {
  const checks = [equal(['topicId'], topicId), absent(['deletedAtMs'])]
  return { action: 'check', key: topicKey(name), checks }
}

function topicIsGone({ name }: Topic): KafkaError {
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic was deleted topic=${name}`)
}
