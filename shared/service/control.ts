import type { StorageNode } from '../core/storage-node.ts'
import type { Item } from '../core/update-plan.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Verdict } from '../store/document-store.ts'
import { fencedController } from './controller-lease.ts'
import type { Deps } from './deps.ts'

/** A controller at work: its epoch, and the storage nodes as it knows them. */
export interface Control {
  readonly deps: Deps
  readonly controllerEpoch: number
  readonly nodes: Map<number, StorageNode>
  /** Throws NOT_CONTROLLER when another controller took over. */
  renew(): Promise<void>
}

/**
 * The document after a write that only a newer controller can have refused.
 *
 * @throws KafkaError NOT_CONTROLLER when it did
 */
export function unlessFenced({ controllerEpoch }: Control, verdict: Verdict): Item {
  if (verdict.applied) return verdict.item
  if (verdict.item === undefined) throw new KafkaError('KAFKA_STORAGE_ERROR', 'document is gone')
  throw fencedController(controllerEpoch)
}
