import {
  type ControllerLease,
  NO_LEASE,
  releaseLease,
  renewLease,
  takeLease,
} from '../core/controller-lease.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import { decodeLease, encodeLease } from '../store/items/cluster-item.ts'
import { CONTROLLER } from '../store/keys.ts'
import type { Deps } from './deps.ts'

/** The lease of this environment. */
export interface HeldLease {
  readonly controllerEpoch: number
  /**
   * To be called while working.
   *
   * @throws KafkaError NOT_CONTROLLER when another controller took over
   */
  renew(): Promise<void>
  release(): Promise<void>
}

/** Renewing after less of the lease than this would only cost. */
const RENEW_AFTER_MS = 1500

/** Takes the controller lease; waits for one that is held, since its holder may be dead. Undefined when it is not. */
export async function acquireLease(deps: Deps): Promise<HeldLease | undefined> {
  const { clock, documents, environmentId, limits } = deps
  const giveUpAtMs = clock.nowMs() + limits.leaseWaitMs
  for (;;) {
    const verdict = await documents.update(CONTROLLER, takeLease(environmentId, clock.nowMs()))
    if (verdict.applied) return held(deps, decodeLease(verdict.item))
    if (verdict.item === undefined) await documents.put(CONTROLLER, encodeLease(NO_LEASE), 'absent')
    else if (clock.nowMs() >= giveUpAtMs) return undefined
    else await clock.sleep(limits.leasePollMs)
  }
}

/** The error of a controller that is none any more. */
export function fencedController(controllerEpoch: number): KafkaError {
  return new KafkaError('NOT_CONTROLLER', `another controller took over controllerEpoch=${controllerEpoch}`)
}

function held({ clock, documents }: Deps, lease: ControllerLease): HeldLease {
  const { controllerEpoch } = lease
  let renewedAtMs = clock.nowMs()
  return {
    controllerEpoch,
    renew: async () => {
      const nowMs = clock.nowMs()
      if (nowMs - renewedAtMs < RENEW_AFTER_MS) return
      const verdict = await documents.update(CONTROLLER, renewLease(lease, nowMs))
      if (!verdict.applied) throw fencedController(controllerEpoch)
      renewedAtMs = nowMs
    },
    release: async () => {
      await documents.update(CONTROLLER, releaseLease(lease))
    },
  }
}
