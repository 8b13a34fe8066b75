import { type Head, locateTail } from '../../shared/core/head.ts'
import { logEndOf } from '../../shared/core/replica.ts'
import { set, type UpdatePlan } from '../../shared/core/update-plan.ts'
import { encodeHeadPlan } from '../../shared/store/items/head-item.ts'

/** A write of a head; `before` undefined: it was made. */
export interface HeadWrite {
  readonly pk: string
  readonly before: Head | undefined
  readonly after: Head
  readonly plan: UpdatePlan | undefined
}

/** A write of a head that was there before. */
type Moved = HeadWrite & { readonly before: Head }

/** What is known beside the heads. */
interface Known {
  /** Whether elections may lose what readers counted on. */
  readonly unclean: boolean
  /** Whether its topic is there, and not about to go. */
  readonly isListed: boolean
  /** What is recorded of the truncation of this leader epoch. */
  readonly loss: { readonly fromOffset: number; readonly committedTo: number } | undefined
}

const [CONTROLLER_EPOCH] = encodeHeadPlan({ checks: [], changes: [set(['controllerEpoch'], 0)] }).changes
/** Later than any look that is taken at a partition with something left to do. */
const MAX_NEXT_LOOK_MS = 43_200_000

/** Whether a write ends the time without a leader. */
export function isElection(before: Head, after: Head): boolean {
  return before.leader === undefined && after.leader !== undefined
}

/** What is not as it must be in any head. */
export function brokenInHead(head: Head): readonly string[] {
  const { leader, isr, joining, holeStart, holeEnd, highWatermark, logEndOffset } = head
  const broken: string[] = []
  if (leader !== undefined && !isr.includes(leader)) broken.push('I4: the leader is not in the ISR')
  if (leader !== undefined && holeStart[leader] !== undefined) broken.push('I4: the leader has a hole')
  if (highWatermark > logEndOffset) broken.push('I14: the high watermark is beyond the log end')
  const ends = isr.map((replica) => logEndOf(head, replica))
  if (isr.length >= head.minIsr && highWatermark < Math.min(...ends)) {
    broken.push(`I14: the high watermark is ${highWatermark}, the ISR ends at ${ends}`)
  }
  for (const replica of joining) {
    if (holeStart[replica] === undefined) broken.push(`a joining replica lacks nothing: ${replica}`)
    if (isr.includes(replica)) broken.push(`both joining and in the ISR: ${replica}`)
  }
  for (const replica of head.replicas) {
    const isOutside = !isr.includes(replica) && !joining.includes(replica)
    if (isOutside && holeStart[replica] === undefined) broken.push(`outside without a hole: ${replica}`)
    if (isOutside && holeEnd[replica] !== undefined) broken.push(`outside with a hole that ends: ${replica}`)
    const start = holeStart[replica]
    if (!isOutside && start !== undefined && (holeEnd[replica] ?? -1) < start) {
      broken.push(`inside with a hole that grows: ${replica}`)
    }
    if (start !== undefined && start > logEndOffset) broken.push(`a hole begins beyond the log: ${replica}`)
  }
  if (hasWork(head) && head.dueAtMs === undefined) broken.push('something is left to do, and nothing is due')
  return [...broken, ...tailGaps(head), ...lineageOf(head)]
}

function hasWork({ leader, holeStart }: Head): boolean {
  return leader === undefined || Object.keys(holeStart).length > 0
}

/** I1 within the tail: its entries follow each other, up to the log end; none is of a leader that was truncated. */
function tailGaps(head: Head): readonly string[] {
  const batches = locateTail(head)
  const broken: string[] = []
  for (const [position, batch] of batches.entries()) {
    const next = batches[position + 1]?.baseOffset ?? head.logEndOffset
    if (batch.endOffset !== next)
      broken.push(`I1: a batch ends at ${batch.endOffset}, the next begins at ${next}`)
  }
  if (batches.length < Object.keys(head.tail).length)
    broken.push('the tail has entries that the lineage refutes')
  return broken
}

/** Starts rise with the epochs, within the log; the last epoch is the leader's. */
function lineageOf({ lineage, leader, leaderEpoch, logEndOffset }: Head): readonly string[] {
  const epochs = Object.keys(lineage)
    .map(Number)
    .sort((a, b) => a - b)
  const starts = epochs.map((epoch) => lineage[epoch] ?? 0)
  const facts = JSON.stringify(lineage)
  const broken: string[] = []
  if (starts.some((start, position) => start < (starts[position - 1] ?? 0))) {
    broken.push(`I3: a later epoch of the lineage begins earlier ${facts}`)
  }
  if ((starts.at(-1) ?? 0) > logEndOffset) broken.push(`I3: the lineage goes beyond ${logEndOffset} ${facts}`)
  const last = epochs.at(-1) ?? -1
  if (last > leaderEpoch || (leader !== undefined && last !== leaderEpoch)) {
    broken.push(`I3: the leader's epoch is ${leaderEpoch}, the lineage is ${facts}`)
  }
  return broken
}

/** What must not have come about by one write. */
export function brokenInHeadWrite(write: Moved, known: Known): readonly string[] {
  return [
    ...fallen(write),
    ...ofItsEpoch(write),
    ...highWatermarkMoved(write),
    ...highWatermarkFell(write, known),
    ...elected(write),
    ...lineageMoved(write),
    ...isrMoved(write),
    ...(known.isListed ? dueMoved(write) : []),
  ]
}

function fallen({ before, after }: Moved): readonly string[] {
  const names = [
    'leaderEpoch',
    'partitionEpoch',
    'controllerEpoch',
    'logStartOffset',
    'sealedEnd',
    'walFloor',
  ] as const
  const fell = names.filter((name) => after[name] < before[name])
  return fell.map((name) => `I3: ${name} fell from ${before[name]} to ${after[name]}`)
}

/** One leader per leader epoch, one set of replicas per partition epoch, and no log that moves without a leader. */
function ofItsEpoch({ before, after }: Moved): readonly string[] {
  const broken: string[] = []
  const isLed = before.leader !== undefined
  if (isLed && after.leader !== before.leader && after.leaderEpoch === before.leaderEpoch) {
    broken.push(`another leader in leader epoch ${after.leaderEpoch}`)
  }
  const members = ({ replicas, isr, joining, minIsr }: Head) =>
    JSON.stringify({ replicas, isr, joining, minIsr })
  if (members(after) !== members(before) && after.partitionEpoch === before.partitionEpoch) {
    broken.push(`other members in partition epoch ${after.partitionEpoch}`)
  }
  if (after.logEndOffset > before.logEndOffset && !isLed) broken.push('the log grew without a leader')
  if (after.logEndOffset < before.logEndOffset && !isElection(before, after)) {
    broken.push('the log got shorter without an election')
  }
  return broken
}

function highWatermarkMoved({ before, after }: Moved): readonly string[] {
  const { isr, minIsr, highWatermark } = after
  if (highWatermark <= before.highWatermark) return []
  if (isr.length < minIsr) return ['I5: the high watermark moved while too few were in sync']
  const ends = isr.map((replica) => logEndOf(after, replica))
  return highWatermark <= Math.min(...ends)
    ? []
    : [`I14: the high watermark went to ${highWatermark}, the ISR ends at ${ends}`]
}

function highWatermarkFell({ before, after }: Moved, { unclean, loss }: Known): readonly string[] {
  if (after.highWatermark >= before.highWatermark) return []
  if (!isElection(before, after)) return ['I3: the high watermark fell without an election']
  if (!unclean) return ['I6: an election took what readers counted on']
  const isRecorded = loss?.fromOffset === after.logEndOffset && loss.committedTo >= before.highWatermark
  return isRecorded ? [] : ['I3: an unclean election is not recorded']
}

/** The log ends where that of the winner did, who has what readers saw where that is to be had. */
function elected({ before, after }: Moved): readonly string[] {
  const { leader } = after
  if (leader === undefined || !isElection(before, after)) return []
  const end = Math.max(logEndOf(before, leader), before.sealedEnd, before.logStartOffset)
  const broken: string[] = []
  if (after.logEndOffset !== end)
    broken.push(`I6: the winner's log ends at ${end}, the log at ${after.logEndOffset}`)
  const stranger = after.isr.find((replica) => replica !== leader && !before.isr.includes(replica))
  if (stranger !== undefined) broken.push(`I6: an election brought ${stranger} into the ISR`)
  return broken
}

/** An epoch's start stands for good, unless an election takes it with what lies beyond the new end. */
function lineageMoved({ before, after }: Moved): readonly string[] {
  const end = isElection(before, after) ? after.logEndOffset : Number.MAX_SAFE_INTEGER
  const kept = Object.entries(before.lineage).filter(([, start]) => start < end)
  const made = Object.keys(after.lineage).filter(
    (epoch) => Number(epoch) <= before.leaderEpoch && epoch in before.lineage,
  )
  const isSame = kept.every(([epoch, start]) => after.lineage[epoch] === start) && made.length === kept.length
  return isSame
    ? []
    : [`I3: lineage ${JSON.stringify(before.lineage)} became ${JSON.stringify(after.lineage)}`]
}

/** Who comes in lacks nothing; whoever is not the controller leaves enough in sync (H5). */
function isrMoved({ before, after, plan }: Moved): readonly string[] {
  if (isElection(before, after)) return []
  const broken: string[] = []
  const entered = after.isr.filter((replica) => !before.isr.includes(replica))
  for (const replica of entered) {
    if (after.holeStart[replica] !== undefined) broken.push(`${replica} entered the ISR with a hole`)
  }
  const isShrunk = after.isr.length < before.isr.length && after.isr.length < after.minIsr
  const isController = plan?.changes.some(({ path }) => path[0] === CONTROLLER_EPOCH?.path[0]) ?? true
  if (isShrunk && !isController) broken.push('H5: a handler brought the ISR below min ISR')
  return broken
}

/** H19: where something is left to do, the next look at it is not put off for long. */
function dueMoved({ before, after }: Moved): readonly string[] {
  if (!hasWork(after) || before.dueAtMs === undefined || after.dueAtMs === undefined) return []
  const laterMs = after.dueAtMs - before.dueAtMs
  return laterMs > MAX_NEXT_LOOK_MS ? [`H19: something is left to do, and was put off for ${laterMs} ms`] : []
}
