import { applyPlan } from '../../shared/core/apply-plan.ts'
import type { BatchReference } from '../../shared/core/batch-reference.ts'
import { type Head, newHead } from '../../shared/core/head.ts'
import type { PlannedAppend } from '../../shared/core/head-commands.ts'
import { ulidBytes } from '../../shared/core/ulid.ts'
import type { UpdatePlan } from '../../shared/core/update-plan.ts'
import { decodeHead, encodeHead, encodeHeadPlan } from '../../shared/store/items/head-item.ts'

/** The id of a WAL object made in that millisecond. */
export const objectId = (ms: number): Uint8Array => ulidBytes(ms, new Uint8Array(10).fill(ms % 251))

/** A head of three replicas, two of which must be in sync; `changes` on top of a new one. */
export function headWith(changes: Partial<Head> = {}): Head {
  const replicas = ['0.1', '1.1', '2.1']
  return { ...newHead({ replicas, minIsr: 2, walFloor: '', dueShard: 0 }), ...changes }
}

/** A batch of 10 records in object `ms`. */
export function referenceWith(changes: Partial<BatchReference> = {}, ms = 1000): BatchReference {
  return {
    objectId: objectId(ms),
    position: 0,
    length: 100,
    recordCount: 10,
    leaderEpoch: 0,
    maxTimestamp: 5,
    sequence: undefined,
    ...changes,
  }
}

/** An append planned by `head`. */
export function plannedBy(head: Head, changes: Partial<BatchReference> = {}, ms = 1000): PlannedAppend {
  const reference = referenceWith({ leaderEpoch: head.leaderEpoch, ...changes }, ms)
  return { head, missed: [], nowMs: 7000, reference, dueAtMs: 9000, maxTailEntries: 4, maxHeadProducers: 3 }
}

/** Carries a plan out on the stored form of `head`; undefined when it is refused. */
export function carriedOut(head: Head | undefined, plan: UpdatePlan): Head | undefined {
  const outcome = applyPlan(head === undefined ? undefined : encodeHead(head), encodeHeadPlan(plan))
  if (!outcome.applied) return undefined
  // As every store does, JSON forgets which of two maps was shared.
  return decodeHead(JSON.parse(JSON.stringify(outcome.item)))
}

/** The head after a plan that it must take. */
export function applied(head: Head, plan: UpdatePlan): Head {
  const after = carriedOut(head, plan)
  if (after === undefined) throw new Error('the plan was refused')
  return after
}
