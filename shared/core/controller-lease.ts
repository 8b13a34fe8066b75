import { type Check, copyPlus, equal, lessOrEqual, set, type UpdatePlan } from './update-plan.ts'

/** Who controls the cluster, in which epoch, and until when if it is not heard of again. */
export interface ControllerLease {
  readonly holder: string
  readonly controllerEpoch: number
  readonly expiresAtMs: number
}

/** A controller that says nothing for so long is replaced. */
export const LEASE_MS = 5000

/** The first lease of a cluster, which nobody has. */
export const NO_LEASE: ControllerLease = { holder: '', controllerEpoch: 0, expiresAtMs: 0 }

/** The lease is over: `holder` takes it, in a new epoch. */
export function takeLease(holder: string, nowMs: number): UpdatePlan {
  return {
    checks: [lessOrEqual(['expiresAtMs'], nowMs)],
    changes: [
      set(['holder'], holder),
      copyPlus(['controllerEpoch'], ['controllerEpoch'], 1),
      set(['expiresAtMs'], nowMs + LEASE_MS),
    ],
  }
}

/** The holder goes on; refused when another one took over. */
export function renewLease(lease: ControllerLease, nowMs: number): UpdatePlan {
  return { checks: heldBy(lease), changes: [set(['expiresAtMs'], nowMs + LEASE_MS)] }
}

/** The holder is done: the next one need not wait. */
export function releaseLease(lease: ControllerLease): UpdatePlan {
  return { checks: heldBy(lease), changes: [set(['expiresAtMs'], 0)] }
}

/** Only while it is the last one: an epoch is held by one holder ever. */
function heldBy({ holder, controllerEpoch }: ControllerLease): readonly Check[] {
  return [equal(['holder'], holder), equal(['controllerEpoch'], controllerEpoch)]
}

/** A document write of the controller: refused once a newer one wrote there, and fencing all older ones. */
export function byController(plan: UpdatePlan, controllerEpoch: number): UpdatePlan {
  return {
    checks: [...plan.checks, lessOrEqual(['controllerEpoch'], controllerEpoch)],
    changes: [...plan.changes, set(['controllerEpoch'], controllerEpoch)],
  }
}
