import { type Head, writeTargets } from './head.ts'

/** How the copy of a batch to one replica went, or that it is under way. */
export type CopyOutcome = 'pending' | 'reached' | 'failed'

/** What is to be done about a batch that is being copied to the replicas of a head. */
export type CopyStep =
  | { readonly step: 'wait' }
  /** Enough replicas have it; `missed` are those of the ISR or joining that do not. */
  | { readonly step: 'append'; readonly missed: readonly string[] }
  /** These cannot be written, and the others suffice: they leave the ISR or the joining list. */
  | { readonly step: 'shrink'; readonly leaving: readonly string[] }
  | { readonly step: 'refuse'; readonly errorName: 'KAFKA_STORAGE_ERROR' | 'NOT_ENOUGH_REPLICAS' }

/** How far the copies of a batch are. */
export interface CopyProgress {
  readonly acks: -1 | 0 | 1
  outcomeOf(replica: string): CopyOutcome
  /** Whether they were given the time that all of them may take. */
  readonly isLate: boolean
}

/**
 * The leader's copy is the log. With acks=all every replica of the ISR and every one that joins must have the batch too,
 * with acks=0 and 1 as many as are quick. One that failed leaves, but who appends never brings the ISR below
 * min.insync.replicas: that is the controller's to do.
 */
export function nextCopyStep(head: Head, { acks, outcomeOf, isLate }: CopyProgress): CopyStep {
  const { leader } = head
  const followers = writeTargets(head).filter((replica) => replica !== leader)
  const failed = followers.filter((replica) => outcomeOf(replica) === 'failed')
  const pending = followers.filter((replica) => outcomeOf(replica) === 'pending')
  const led = leader === undefined ? 'failed' : outcomeOf(leader)
  if (led === 'failed') return { step: 'refuse', errorName: 'KAFKA_STORAGE_ERROR' }
  if (led === 'pending' || (pending.length > 0 && !isLate)) return { step: 'wait' }
  const leaving = mayLeave(head, failed)
  if (acks === -1 && leaving.length < failed.length) {
    return { step: 'refuse', errorName: 'NOT_ENOUGH_REPLICAS' }
  }
  if (leaving.length > 0) return { step: 'shrink', leaving }
  if (acks !== -1) return { step: 'append', missed: [...failed, ...pending] }
  return pending.length > 0 ? { step: 'wait' } : { step: 'append', missed: [] }
}

/** Those of `failed` that join, and those in sync if enough are left without them. */
function mayLeave(head: Head, failed: readonly string[]): readonly string[] {
  const inSync = failed.filter((replica) => head.isr.includes(replica))
  if (head.isr.length - inSync.length >= head.minIsr) return failed
  return failed.filter((replica) => head.joining.includes(replica))
}
