import type { DivergingEpoch } from '../../shared/protocol/api/fetch.ts'
import { type AnsweredRow, rowError, type StratologError } from '../errors.ts'

/**
 * What a fetched partition's row means for its reader:
 * - `records`: there may be some, none included
 * - `truncated`: what was read last is not in the log any more (KIP-320)
 * - `outOfRange`: the position is outside the log
 * - `stale`: the leader is another one, or the topic is: metadata tells
 * - `failed`: asking again does not help
 */
export type FetchOutcome =
  | { readonly kind: 'records' }
  | { readonly kind: 'truncated'; readonly divergingEpoch: DivergingEpoch }
  | { readonly kind: 'outOfRange' | 'stale' | 'failed'; readonly error: StratologError }

/** Judges a row as Kafka's `FetchCollector` does. */
export function fetchOutcome(row: AnsweredRow & { readonly divergingEpoch?: DivergingEpoch }): FetchOutcome {
  if (row.divergingEpoch !== undefined) return { kind: 'truncated', divergingEpoch: row.divergingEpoch }
  const error = rowError(row)
  if (error === undefined) return { kind: 'records' }
  if (error.errorName === 'OFFSET_OUT_OF_RANGE') return { kind: 'outOfRange', error }
  // The service has asked every copy: a batch that is damaged in all of them stays so.
  const lasts = !error.retriable || error.errorName === 'CORRUPT_MESSAGE'
  return { kind: lasts ? 'failed' : 'stale', error }
}
