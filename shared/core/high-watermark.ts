import type { Head } from './head.ts'
import { absent, type Change, type Check, copy, equal, set } from './update-plan.ts'

/** What a command makes of the in-sync replicas: who they are, how many it takes, and where what each lacks begins. */
type InSync = Pick<Head, 'isr' | 'minIsr' | 'holeStart'>

/** A part of a plan. */
interface PlanPart {
  readonly checks: readonly Check[]
  readonly changes: readonly Change[]
}

/**
 * The high watermark after a command that changes holes, ISR or minIsr, in the same write: the least log end offset of
 * the ISR, but never less than before; while the ISR is below minIsr it stands still (KIP-966; I14).
 *
 * `after` holds what the command changes. The holes that it leaves alone must be as they were read: one that closed or
 * opened meanwhile would make another high watermark right.
 */
export function restoreHighWatermark(head: Head, after: Partial<InSync>): PlanPart {
  const { isr, minIsr, holeStart } = { ...head, ...after }
  if (isr.length < minIsr) return { checks: [], changes: [] }
  const untouched = isr.filter((replica) => holeStart[replica] === head.holeStart[replica])
  const checks = untouched.map((replica) => holeAsRead(head, replica))
  const starts = isr.flatMap((replica) => holeStart[replica] ?? [])
  if (starts.length === 0) return { checks, changes: [copy(['highWatermark'], ['logEndOffset'])] }
  // While an in-sync replica lacks something, no append moves the high watermark: it can be checked and set.
  const highWatermark = Math.max(head.highWatermark, Math.min(...starts))
  return {
    checks: [...checks, equal(['highWatermark'], head.highWatermark)],
    changes: [set(['highWatermark'], highWatermark)],
  }
}

function holeAsRead(head: Head, replica: string): Check {
  const start = head.holeStart[replica]
  const path = ['holeStart', replica]
  return start === undefined ? absent(path) : equal(path, start)
}
