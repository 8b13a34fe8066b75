import { byController } from '../core/controller-lease.ts'
import { settleDue } from '../core/isr-commands.ts'
import { decodeHead, encodeHeadPlan } from '../store/items/head-item.ts'
import { decodeTopic, isBeingDeleted } from '../store/items/topic-item.ts'
import { groupOfPk, headKey, partitionOfPk, TOPICS, topicKey } from '../store/keys.ts'
import { concurrently } from './concurrent.ts'
import type { Control } from './control.ts'
import { finishDeletion } from './delete-topics.ts'
import type { Deps } from './deps.ts'
import { expireGroup } from './group-expiry.ts'
import { countFailure } from './leave-out.ts'
import { reconcileEach } from './reconcile-each.ts'
import { topicsById } from './topics.ts'

/** The shards of the index of due work. */
export const DUE_SHARDS = [0, 1, 2, 3] as const

/** How many things were done, or begun, and how many of them could not be finished. */
export interface Work {
  readonly done: number
  readonly failed: number
}

/** Does what the index of due documents lists, as much as one look at it shows. */
export async function reconcileDue(control: Control): Promise<Work> {
  const { deps } = control
  const query = { untilMs: deps.clock.nowMs(), limit: deps.limits.dueDocuments }
  const listed = await Promise.all(DUE_SHARDS.map((shard) => deps.documents.due(shard, query)))
  const keys = listed.flat().map(({ key }) => key)
  const names = keys.filter(({ pk }) => pk === TOPICS).map(({ sk }) => sk)
  const heads = keys.flatMap(({ pk }) => partitionOfPk(pk) ?? [])
  const groups = keys.flatMap(({ pk }) => groupOfPk(pk) ?? [])
  let failed = 0
  // Deletions take long, and somebody may wait for a leader.
  if (heads.length > 0) failed += await reconcileHeads(control, heads)
  const failures = await concurrently(groups, deps.limits.parallelDocuments, async (groupId) => {
    await control.renew()
    const leftOut = { fact: 'group did not expire', about: { groupId } }
    return countFailure(deps, leftOut, () => expireGroup(deps, groupId))
  })
  failed += failures.reduce((sum, count) => sum + count, 0)
  for (const name of names) {
    await control.renew()
    const leftOut = { fact: 'topic was not deleted', about: { topic: name } }
    failed += await countFailure(deps, leftOut, () => finishDeletionOf(deps, name))
  }
  return { done: keys.length, failed }
}

type HeadName = NonNullable<ReturnType<typeof partitionOfPk>>

async function reconcileHeads(control: Control, heads: readonly HeadName[]): Promise<number> {
  const { deps } = control
  const topics = await topicsById(deps)
  const failed = await reconcileEach(
    control,
    heads.flatMap(({ topicId, partitionIndex }) => {
      const topic = topics.get(topicId)
      return topic === undefined ? [] : [{ topic, partitionIndex }]
    }),
  )
  const orphans = heads.filter(({ topicId }) => !topics.has(topicId))
  const postponed = await concurrently(orphans, deps.limits.parallelDocuments, (about) => {
    const { topicId, partitionIndex } = about
    const leftOut = { fact: 'head without a topic was not postponed', about }
    return countFailure(deps, leftOut, () => postpone(control, topicId, partitionIndex))
  })
  return postponed.reduce((sum, count) => sum + count, failed)
}

/**
 * No topic has this head, or not yet: it gets no leader. It is removed with its topic, or its topic appears. Where neither
 * happened when it is met again, who put it is most likely dead, but may still wake up: it stays, and is seldom looked at.
 */
async function postpone(control: Control, topicId: string, partitionIndex: number): Promise<void> {
  const { controllerEpoch, deps } = control
  const { clock, limits } = deps
  const key = headKey(topicId, partitionIndex)
  const item = await deps.documents.get(key, 'strong')
  if (item === undefined) return
  const head = decodeHead(item)
  const isMetAgain = head.controllerEpoch > 0
  const nextMs = clock.nowMs() + (isMetAgain ? limits.settledRetryMs : limits.waitRetryMs)
  await deps.documents.update(key, encodeHeadPlan(byController(settleDue(head, nextMs), controllerEpoch)))
}

async function finishDeletionOf(deps: Deps, name: string): Promise<void> {
  const item = await deps.documents.get(topicKey(name), 'strong')
  if (item !== undefined && isBeingDeleted(item)) await finishDeletion(deps, decodeTopic(name, item))
}
