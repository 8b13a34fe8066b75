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
 * The document after a controller's write, or the one that refused it. That need not be a newer controller's: another look
 * at the same node was faster, or the store carried this very write out twice.
 *
 * @throws KafkaError NOT_CONTROLLER when a newer controller wrote there
 */
export function unlessFenced({ controllerEpoch }: Pick<Control, 'controllerEpoch'>, verdict: Verdict): Item {
  if (verdict.item === undefined) throw new KafkaError('KAFKA_STORAGE_ERROR', 'document is gone')
  if (!verdict.applied && Number(verdict.item.controllerEpoch) > controllerEpoch) {
    throw fencedController(controllerEpoch)
  }
  return verdict.item
}
