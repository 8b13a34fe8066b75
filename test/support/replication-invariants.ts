import { type Head, type LocatedBatch, locateTail } from '../../shared/core/head.ts'
import {
  packProducerState,
  producerKey,
  sequenceAfter,
  unpackProducerState,
} from '../../shared/core/producer-state.ts'
import { logEndOf, outsiders } from '../../shared/core/replica.ts'
import {
  batchId,
  bucketOf,
  type Command,
  hasBatch,
  isCurrent,
  validLog,
  type World,
} from './replication-world.ts'

/** A command that was carried out. */
interface Step {
  readonly before: Head
  readonly after: Head
  readonly command: Command
}

/** What of design §14 does not hold any more after a step, as sentences. */
export function brokenByStep(world: World, step: Step): readonly string[] {
  const { after, command } = step
  const log = validLog(world, after)
  return [
    ...gaps(world, after, log),
    ...lost(world, log, command),
    ...tooFewCopies(world, step, log),
    ...falls(step),
    ...leadership(after),
    ...wrongHighWatermark(step),
    ...dirtyElection(step),
    ...producers(after, log),
    ...untrueLogEnds(world, after, log),
    ...misshapenHoles(after),
    ...unlisted(step, world.nowMs),
    ...leftovers(after),
  ]
}

/** I1: offsets are assigned once and without a gap. */
function gaps(world: World, head: Head, log: readonly LocatedBatch[]): readonly string[] {
  let nextOffset = world.sealedEnd
  const broken: string[] = []
  for (const batch of log) {
    if (batch.baseOffset !== nextOffset) broken.push(`I1: ${batch.baseOffset} follows ${nextOffset}`)
    nextOffset = batch.endOffset
  }
  if (nextOffset !== head.logEndOffset)
    broken.push(`I1: the log ends at ${head.logEndOffset}, its batches at ${nextOffset}`)
  return broken
}

/** I12: what was below the high watermark once stays in the log, but for an unclean election. */
function lost(world: World, log: readonly LocatedBatch[], { unclean }: Command): readonly string[] {
  if (unclean) return []
  const ids = new Set(log.map(batchId))
  return [...world.committed].filter((id) => !ids.has(id)).map((id) => `I12: lost ${id}`)
}

/** I2: what the high watermark passes is on minIsr replicas; one that was wiped, and is not known to be, had it. */
function tooFewCopies(
  world: World,
  { before, after }: Step,
  log: readonly LocatedBatch[],
): readonly string[] {
  const passed = log.filter(
    ({ endOffset }) => endOffset > before.highWatermark && endOffset <= after.highWatermark,
  )
  return passed.flatMap((batch) => {
    const having = after.replicas.filter((replica) =>
      isCurrent(world, replica) ? hasBatch(bucketOf(world, replica), batch) : after.isr.includes(replica),
    )
    return having.length >= after.minIsr
      ? []
      : [`I2: ${batch.baseOffset} is committed with ${having.length} copies`]
  })
}

/** I3: what never falls. Of a log that is truncated to nothing no producer is known any more. */
function falls({ before, after, command }: Step): readonly string[] {
  const isEmptied = after.logEndOffset === 0 && before.logEndOffset > 0
  const names = ['leaderEpoch', 'partitionEpoch', 'controllerEpoch', 'logStartOffset', 'sealedEnd'] as const
  const never = command.unclean ? names : ([...names, 'highWatermark'] as const)
  return [
    ...never.filter((name) => after[name] < before[name]).map((name) => `I3: ${name} fell`),
    ...Object.keys(before.producers)
      .filter(
        (producer) => !isEmptied && epochOfProducer(after, producer) < epochOfProducer(before, producer),
      )
      .map((producer) => `I3: the epoch of producer ${producer} fell`),
  ]
}

function epochOfProducer({ producers }: Head, producer: string): number {
  return unpackProducerState(producers[producer] ?? 0).producerEpoch
}

/** I4: the leader is in the ISR and lacks nothing. */
function leadership(head: Head): readonly string[] {
  if (head.leader === undefined) return []
  const leads = head.isr.includes(head.leader) && head.holeStart[head.leader] === undefined
  return leads ? [] : [`I4: ${head.leader} leads`]
}

/** I5, I14. */
function wrongHighWatermark({ before, after, command }: Step): readonly string[] {
  if (after.highWatermark > after.logEndOffset) return ['I14: high watermark beyond the log end']
  const old = command.unclean ? Math.min(before.highWatermark, after.logEndOffset) : before.highWatermark
  const expected =
    after.isr.length < after.minIsr
      ? old
      : Math.max(old, Math.min(...after.isr.map((replica) => logEndOf(after, replica))))
  return after.highWatermark === expected
    ? []
    : [`I14: high watermark is ${after.highWatermark} instead of ${expected}`]
}

/** I6: a clean election's winner holds all below the high watermark. */
function dirtyElection({ before, after, command }: Step): readonly string[] {
  if (before.leader !== undefined || after.leader === undefined || command.unclean) return []
  return logEndOf(before, after.leader) >= before.highWatermark ? [] : [`I6: ${after.leader} won`]
}

/** I7: a producer's sequences follow each other, and what is stored of it is the last one. */
function producers(head: Head, log: readonly LocatedBatch[]): readonly string[] {
  const broken: string[] = []
  const next = new Map<string, { producerEpoch: number; nextSequence: number; baseOffset: number }>()
  for (const { reference, baseOffset } of log) {
    const { sequence, recordCount } = reference
    if (sequence === undefined) continue
    const { producerEpoch, baseSequence } = sequence
    const producer = producerKey(sequence.producerId)
    const last = next.get(producer)
    const expected = last?.producerEpoch === producerEpoch ? last.nextSequence : 0
    if (baseSequence !== expected || producerEpoch < (last?.producerEpoch ?? 0))
      broken.push(`I7: sequence ${baseSequence} of ${producer} at ${baseOffset} follows ${expected}`)
    next.set(producer, { producerEpoch, nextSequence: sequenceAfter(baseSequence, recordCount), baseOffset })
  }
  for (const [producer, last] of next) {
    const stored = head.producers[producer]
    // Batches of newer epochs were truncated: the epoch stays, and begins anew.
    const { producerEpoch, nextSequence } = unpackProducerState(stored ?? 0)
    const begunAnew = producerEpoch > last.producerEpoch && nextSequence === 0
    if (stored !== packProducerState(last) && !begunAnew)
      broken.push(`I7: ${producer} is stored as ${stored}, its last batch is at ${last.baseOffset}`)
    const offset = head.producerOffsets[producer] ?? -1
    // After a truncation it may only be known to be before that.
    if (offset < last.baseOffset) broken.push(`I7: ${producer} is stored at ${offset}`)
  }
  for (const [producer, stored] of Object.entries(head.producers))
    if (!next.has(producer) && unpackProducerState(stored).nextSequence !== 0)
      broken.push(`I7: ${producer} is stored as ${stored} but has no batch`)
  return broken
}

/** I15: each replica has all that it is said to have. */
function untrueLogEnds(world: World, head: Head, log: readonly LocatedBatch[]): readonly string[] {
  return head.replicas
    .filter((replica) => isCurrent(world, replica))
    .flatMap((replica) => {
      const held = log.filter(({ endOffset }) => endOffset <= logEndOf(head, replica))
      const lacking = held.find((batch) => !hasBatch(bucketOf(world, replica), batch))
      return lacking === undefined ? [] : [`I15: ${replica} lacks ${lacking.baseOffset}`]
    })
}

/** What replicas in sync or joining lack is finite, what the others lack grows; nobody else has a hole. */
function misshapenHoles(head: Head): readonly string[] {
  const { replicas, isr, joining, holeStart, holeEnd, holeSince, logEndOffset } = head
  const outside = outsiders(head)
  const named = new Set([...isr, ...joining, ...outside])
  return [
    ...(named.size === replicas.length && named.size === isr.length + joining.length + outside.length
      ? []
      : ['ISR and joining list are not of the replicas']),
    ...replicas
      .filter((replica) => !hasProperHole(head, replica))
      .map(
        (replica) => `hole of ${replica} is ${holeStart[replica]} to ${holeEnd[replica]} of ${logEndOffset}`,
      ),
    ...Object.keys({ ...holeStart, ...holeEnd, ...holeSince })
      .filter((replica) => !replicas.includes(replica))
      .map((replica) => `${replica} has a hole but is no replica`),
  ]
}

function hasProperHole(head: Head, replica: string): boolean {
  const start = head.holeStart[replica]
  const end = head.holeEnd[replica]
  const isWritten = head.isr.includes(replica) || head.joining.includes(replica)
  if (start === undefined) return end === undefined && head.isr.includes(replica)
  if (head.holeSince[replica] === undefined) return false
  return end === undefined ? !isWritten : isWritten && start <= end && end <= head.logEndOffset
}

/** H19: a partition without a leader, with batches to seal, or that somebody lacks something of, is listed; a new hole as due now. */
function unlisted({ before, after }: Step, nowMs: number): readonly string[] {
  const { leader, logEndOffset, sealedEnd, holeStart, dueAtMs } = after
  const waits = leader === undefined || logEndOffset > sealedEnd || Object.keys(holeStart).length > 0
  if (waits && dueAtMs === undefined) return ['H19: has work to do but is not listed']
  const isNew = Object.keys(holeStart).some((replica) => before.holeStart[replica] === undefined)
  return isNew && (dueAtMs ?? 0) > nowMs ? [`H19: a new hole waits until ${dueAtMs}`] : []
}

/** C6, H12: epochs and their starts rise together up to the log end, and the tail holds what is valid only. */
function leftovers(head: Head): readonly string[] {
  const starts = Object.entries(head.lineage)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, start]) => start)
  const rises = starts.every((start, index) => start <= (starts[index + 1] ?? head.logEndOffset))
  return [
    ...(rises ? [] : [`epochs begin at ${starts} of ${head.logEndOffset}`]),
    ...(locateTail(head).length === Object.keys(head.tail).length
      ? []
      : ['the tail holds what was truncated']),
  ]
}
