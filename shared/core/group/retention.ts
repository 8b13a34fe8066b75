import type { Group } from './group.ts'

/** How far behind the last commit `emptySinceMs` may be: commits of clients that are no members would else write META each time. */
const EMPTY_SINCE_GRAIN_MS = 60_000

/** How long a group without members keeps its offsets: Kafka's `offsets.retention.minutes`, and what the last commit may be later than known. */
export const offsetsRetentionMs = (retentionMinutes: number): number =>
  retentionMinutes * 60_000 + EMPTY_SINCE_GRAIN_MS

/** Whether a group is gone with its offsets: nobody was in it, and nobody committed, for `retentionMs`. */
export function areOffsetsExpired(
  { state, emptySinceMs }: Pick<Group, 'state' | 'emptySinceMs'>,
  { retentionMs, nowMs }: { retentionMs: number; nowMs: number },
): boolean {
  return state === 'Empty' && nowMs >= emptySinceMs + retentionMs
}

/** Whether a commit of a client that is no member must tell META of it, so that its offsets are kept for long enough. */
export function isEmptySinceStale({ emptySinceMs }: Pick<Group, 'emptySinceMs'>, nowMs: number): boolean {
  return nowMs - emptySinceMs >= EMPTY_SINCE_GRAIN_MS
}
