import * as z from 'zod'
import type { Group } from '../../core/group/group.ts'
import { expiryDueAtMs } from '../../core/group/membership-leave.ts'
import type { Item, Value } from '../../core/update-plan.ts'
import { GROUP_STATES } from '../../protocol/api/groups.ts'

/** The index of due work has as many. */
const DUE_SHARDS = 4

const count = z.int().min(0)
/** Names that a user chose: a record of zod's would lose `__proto__`. */
const names = z.custom<Readonly<Record<string, true>>>((value) => isMapOf(value, (entry) => entry === true))
const texts = z.custom<Readonly<Record<string, string>>>((value) =>
  isMapOf(value, (entry) => typeof entry === 'string'),
)

const groupItem = z.object({
  bornAtMs: count,
  state: z.enum(GROUP_STATES),
  generationId: count,
  protocolType: z.string(),
  protocolName: z.string(),
  leader: z.string().default(''),
  joined: names,
  awaited: names,
  commonProtocols: names,
  instances: texts,
  rebalanceTimeoutMs: count,
  initialSinceMs: count,
  rebalanceEndsAtMs: count,
  nextExpiryCheckMs: count,
  emptySinceMs: count,
})
const versioned = groupItem.extend({ ver: count })

/** When somebody must look at a group although nobody calls, and what the index files that under. */
export interface GroupDue {
  readonly groupId: string
  /** How long an empty group keeps its offsets. */
  readonly retentionMs: number
}

/** The item of a group; no leader is no attribute, so that a plan may set the first one. */
export function encodeGroup({ leader, ...group }: Group, due: GroupDue): Item {
  return {
    ...group,
    ...(leader === '' ? {} : { leader }),
    dueShard: groupDueShard(due.groupId),
    dueAtMs: groupDueAtMs(group, due.retentionMs),
  }
}

/** The group of an item read back, and the version it was read at. */
export function decodeGroup(stored: Item): { readonly group: Group; readonly version: number } {
  const { ver: version, ...group } = versioned.parse(stored)
  return { group, version }
}

/**
 * When a group is due: some minutes after a member may have expired, or once the offsets of an empty one have; at once while it
 * is being deleted.
 */
export function groupDueAtMs(
  { state, nextExpiryCheckMs, emptySinceMs }: Pick<Group, 'state' | 'nextExpiryCheckMs' | 'emptySinceMs'>,
  retentionMs: number,
): number {
  if (state === 'Dead') return 0
  return state === 'Empty' ? emptySinceMs + retentionMs : expiryDueAtMs(nextExpiryCheckMs)
}

/** The shard of the index of due work that a group is listed in: they fill evenly. */
export function groupDueShard(groupId: string): number {
  let sum = 0
  for (const character of groupId) sum += character.codePointAt(0) ?? 0
  return sum % DUE_SHARDS
}

function isMapOf(value: unknown, isEntry: (entry: Value) => boolean): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isEntry)
  )
}
