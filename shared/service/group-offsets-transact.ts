import { NEW_GROUP, type OffsetsFence } from '../core/group/group.ts'
import { fencedCommitPlan, metadataBytesAfter, newGroupOffsets } from '../core/group/offsets.ts'
import { isEmptySinceStale, offsetsRetentionMs } from '../core/group/retention.ts'
import { equal, set } from '../core/update-plan.ts'
import { errorRow, KafkaError } from '../protocol/kafka-error.ts'
import { MAX_DOCUMENT_METADATA_BYTES } from '../protocol/limits.ts'
import type { Action } from '../store/document-store.ts'
import { encodeGroup } from '../store/items/group-item.ts'
import { decodeGroupOffsets, encodeGroupOffsets } from '../store/items/group-offsets-item.ts'
import { newItemPlan } from '../store/items/new-item-plan.ts'
import { groupListKey, groupMetaKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { fenceOf, type StoredGroup } from './group-offsets.ts'
import type { CommitErrors, DocumentCommit, RefusedCommit } from './group-offsets-write.ts'
import { rowOf } from './rows.ts'

/** Commits that META, read as `stored`, has nothing against; `tries` says how often this was tried, this time included. */
interface Round {
  readonly groupId: string
  readonly stored: StoredGroup | undefined
  readonly refused: readonly RefusedCommit[]
  readonly tries: number
  readonly errors: CommitErrors
}

/**
 * Writes commits in transactions that check that META is what was read: the documents get its fence, whatever they have. Where
 * there is no group yet it is made. Answers the commits that are to be tried again, since META or a document changed
 * meanwhile; errors go to `errors`.
 */
export async function transactCommits(deps: Deps, round: Round): Promise<readonly DocumentCommit[]> {
  const { errors, groupId, stored } = round
  const fitting = round.refused.filter((commit) => fits(commit, errors))
  const { parallelDocuments: most } = deps.limits
  for (let from = 0; from < fitting.length; from += most) {
    // One after the other: transactions that meet at META would refuse each other.
    const commits = fitting.slice(from, from + most)
    const { actions, fence } = metaActions(deps, groupId, stored)
    const outcome = await rowOf(deps, () =>
      deps.documents.transact([...actions, ...commits.map((commit) => commitAction(commit, fence))]),
    )
    if ('errorName' in outcome) {
      if (await isToBeRepeated(deps, outcome.errorName, round.tries)) return fitting.slice(from)
      for (const { key } of commits) errors.set(key.sk, outcome)
    } else if (!outcome.applied) return fitting.slice(from)
  }
  return []
}

/** Whether the document has room for the metadata; where not, its error is noted. */
function fits({ key, topicName, commits, item }: RefusedCommit, errors: CommitErrors): boolean {
  const stored = item === undefined ? undefined : decodeGroupOffsets(item).document
  const bytes = metadataBytesAfter(stored, commits)
  if (bytes <= MAX_DOCUMENT_METADATA_BYTES) return true
  const error = new KafkaError(
    'OFFSET_METADATA_TOO_LARGE',
    `metadata of 50 partitions is too large in sum topic=${topicName} bytes=${bytes} max=${MAX_DOCUMENT_METADATA_BYTES}`,
  )
  errors.set(key.sk, errorRow(error))
  return false
}

/**
 * That META is what was read, and the fence it then has. A commit of a client that is no member keeps an empty group alive,
 * and makes one where there is none; both change META.
 */
function metaActions(
  deps: Deps,
  groupId: string,
  stored: StoredGroup | undefined,
): { readonly actions: readonly Action[]; readonly fence: OffsetsFence } {
  const key = groupMetaKey(groupId)
  const nowMs = deps.clock.nowMs()
  const { group, version } = stored ?? { group: { ...NEW_GROUP, bornAtMs: nowMs }, version: 0 }
  if (stored !== undefined && !(group.state === 'Empty' && isEmptySinceStale(group, nowMs))) {
    return {
      actions: [{ action: 'check', key, checks: [equal(['ver'], version)] }],
      fence: fenceOf({ group, version }),
    }
  }
  const item = encodeGroup(
    { ...group, emptySinceMs: nowMs },
    { groupId, retentionMs: offsetsRetentionMs(deps.configs['offsets.retention.minutes']) },
  )
  const listed: Action = {
    action: 'update',
    key: groupListKey(groupId),
    plan: { checks: [], changes: [set(['groupId'], groupId)] },
  }
  if (stored === undefined) {
    return {
      actions: [{ action: 'update', key, plan: newItemPlan(item, group.bornAtMs) }, listed],
      fence: fenceOf({ group, version: group.bornAtMs }),
    }
  }
  return {
    actions: [{ action: 'put', key, item, expected: version }],
    fence: fenceOf({ group, version: version + 1 }),
  }
}

function commitAction({ key, topicName, commits, item }: RefusedCommit, fence: OffsetsFence): Action {
  if (item === undefined) {
    const made = encodeGroupOffsets(newGroupOffsets(topicName, commits, fence))
    return { action: 'put', key, item: made, expected: 'absent' }
  }
  return { action: 'update', key, plan: fencedCommitPlan(decodeGroupOffsets(item), commits, fence) }
}

/**
 * Whether the failure is one of those that pass, and pauses if so: several members that make their first commits at once meet
 * at META, and a transaction that meets another one is refused with nothing written.
 */
async function isToBeRepeated(deps: Deps, errorName: string, tries: number): Promise<boolean> {
  const { documentReadTries, documentRetryMs } = deps.limits
  if (errorName !== 'KAFKA_STORAGE_ERROR' || tries >= documentReadTries) return false
  const [random = 0] = deps.randomBytes(1)
  await deps.clock.sleep(Math.ceil(documentRetryMs * 2 ** (tries - 1) * (0.5 + random / 256)))
  return true
}
