import type { Head } from './head.ts'
import { restoreHighWatermark } from './high-watermark.ts'
import {
  absent,
  type Change,
  type Check,
  copy,
  copyIfAbsent,
  equal,
  fewer,
  present,
  remove,
  set,
  setIfAbsent,
  type UpdatePlan,
} from './update-plan.ts'

/** Fenced against elections, and against heads of deleted topics, which an update would otherwise create anew. */
export function ledBy(head: Head): readonly Check[] {
  return [equal(['leaderEpoch'], head.leaderEpoch), present(['leader'])]
}

/**
 * Followers leave the ISR and the joining list (Kafka's AlterPartition): from here on they lack whatever is appended.
 * Who may go below min.insync.replicas with it is the caller's to know.
 */
export function changeIsr(head: Head, leaving: readonly string[], nowMs: number): UpdatePlan {
  const isr = head.isr.filter((replica) => !leaving.includes(replica))
  const joining = head.joining.filter((replica) => !leaving.includes(replica))
  const restored = restoreHighWatermark(head, { isr })
  return {
    checks: [...ofEpochs(head), present(['leader']), ...restored.checks],
    changes: [
      set(['isr'], isr),
      set(['joining'], joining),
      ...leaving.flatMap((replica) => [
        copyIfAbsent(['holeStart', replica], ['logEndOffset']),
        remove(['holeEnd', replica]),
        setIfAbsent(['holeSince', replica], nowMs),
      ]),
      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
      ...restored.changes,
    ],
  }
}

/** A replica outside is written to again: what it lacks ends here, however much is appended, and can be copied. */
export function joinReplica(head: Head, replica: string, nowMs: number): UpdatePlan {
  return {
    checks: [
      ...ofEpochs(head),
      present(['leader']),
      present(['holeStart', replica]),
      absent(['holeEnd', replica]),
    ],
    changes: [
      set(['joining'], [...head.joining, replica]),
      copy(['holeEnd', replica], ['logEndOffset']),
      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
    ],
  }
}

/**
 * A replica in the ISR or joining was given everything below `filledTo`. One that joins and lacks nothing more is in the
 * ISR with the same write. Refused when anything was missed meanwhile.
 */
export function fillHole(head: Head, replica: string, filledTo: number): UpdatePlan {
  const start = head.holeStart[replica] ?? 0
  const end = head.holeEnd[replica] ?? Number.MAX_SAFE_INTEGER
  const closes = filledTo >= end
  const joins = closes && head.joining.includes(replica)
  const isr = joins ? inAssignmentOrder(head, [...head.isr, replica]) : head.isr
  const { [replica]: _, ...otherHoles } = head.holeStart
  const holeStart = closes ? otherHoles : { ...otherHoles, [replica]: filledTo }
  const restored = isr.includes(replica)
    ? restoreHighWatermark(head, { isr, holeStart })
    : { checks: [], changes: [] }
  return {
    checks: [
      ...ofEpochs(head),
      present(['leader']),
      equal(['holeStart', replica], start),
      equal(['holeEnd', replica], end),
      ...restored.checks,
    ],
    changes: [
      ...(closes ? removeHole(replica) : [set(['holeStart', replica], filledTo)]),
      ...(joins
        ? [
            set(['isr'], isr),
            set(
              ['joining'],
              head.joining.filter((other) => other !== replica),
            ),
            ...newPartitionEpoch(head),
          ]
        : []),
      ...restored.changes,
    ],
  }
}

/**
 * A node's bucket was emptied or exchanged: its replica is another one from now on, which lacks all that is not sealed.
 * Not for the leader, which is fenced first; a partition may be without one here.
 */
export function replaceReplica(head: Head, lost: string, successor: string, nowMs: number): UpdatePlan {
  const isr = head.isr.filter((replica) => replica !== lost)
  const restored = restoreHighWatermark(head, { isr })
  return {
    checks: [...ofEpochs(head), ...restored.checks],
    changes: [
      set(
        ['replicas'],
        head.replicas.map((replica) => (replica === lost ? successor : replica)),
      ),
      set(['isr'], isr),
      set(
        ['joining'],
        head.joining.filter((replica) => replica !== lost),
      ),
      ...removeHole(lost),
      set(['holeStart', successor], Math.max(head.sealedEnd, head.logStartOffset)),
      set(['holeSince', successor], nowMs),
      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
      ...restored.changes,
    ],
  }
}

/**
 * A replica's copy at `fromOffset` is gone or damaged: it holds what is below, and is given the rest anew. Not for the leader,
 * whose place another one takes first; a partition may be without one here.
 */
export function loseCopies(head: Head, replica: string, fromOffset: number, nowMs: number): UpdatePlan {
  const isr = head.isr.filter((other) => other !== replica)
  const restored = restoreHighWatermark(head, { isr })
  const holeStart = ['holeStart', replica]
  const before = head.holeStart[replica]
  return {
    checks: [
      ...ofEpochs(head),
      before === undefined ? absent(holeStart) : equal(holeStart, before),
      ...restored.checks,
    ],
    changes: [
      set(['isr'], isr),
      set(
        ['joining'],
        head.joining.filter((other) => other !== replica),
      ),
      set(holeStart, Math.min(before ?? fromOffset, fromOffset)),
      remove(['holeEnd', replica]),
      setIfAbsent(['holeSince', replica], nowMs),
      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
      ...restored.changes,
    ],
  }
}

/**
 * min.insync.replicas was changed: who planned by the old one plans again. The partition is due: who says it may have
 * slept since the topic said so, and only who looks at both later knows.
 */
export function setMinIsr(head: Head, minIsr: number, nowMs: number): UpdatePlan {
  const restored = restoreHighWatermark(head, { minIsr })
  return {
    checks: [...ofEpochs(head), present(['leader']), ...restored.checks],
    changes: [
      set(['minIsr'], minIsr),
      ...newPartitionEpoch(head),
      set(['dueAtMs'], nowMs),
      ...restored.changes,
    ],
  }
}

/**
 * The work that was due is done, or is not to be tried again before `nextMs`. Refused when more became due meanwhile;
 * a partition that has anything left to do stays listed.
 */
export function settleDue(head: Head, nextMs: number | undefined): UpdatePlan {
  const asRead = [
    ...ofEpochs(head),
    head.dueAtMs === undefined ? absent(['dueAtMs']) : equal(['dueAtMs'], head.dueAtMs),
    // Two causes within one millisecond look the same.
    ...(Object.keys(head.holeStart).length === 0 ? [fewer(['holeStart'], 1)] : []),
  ]
  if (nextMs !== undefined) return { checks: asRead, changes: [set(['dueAtMs'], nextMs)] }
  return {
    checks: [
      ...asRead,
      present(['leader']),
      equal(['logEndOffset'], ['sealedEnd']),
      fewer(['holeStart'], 1),
      fewer(['openTransactions'], 1),
    ],
    changes: [remove(['dueAtMs'])],
  }
}

/** The same replicas in the order in which they were assigned. */
function inAssignmentOrder(head: Head, replicas: readonly string[]): readonly string[] {
  return head.replicas.filter((replica) => replicas.includes(replica))
}

function ofEpochs(head: Head): readonly Check[] {
  return [equal(['leaderEpoch'], head.leaderEpoch), equal(['partitionEpoch'], head.partitionEpoch)]
}

function newPartitionEpoch(head: Head): readonly Change[] {
  return [set(['partitionEpoch'], head.partitionEpoch + 1)]
}

function removeHole(replica: string): readonly Change[] {
  return [remove(['holeStart', replica]), remove(['holeEnd', replica]), remove(['holeSince', replica])]
}
