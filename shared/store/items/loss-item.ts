import * as z from 'zod'
import type { Item } from '../../core/update-plan.ts'

const lossItem = z.object({
  fromOffset: z.int().min(0),
  toOffset: z.int().min(0),
  committedTo: z.int().min(0),
  leader: z.string(),
  reason: z.string(),
  atMs: z.int(),
  controllerEpoch: z.int().min(0),
})

/**
 * What an election truncated: [fromOffset, toOffset), of which readers could count on what is below `committedTo`.
 * It counts only if the lineage says that its epoch began at `fromOffset`: it is stored before the election is.
 */
export type Loss = z.infer<typeof lossItem>

/** The item of a loss. */
export const encodeLoss = (loss: Loss): Item => loss
/** The loss of an item read back. */
export const decodeLoss = (stored: Item): Loss => lossItem.parse(stored)
