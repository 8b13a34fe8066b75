import { absent, type Item, set, type UpdatePlan } from '../../core/update-plan.ts'

/**
 * Makes a document where there is none. Its versions begin with the time: whoever slept since there was another one of that
 * name, which was deleted, must not take this one for it.
 */
export function newItemPlan(item: Item, nowMs: number): UpdatePlan {
  return {
    checks: [absent(['ver'])],
    changes: Object.entries({ ...item, ver: nowMs }).map(([name, value]) => set([name], value)),
  }
}
