import { packReference } from './batch-reference.ts'
import { type Head, type LocatedBatch, locateTail } from './head.ts'
import { ledBy } from './isr-commands.ts'
import type { Lineage } from './lineage.ts'
import { logEndOf } from './replica.ts'
import { rollBack } from './roll-back.ts'
import { absent, type Change, copy, equal, remove, set, type UpdatePlan } from './update-plan.ts'

/** Who is to lead a fenced partition, and what becomes of its log. */
export interface Election {
  readonly winner: string
  /** The winner and those in sync before that live, in assignment order. */
  readonly isr: readonly string[]
  /** The log ends here: what the winner holds. */
  readonly logEndOffset: number
  /** Whether the winner holds all below the high watermark; if not, what readers counted on is lost. */
  readonly clean: boolean
}

/** Who may take part in an election, and whether one that loses data may win it. */
interface Electorate {
  /** Whether the node is UP, and its bucket the one that the replica is named by. */
  readonly isLive: (replica: string) => boolean
  /** unclean.leader.election.enable, or an operator's word. */
  readonly uncleanAllowed: boolean
}

/**
 * The leader goes and its epoch is over: no append until another one is elected, or never, when the topic is deleted.
 * From here on the log stands still.
 */
export function fence(head: Head, nowMs: number): UpdatePlan {
  return {
    checks: [equal(['leaderEpoch'], head.leaderEpoch)],
    changes: [remove(['leader']), set(['leaderEpoch'], head.leaderEpoch + 1), set(['dueAtMs'], nowMs)],
  }
}

/**
 * Decides the election of a fenced partition: the first live replica of the ISR in assignment order, else any that is
 * known to hold all below the high watermark (KIP-966), else, where that is allowed, the one that holds most.
 * Undefined when there is none.
 */
export function planElection(head: Head, { isLive, uncleanAllowed }: Electorate): Election | undefined {
  const live = head.replicas.filter(isLive)
  const caughtUp = live.filter((replica) => logEndOf(head, replica) >= head.highWatermark)
  const cleanWinner = live.find((replica) => head.isr.includes(replica)) ?? caughtUp[0]
  const winner = cleanWinner ?? (uncleanAllowed ? longest(head, live) : undefined)
  if (winner === undefined) return undefined
  return {
    winner,
    isr: live.filter((replica) => replica === winner || head.isr.includes(replica)),
    logEndOffset: Math.max(logEndOf(head, winner), head.sealedEnd, head.logStartOffset),
    clean: cleanWinner !== undefined,
  }
}

/**
 * The winner leads a fenced partition. The log ends where the winner's does: what lies beyond is truncated, and every
 * hole, lineage and producer with it. `paged` holds the truncated batches that are in index pages: those of an unclean
 * election only.
 */
export function electLeader(
  head: Head,
  election: Election,
  paged: readonly LocatedBatch[],
  nowMs: number,
): UpdatePlan {
  const { winner, isr, logEndOffset } = election
  const lineage = { ...startsBelow(head.lineage, logEndOffset), [head.leaderEpoch]: logEndOffset }
  const tail = locateTail(head)
  const removed = tail.filter((batch) => batch.endOffset > logEndOffset)
  const holes = holesAfter(head, election, nowMs)
  return {
    checks: [
      equal(['leaderEpoch'], head.leaderEpoch),
      absent(['leader']),
      equal(['partitionEpoch'], head.partitionEpoch),
    ],
    changes: [
      set(['leader'], winner),
      set(['partitionEpoch'], head.partitionEpoch + 1),
      set(['lineage'], lineage),
      set(['logEndOffset'], logEndOffset),
      set(['highWatermark'], highWatermarkAfter(head, election, holes.holeStart)),
      set(['maxEvictedOffset'], Math.min(head.maxEvictedOffset, logEndOffset - 1)),
      set(['isr'], isr),
      set(['joining'], []),
      set(['holeStart'], holes.holeStart),
      set(['holeEnd'], holes.holeEnd),
      set(['holeSince'], holes.holeSince),
      set(['dueAtMs'], nowMs),
      ...removed.map((batch): Change => remove(['tail', packReference(batch.reference)])),
      ...rollBack(head, { logEndOffset, removed: [...paged, ...removed] }),
    ],
  }
}

/** Leadership goes to a replica that lacks nothing, while the leader is well: nothing is truncated. */
export function moveLeader(head: Head, successor: string): UpdatePlan {
  const leaderEpoch = head.leaderEpoch + 1
  return {
    checks: [
      ...ledBy(head),
      equal(['partitionEpoch'], head.partitionEpoch),
      absent(['holeStart', successor]),
    ],
    changes: [
      set(['leader'], successor),
      set(['leaderEpoch'], leaderEpoch),
      copy(['lineage', String(leaderEpoch)], ['logEndOffset']),
      set(['partitionEpoch'], head.partitionEpoch + 1),
    ],
  }
}

function longest(head: Head, replicas: readonly string[]): string | undefined {
  return replicas.toSorted((a, b) => logEndOf(head, b) - logEndOf(head, a))[0]
}

/** Epochs that began at or beyond the new end have no batch left. */
function startsBelow(lineage: Lineage, logEndOffset: number): Lineage {
  return Object.fromEntries(Object.entries(lineage).filter(([, start]) => start < logEndOffset))
}

/**
 * What each replica lacks of the log as it is now. The winner lacks nothing, by definition; what another in-sync replica
 * lacks beyond the end is gone with it; whoever is outside lacks all that is appended from here on.
 */
function holesAfter(
  head: Head,
  { winner, isr, logEndOffset }: Election,
  nowMs: number,
): Pick<Head, 'holeStart' | 'holeEnd' | 'holeSince'> {
  const holeStart: Record<string, number> = {}
  const holeEnd: Record<string, number> = {}
  const holeSince: Record<string, number> = {}
  for (const replica of head.replicas.filter((other) => other !== winner)) {
    const start = Math.min(head.holeStart[replica] ?? logEndOffset, logEndOffset)
    const end = Math.min(head.holeEnd[replica] ?? logEndOffset, logEndOffset)
    const inSync = isr.includes(replica)
    if (inSync && start >= end) continue
    holeStart[replica] = start
    holeSince[replica] = head.holeSince[replica] ?? nowMs
    if (inSync) holeEnd[replica] = end
  }
  return { holeStart, holeEnd, holeSince }
}

/** An unclean winner lowers it first, so that what readers see is never beyond what the leader has. */
function highWatermarkAfter(head: Head, election: Election, holeStart: Head['holeStart']): number {
  const { isr, logEndOffset } = election
  const lowered = Math.min(head.highWatermark, logEndOffset)
  if (isr.length < head.minIsr) return lowered
  return Math.max(lowered, Math.min(...isr.map((replica) => holeStart[replica] ?? logEndOffset)))
}
