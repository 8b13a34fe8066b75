import { type BatchReference, type BatchSequence, packReference } from '../core/batch-reference.ts'
import { type Head, type LocatedBatch, locate } from '../core/head.ts'
import { explainRefusedAppend, explainSequence, explainState, type Refusal } from '../core/head-answer.ts'
import { append, type PlannedAppend } from '../core/head-commands.ts'
import { producerKey } from '../core/producer-state.ts'
import type { BatchHeader } from '../protocol/batch-header.ts'
import { assert, KafkaError } from '../protocol/kafka-error.ts'
import { throwIfAnswered } from './deadline.ts'
import type { Deps } from './deps.ts'
import { findReference } from './find-batch.ts'
import { partitionName, requireHead, updateHead } from './heads.ts'
import type { ProduceTerms } from './prepare-batch.ts'
import { readSpilledProducer } from './spill-producer.ts'
import { spilledState } from './spilled-state.ts'
import type { CopiedBatch } from './wal-copies.ts'

/** An append under way: what it is, and what was learnt so far. */
export interface Appending {
  readonly deps: Deps
  readonly terms: ProduceTerms
  copied: CopiedBatch
  /** The head to plan the next try by: remembered, read, or the one that refused the last try. */
  head: Head
  /** Whether the batch may be in the log: the outcome of an earlier try is unknown, or it was found there. */
  inDoubt: boolean
}

/** What one try came to. */
export type Attempt =
  | { readonly because: 'appended'; readonly head: Head; readonly batch: LocatedBatch }
  | Refusal

/** How long a batch may stay unsealed: storage nodes cost more than the regional bucket. */
const SEAL_AFTER_MS = 3_600_000

/**
 * Judges the batch of a producer that `appending.head` does not have by the producer's own document, which is read
 * after that head; undefined when the head is to judge.
 */
export async function judgeUnknownProducer({ deps, copied, head }: Appending): Promise<Refusal | undefined> {
  const sequence = sequenceOf(copied.batch.header)
  if (sequence === undefined) return undefined
  const producer = producerKey(sequence.producerId)
  if (head.producers[producer] !== undefined) return undefined
  const spilled = await readSpilledProducer(deps, copied.batch.partition, producer)
  const state =
    spilled === undefined
      ? undefined
      : await spilledState(deps, copied.batch.partition, head, { producer, spilled })
  return explainState(state, { sequence, recordCount: copied.batch.header.recordCount })
}

/** Judges the batch's sequence by `appending.head`, or by the producer's own document; undefined when it may be the next one. */
export async function judgeSequenceNow(appending: Appending): Promise<Refusal | undefined> {
  const { copied, head } = appending
  const { header } = copied.batch
  const sequence = sequenceOf(header)
  if (sequence === undefined) return undefined
  const refusal = explainSequence(head, { sequence, recordCount: header.recordCount })
  return refusal ?? judgeUnknownProducer(appending)
}

/**
 * One conditional write of the head, by which the replicas `missed` have the batch not; a refusal leaves the head that
 * refused in `appending.head`.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when the request was answered by now
 */
export async function tryAppend(appending: Appending, missed: readonly string[]): Promise<Attempt> {
  const { deps, copied } = appending
  const { partition } = copied.batch
  throwIfAnswered(deps)
  const planned = plan(appending, missed)
  try {
    const verdict = await updateHead(deps, partition, append(planned))
    if (verdict.applied) return appended(verdict.head, planned.reference)
    if (verdict.head !== undefined) appending.head = verdict.head
    return explainRefusedAppend(verdict.head, planned)
  } catch (error) {
    if (!(error instanceof KafkaError) || error.errorName !== 'REQUEST_TIMED_OUT') throw error
    appending.inDoubt = true
    return afterUnknownOutcome(appending, planned, error)
  }
}

/**
 * Waits until the batch before this one is in the log: batches of one producer that are in flight together may land
 * out of order. Polls by reads, since a refused write costs as much as one that is applied.
 *
 * @throws KafkaError OUT_OF_ORDER_SEQUENCE_NUMBER when it does not come
 */
export async function awaitPredecessor(appending: Appending): Promise<void> {
  const { deps, terms, copied } = appending
  const { partition, header } = copied.batch
  const giveUpAtMs = deps.clock.nowMs() + Math.min(deps.limits.earlyArrivalMs, terms.timeoutMs)
  assert(sequenceOf(header) !== undefined, 'only a batch with a sequence has a predecessor')
  // The head that judged may be one of long ago: none is refused before it was read once.
  for (;;) {
    appending.head = await requireHead(deps, partition)
    const refusal = await judgeSequenceNow(appending)
    if (refusal?.because !== 'gap') return
    if (deps.clock.nowMs() >= giveUpAtMs) {
      throw new KafkaError(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        `${refusal.message} partition=${partitionName(partition)}`,
      )
    }
    await deps.clock.sleep(deps.limits.earlyArrivalPollMs)
  }
}

/**
 * After a time-out the write may have been applied, or may be yet. The sequence of an idempotent producer fences both
 * copies, so it is simply sent again; any other batch is only looked for.
 *
 * @throws KafkaError REQUEST_TIMED_OUT when a batch without a sequence is not found
 */
async function afterUnknownOutcome(
  appending: Appending,
  planned: PlannedAppend,
  error: KafkaError,
): Promise<Attempt> {
  if (planned.reference.sequence !== undefined) return { because: 'moved' }
  const { deps, copied } = appending
  appending.head = await requireHead(deps, copied.batch.partition)
  const batch = await findReference(deps, copied.batch.partition, appending.head, {
    reference: planned.reference,
    fromOffset: planned.head.logEndOffset,
  })
  if (batch === undefined) throw error
  return { because: 'applied', batch }
}

function plan({ deps, copied, head }: Appending, missed: readonly string[]): PlannedAppend {
  const { header, bytes } = copied.batch
  const nowMs = deps.clock.nowMs()
  return {
    head,
    missed,
    nowMs,
    reference: {
      objectId: copied.copies.objectId,
      position: copied.position,
      length: bytes.length,
      recordCount: header.recordCount,
      leaderEpoch: head.leaderEpoch,
      maxTimestamp: header.maxTimestamp,
      sequence: sequenceOf(header),
    },
    dueAtMs: nowMs + SEAL_AFTER_MS,
    maxTailEntries: deps.limits.maxTailEntries,
    maxHeadProducers: deps.limits.maxHeadProducers,
  }
}

function appended(head: Head, reference: BatchReference): Attempt {
  const baseOffset = head.tail[packReference(reference)]
  assert(baseOffset !== undefined, 'an applied append stands in the tail')
  return { because: 'appended', head, batch: locate(reference, baseOffset) }
}

/** The identity of an idempotent producer's batch; undefined for any other. */
export function sequenceOf(header: BatchHeader): BatchSequence | undefined {
  if (header.producerId < 0) return undefined
  const { producerId, producerEpoch, baseSequence } = header
  return { producerId, producerEpoch, baseSequence }
}
