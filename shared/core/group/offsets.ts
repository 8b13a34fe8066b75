import { MAX_DOCUMENT_METADATA_BYTES } from '../../protocol/limits.ts'
import {
  copyPlus,
  equal,
  type Item,
  lessOrEqual,
  present,
  remove,
  set,
  type UpdatePlan,
  type Value,
} from '../update-plan.ts'
import type { CommittedOffset, GroupOffsets, OffsetsFence } from './group.ts'

/** What is committed for some partitions of one document, by partition index. */
export type Commits = ReadonlyMap<number, CommittedOffset>

/** Whom a commit says that it is from. */
export interface Committer {
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** One committed offset as it is stored. */
export const packCommitted = ({ offset, leaderEpoch, committedAtMs, metadata }: CommittedOffset): Value => [
  offset,
  leaderEpoch,
  committedAtMs,
  metadata,
]

/** The committed offset that was stored. */
export function unpackCommitted(packed: readonly [number, number, number, string]): CommittedOffset {
  const [offset, leaderEpoch, committedAtMs, metadata] = packed
  return { offset, leaderEpoch, metadata, committedAtMs }
}

/** A fence as it is stored, without what else the object may hold. */
export const fenceValue = ({ bornAtMs, generationId, groupVersion, instances }: OffsetsFence): Item => ({
  bornAtMs,
  generationId,
  groupVersion,
  instances,
})

/** Bytes of a text in UTF-8. */
export const utf8Bytes = (text: string): number => new TextEncoder().encode(text).byteLength

/**
 * Raises the fence of one document. It is refused where the document has this one or a newer one, or is of a group made anew:
 * whoever raises may have been held up for long.
 */
export function raiseFencePlan(fence: OffsetsFence): UpdatePlan {
  const { bornAtMs, groupVersion } = fence
  return {
    checks: [equal(['fence', 'bornAtMs'], bornAtMs), lessOrEqual(['fence', 'groupVersion'], groupVersion)],
    changes: [set(['fence'], fenceValue(fence))],
  }
}

/**
 * A commit of a member: only what it commits is changed, so that members of one generation never cancel each other. Metadata
 * counts in full, since what it replaces is not known; where that is too much, who has read the document counts anew.
 */
export function memberCommitPlan(
  commits: Commits,
  { generationId, memberId, groupInstanceId }: Committer,
): UpdatePlan {
  const added = metadataBytesOf([...commits.values()])
  const ofInstance =
    groupInstanceId === null ? [] : [equal(['fence', 'instances', groupInstanceId], memberId)]
  const ofMetadata = added === 0 ? [] : [lessOrEqual(['metadataBytes'], MAX_DOCUMENT_METADATA_BYTES - added)]
  return {
    checks: [equal(['fence', 'generationId'], generationId), ...ofInstance, ...ofMetadata],
    changes: [
      ...commitChanges(commits),
      ...(added === 0 ? [] : [copyPlus(['metadataBytes'], ['metadataBytes'], added)]),
    ],
  }
}

/**
 * A commit to a document that was read, in a transaction that checks META at the version of `fence`: so the fence is the
 * newest one there is, whatever the document has.
 */
export function fencedCommitPlan(
  { document, version }: { readonly document: GroupOffsets; readonly version: number },
  commits: Commits,
  fence: OffsetsFence,
): UpdatePlan {
  return {
    // Of one version the count only rises: that it is the same means that no metadata came.
    checks: [equal(['ver'], version), equal(['metadataBytes'], document.metadataBytes)],
    changes: [
      set(['fence'], fenceValue(fence)),
      set(['metadataBytes'], metadataBytesAfter(document, commits)),
      set(['ver'], version + 1),
      ...commitChanges(commits),
    ],
  }
}

/** The document that the first commit to it makes. */
export function newGroupOffsets(topicName: string, commits: Commits, fence: OffsetsFence): GroupOffsets {
  const offsets = Object.fromEntries(
    [...commits].map(([partition, committed]) => [String(partition), committed]),
  )
  return { topicName, fence, metadataBytes: metadataBytesOf([...commits.values()]), offsets }
}

/** Removes the offsets of partitions, as `fencedCommitPlan` sets them: no commit that was too late may bring them back. */
export function fencedRemovalPlan(partitions: readonly number[], fence: OffsetsFence): UpdatePlan {
  return {
    checks: [present(['fence'])],
    changes: [
      set(['fence'], fenceValue(fence)),
      ...partitions.map((partition) => remove(['offsets', String(partition)])),
    ],
  }
}

/**
 * Whether the document holds just what is committed, down to the ms: then it was taken, whatever was refused. The network may
 * carry out a write twice, and the fence move in between.
 */
export function holdsCommits({ offsets }: GroupOffsets, commits: Commits): boolean {
  return [...commits].every(([partition, committed]) => {
    const held = offsets[String(partition)]
    return held !== undefined && String(packCommitted(held)) === String(packCommitted(committed))
  })
}

/** Bytes of all metadata in a document once `commits` are in it; `stored` undefined where there is none yet. */
export function metadataBytesAfter(stored: GroupOffsets | undefined, commits: Commits): number {
  const kept = Object.entries(stored?.offsets ?? {}).flatMap(([partition, committed]) =>
    commits.has(Number(partition)) ? [] : [committed],
  )
  return metadataBytesOf([...kept, ...commits.values()])
}

const metadataBytesOf = (offsets: readonly CommittedOffset[]): number =>
  offsets.reduce((sum, { metadata }) => sum + utf8Bytes(metadata), 0)

const commitChanges = (commits: Commits) =>
  [...commits].map(([partition, committed]) => set(['offsets', String(partition)], packCommitted(committed)))
