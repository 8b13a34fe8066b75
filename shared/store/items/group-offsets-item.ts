import * as z from 'zod'
import type { GroupOffsets } from '../../core/group/group.ts'
import { fenceValue, packCommitted, unpackCommitted } from '../../core/group/offsets.ts'
import type { Item } from '../../core/update-plan.ts'

const count = z.int().min(0)
/** Names that users chose: a record of zod's would lose `__proto__`. */
const instances = z.custom<Readonly<Record<string, string>>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((memberId) => typeof memberId === 'string'),
)

/** Of each partition [offset, leaderEpoch, committedAtMs, metadata]: the words would cost a commit a second write unit. */
const groupOffsetsItem = z.object({
  topicName: z.string(),
  fence: z.object({
    bornAtMs: count,
    generationId: count,
    groupVersion: count,
    instances,
  }),
  metadataBytes: count,
  offsets: z.record(z.string(), z.tuple([count, z.int().min(-1), z.int(), z.string()])),
})
const versioned = groupOffsetsItem.extend({ ver: count })

/** The item of a document of committed offsets. */
export function encodeGroupOffsets({ topicName, fence, metadataBytes, offsets }: GroupOffsets): Item {
  return {
    topicName,
    fence: fenceValue(fence),
    metadataBytes,
    offsets: Object.fromEntries(
      Object.entries(offsets).map(([partition, committed]) => [partition, packCommitted(committed)]),
    ),
  }
}

/** The committed offsets of an item read back, and the version it was read at, which the commits of members leave alone. */
export function decodeGroupOffsets(stored: Item): {
  readonly document: GroupOffsets
  readonly version: number
} {
  const { offsets, ver: version, ...rest } = versioned.parse(stored)
  const unpacked = Object.entries(offsets).map(
    ([partition, packed]) => [partition, unpackCommitted(packed)] as const,
  )
  return { document: { ...rest, offsets: Object.fromEntries(unpacked) }, version }
}
