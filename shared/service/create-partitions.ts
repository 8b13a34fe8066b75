import { nodeOf, replicaName } from '../core/head.ts'
import { type Item, set } from '../core/update-plan.ts'
import type {
  CreatedPartitions,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
} from '../protocol/api/topics.ts'
import { KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_PARTITIONS } from '../protocol/limits.ts'
import { checkTopicName } from '../protocol/names.ts'
import { isBeingDeleted } from '../store/items/topic-item.ts'
import { topicKey } from '../store/keys.ts'
import { updateDocument } from '../store/update.ts'
import { addHeads } from './add-heads.ts'
import { concurrently } from './concurrent.ts'
import { underLease } from './controller.ts'
import type { Deps } from './deps.ts'
import { readHead } from './heads.ts'
import { bucketsOf, type NewHeads, partitionsFrom, reconcileNewHeads, removeHeads } from './new-heads.ts'
import { readNodes } from './nodes.ts'
import { reconcileEach } from './reconcile-each.ts'
import { rowOf } from './rows.ts'
import { settlePartitions } from './settle-min-isr.ts'
import { changeTopic, existingTopic, type Topic } from './topics.ts'

type Wanted = CreatePartitionsRequest['topics'][number]

/** Heads that this request put or found, and those of them that it found. */
type Attempt = NewHeads & { readonly found: readonly number[] }

/**
 * Gives topics more partitions (Kafka's CreatePartitions); one that fails carries its error, the others are unaffected.
 * What was produced with a key stays where it is: from now on keys go to other partitions.
 */
export async function createPartitions(
  deps: Deps,
  { topics, validateOnly }: CreatePartitionsRequest,
): Promise<CreatePartitionsResponse> {
  const byName = Map.groupBy(topics, (wanted) => wanted.name)
  const rows: CreatedPartitions[] = []
  for (const wanted of topics) {
    const { name } = wanted
    await deps.clock.giveWay()
    const row = await rowOf(deps, async () => {
      if (byName.get(name)?.length === 1) return createMore(deps, wanted, validateOnly)
      throw new KafkaError('INVALID_REQUEST', `topic stands in the request twice topic=${name}`)
    })
    rows.push({ name, ...row })
  }
  return { topics: rows }
}

async function createMore(deps: Deps, wanted: Wanted, validateOnly: boolean) {
  checkTopicName(wanted.name)
  const { topic, attempt } = await storeCount(deps, wanted, validateOnly)
  if (attempt !== undefined) await reconcileNewHeads(deps, attempt, attempt.found)
  return { ...NO_ERROR, topicId: topic.topicId }
}

/**
 * Heads first, then the document that counts them. Others may do the same at the same time, and nobody can know who
 * counts on which head: as long as the topic is there, a head that was put stays, and whoever finds one takes it.
 */
async function storeCount(deps: Deps, wanted: Wanted, validateOnly: boolean) {
  const { name, count } = wanted
  const attempts: Attempt[] = []
  try {
    const item = await updateDocument(deps.documents, topicKey(name), async (stored) => {
      const last = attempts.at(-1)
      if (last !== undefined) await removeUnlessThere(deps, last, stored)
      const topic = existingTopic(name, stored)
      // What the store carried out twice was refused by its own document; or another one asked for the same.
      if (last !== undefined && topic.partitionCount === count) return undefined
      checkIsIncrease(topic, wanted)
      if (validateOnly) return undefined
      const attempt = await putAll(deps, { ...topic, partitionCount: count }, topic.partitionCount)
      attempts.push(attempt)
      const plan = changeTopic(topic, [set(['partitionCount'], count)])
      return { plan, onlyIf: bucketsOf(attempt.nodes) }
    })
    return { topic: existingTopic(name, item), attempt: attempts.at(-1) }
  } finally {
    deps.caches.topics.delete(name)
  }
}

/** A topic's id never comes back: nobody can count on its heads any more, whoever put them. */
async function removeUnlessThere(deps: Deps, last: Attempt, stored: Item | undefined): Promise<void> {
  const { topicId, name } = last.topic
  if (stored !== undefined && stored.topicId === topicId && !isBeingDeleted(stored)) return
  await removeHeads(deps, last)
  throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic was deleted topic=${name}`)
}

/**
 * Heads that are there are of a request that failed or still runs: they may know another min.insync.replicas, and buckets
 * that are exchanged by now.
 */
async function putAll(deps: Deps, topic: Topic, first: number): Promise<Attempt> {
  const heads = { topic, partitions: partitionsFrom(topic, first), nodes: await readNodes(deps) }
  const found = await addOrRemove(deps, heads)
  await renameReplicas(deps, heads, found)
  if (await settlePartitions(deps, topic, found)) return { ...heads, found }
  throw new KafkaError(
    'KAFKA_STORAGE_ERROR',
    `partitions that were begun before do not have the topic's min.insync.replicas yet topic=${topic.name}`,
  )
}

/** What others put just before the deletion of the topic began is removed with it or here. */
async function addOrRemove(deps: Deps, heads: NewHeads): Promise<readonly number[]> {
  try {
    return await addHeads(deps, heads)
  } catch (error) {
    const isGone = error instanceof KafkaError && error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION'
    if (isGone) await removeHeads(deps, heads)
    throw error
  }
}

/** No walk of the controller comes by heads that their topic does not count: whoever is about to count them tells them. */
async function renameReplicas(
  deps: Deps,
  { topic, nodes }: NewHeads,
  found: readonly number[],
): Promise<void> {
  const partitions = found.map((partitionIndex) => ({ topic, partitionIndex }))
  const heads = await concurrently(partitions, deps.limits.parallelDocuments, (partition) =>
    readHead(deps, partition),
  )
  const isCurrent = (replica: string) => {
    const node = nodes.get(nodeOf(replica))
    return node !== undefined && replicaName(nodeOf(replica), node.incarnation) === replica
  }
  const stale = partitions.filter((_, position) => heads[position]?.replicas.every(isCurrent) === false)
  if (stale.length === 0) return
  const failures = await underLease(deps, (control) => reconcileEach(control, stale))
  if (failures === 0) return
  throw new KafkaError(
    'KAFKA_STORAGE_ERROR',
    `partitions that were begun before do not know of a storage node's bucket yet topic=${topic.name}`,
  )
}

function checkIsIncrease({ partitionCount }: Topic, { name, count, assignments }: Wanted): void {
  if (assignments !== null && assignments.length > 0) {
    throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', `replicas are placed by the service topic=${name}`)
  }
  if (count > partitionCount && count <= MAX_PARTITIONS) return
  throw new KafkaError(
    'INVALID_PARTITIONS',
    `count must be more than the topic has, and at most ${MAX_PARTITIONS} topic=${name} count=${count} partitionCount=${partitionCount}`,
  )
}
