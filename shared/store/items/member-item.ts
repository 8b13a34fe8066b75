import * as z from 'zod'
import type { Member } from '../../core/group/group.ts'
import type { Item } from '../../core/update-plan.ts'

const generation = z.int().min(-1)

const memberItem = z.object({
  memberId: z.string(),
  groupInstanceId: z.string().optional(),
  clientId: z.string(),
  sessionTimeoutMs: z.int().min(0),
  rebalanceTimeoutMs: z.int().min(0),
  protocolType: z.string(),
  protocols: z.array(z.object({ name: z.string(), metadata: z.string() })),
  offeredGeneration: generation.default(-1),
  expiresAtMs: z.int().min(0),
  syncedGeneration: generation,
  assignedGeneration: generation,
  assignment: z.string(),
})
const versioned = memberItem.extend({ ver: z.int().min(0) })

/** The item of a member. */
export function encodeMember({ groupInstanceId, ...member }: Member): Item {
  return groupInstanceId === undefined ? member : { ...member, groupInstanceId }
}

/** The member of an item read back, and the version it was read at. */
export function decodeMember(stored: Item): { readonly member: Member; readonly version: number } {
  const { groupInstanceId, ver: version, ...member } = versioned.parse(stored)
  return { member: { ...member, groupInstanceId }, version }
}
