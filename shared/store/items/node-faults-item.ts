import * as z from 'zod'
import type { Item } from '../../core/update-plan.ts'

const nodeFaultsItem = z.object({
  faults: z.record(z.string(), z.enum(['fail', 'hang'])),
  ver: z.int(),
})

/** Which storage nodes of a service for development are out of order, by the node's id in decimal. */
export type StoredFaults = z.infer<typeof nodeFaultsItem>['faults']

/** The item of the faults. */
export const encodeNodeFaults = (faults: StoredFaults): Item => ({ faults })

/** The faults of an item read back, and the version that a put of others replaces. */
export function decodeNodeFaults(stored: Item): {
  readonly faults: StoredFaults
  readonly version: number
} {
  const { faults, ver } = nodeFaultsItem.parse(stored)
  return { faults, version: ver }
}
