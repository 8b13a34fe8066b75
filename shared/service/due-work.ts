import { settleDue } from '../core/isr-commands.ts'
import { decodeHead, encodeHeadPlan } from '../store/items/head-item.ts'
import { decodeTopic, isBeingDeleted } from '../store/items/topic-item.ts'
import { headKey, partitionOfPk, TOPICS, topicKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Control } from './control.ts'
import { finishDeletion } from './delete-topics.ts'
import type { Deps } from './deps.ts'
import { reconcilePartition } from './reconcile-partition.ts'
import { allTopics, type Topic } from './topics.ts'

/** The shards of the index of due work. */
export const DUE_SHARDS = [0, 1, 2, 3] as const

/** Does what the index of due documents lists, as much as one look at it shows; false when nothing is due. */
export async function reconcileDue(control: Control): Promise<boolean> {
  const { deps } = control
  const query = { untilMs: deps.clock.nowMs(), limit: deps.limits.dueDocuments }
  const listed = await Promise.all(DUE_SHARDS.map((shard) => deps.documents.due(shard, query)))
  const keys = listed.flat().map(({ key }) => key)
  const names = keys.filter(({ pk }) => pk === TOPICS).map(({ sk }) => sk)
  const heads = keys.flatMap(({ pk }) => partitionOfPk(pk) ?? [])
  for (const name of names) await finishDeletionOf(deps, name)
  if (heads.length > 0) await reconcileHeads(control, heads)
  return keys.length > 0
}

type HeadName = NonNullable<ReturnType<typeof partitionOfPk>>

async function reconcileHeads(control: Control, heads: readonly HeadName[]): Promise<void> {
  const { deps } = control
  const topics = new Map((await allTopics(deps)).map((topic) => [topic.topicId, topic]))
  await concurrently(heads, deps.limits.parallelDocuments, async ({ topicId, partitionIndex }) => {
    await control.renew()
    const topic: Topic | undefined = topics.get(topicId)
    if (topic === undefined) await postpone(deps, topicId, partitionIndex)
    else await reconcilePartition(control, { topic, partitionIndex })
  })
}

/** No topic has this head, or not yet: it gets no leader. It is removed with its topic, or its topic appears. */
async function postpone(deps: Deps, topicId: string, partitionIndex: number): Promise<void> {
  const key = headKey(topicId, partitionIndex)
  const item = await deps.documents.get(key, 'strong')
  if (item === undefined) return
  const nextMs = deps.clock.nowMs() + deps.limits.waitRetryMs
  await deps.documents.update(key, encodeHeadPlan(settleDue(decodeHead(item), nextMs)))
}

async function finishDeletionOf(deps: Deps, name: string): Promise<void> {
  const item = await deps.documents.get(topicKey(name), 'strong')
  if (item !== undefined && isBeingDeleted(item)) await finishDeletion(deps, decodeTopic(name, item))
}
