import { type Head, isCommitted, type LocatedBatch } from '../core/head.ts'
import type { Refusal } from '../core/head-answer.ts'
import { replicasToFill } from '../core/replica.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import {
  type Appending,
  type Attempt,
  awaitPredecessor,
  judgeSequenceNow,
  judgeUnknownProducer,
  tryAppend,
} from './append-attempt.ts'
import { awaitCommit, withoutLaggards } from './await-commit.ts'
import { copyToReplicas } from './copy-batch.ts'
import type { Deps } from './deps.ts'
import { findDuplicate } from './find-batch.ts'
import { partitionName, requireHead } from './heads.ts'
import { makeRoom } from './make-room.ts'
import { pageTailWhenDue } from './page-tail.ts'
import type { ProduceTerms } from './prepare-batch.ts'
import { asKafkaError } from './rows.ts'
import { makeRoomForProducer, type SpillBudget } from './spill-producer.ts'
import { wakeCatchUp } from './wake.ts'
import { type CopiedBatch, placeInWal } from './wal-copies.ts'

/** A batch that is in the log, and the head that says so. */
export interface Appended {
  readonly head: Head
  readonly batch: LocatedBatch
}

/**
 * Copies a batch to the replicas and commits it with one conditional write of the head; after a refusal it does what the
 * refusal calls for and tries again. With acks=all it then waits for the high watermark. A topic that is gone is the
 * caller's to look up anew: undefined.
 *
 * @throws KafkaError of `copyToReplicas`, when nothing was appended
 * @throws KafkaError OUT_OF_ORDER_SEQUENCE_NUMBER, DUPLICATE_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH for an idempotent producer
 * @throws KafkaError REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND when the batch may be in the log and may be lost again
 */
export async function appendBatch(
  deps: Deps,
  copied: CopiedBatch,
  terms: ProduceTerms,
): Promise<Appended | undefined> {
  const giveUpAtMs = deps.clock.nowMs() + terms.timeoutMs
  const appending: Appending = { deps, terms, copied, head: copied.batch.head, inDoubt: false }
  try {
    const appended = await appendUntilDone(appending)
    if (appended === undefined) {
      if (appending.inDoubt) throw gone(appending)
      return undefined
    }
    if (terms.acks !== -1) return appended
    appending.inDoubt = true
    const { batch } = appended
    const { partition } = copied.batch
    return { head: await awaitCommit({ deps, partition, batch, giveUpAtMs }, appended.head), batch }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    // Whatever a try was waiting for or making room for, the head was not there any more.
    if (!appending.inDoubt && error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    // An earlier try may have been applied, or may be yet: after it no definite answer can be given.
    if (!appending.inDoubt || error.effect === 'unknown') throw error
    throw new KafkaError('REQUEST_TIMED_OUT', `append may have taken effect: ${error.message}`, {
      cause: error,
    })
  }
}

async function appendUntilDone(appending: Appending): Promise<Appended | undefined> {
  const { deps } = appending
  const budget: SpillBudget = { triesLeft: deps.limits.maxSpillTries }
  for (let tries = 0; tries < deps.limits.maxAppendTries; tries += 1) {
    const outcome = await attempt(appending)
    switch (outcome.because) {
      case 'appended':
        await afterAppend(appending, outcome)
        return outcome
      case 'applied':
        return { head: appending.head, batch: outcome.batch }
      case 'gone':
        return undefined
      case 'duplicate': {
        const original = await originalOf(appending)
        if (original !== undefined) return original
        break
      }
      default:
        if (outcome.because === 'error' || tries + 1 < deps.limits.maxAppendTries) {
          await prepareNextTry(appending, outcome, budget)
        }
    }
  }
  throw new KafkaError('KAFKA_STORAGE_ERROR', `head changed at every try partition=${nameOf(appending)}`)
}

/** One try: copies, then the write. What is stored of a producer that the head does not have is read beside the copies. */
async function attempt(appending: Appending): Promise<Attempt> {
  const { head } = appending
  const [copied, judged] = await Promise.allSettled([
    copyToReplicas(appending),
    judgeUnknownProducer(appending),
  ])
  if (copied.status === 'rejected') throw copied.reason
  if (judged.status === 'rejected') throw judged.reason
  // The head that the append is planned by must have been read before the producer's document.
  const refusal = appending.head === head ? judged.value : await judgeUnknownProducer(appending)
  return refusal ?? tryAppend(appending, copied.value)
}

/**
 * What a head that was just appended to calls for besides. The batch is in the log: a failure is only logged, and the next
 * append, or who looks after what is due, makes up for it.
 */
async function afterAppend({ deps, copied, terms }: Appending, { head, batch }: Appended): Promise<void> {
  const { partition } = copied.batch
  await pageTailWhenDue(deps, partition, head)
  // Who waits for the high watermark looks after what holds it.
  if (terms.acks === -1 && !isCommitted(head, batch)) return
  if (replicasToFill(head).length > 0) await wakeCatchUp(deps, partition)
  try {
    await withoutLaggards(deps, partition, head)
  } catch (thrown) {
    const { message } = asKafkaError(deps, thrown)
    deps.log.warn('laggards did not leave the ISR', { partition: partitionName(partition), error: message })
  }
}

/** Does what a refusal calls for; the next try then plans by `appending.head`. */
async function prepareNextTry(
  appending: Appending,
  refusal: Exclude<Refusal, { because: 'applied' | 'gone' | 'duplicate' }>,
  budget: SpillBudget,
): Promise<void> {
  const { deps, terms, copied } = appending
  const { partition } = copied.batch
  switch (refusal.because) {
    case 'error':
      throw new KafkaError(refusal.errorName, `${refusal.message} partition=${nameOf(appending)}`)
    case 'gap':
      return awaitPredecessor(appending)
    case 'collected':
      appending.copied =
        placeInWal(copied.copies.puts, [{ ...copied.batch, head: appending.head }])[0] ?? copied
      return
    case 'full':
      appending.head = await makeRoom(deps, partition, appending.head)
      return
    case 'crowded':
      appending.head = await makeRoomForProducer(deps, partition, appending.head, {
        producerId: copied.batch.header.producerId,
        timeoutMs: terms.timeoutMs,
        budget,
      })
      return
    case 'moved':
      return
  }
}

/**
 * Where the first try of a client's repeated batch stands; undefined when an election took it back since it was found to
 * be a duplicate: then it is appended anew.
 */
async function originalOf(appending: Appending): Promise<Appended | undefined> {
  const { deps, copied } = appending
  const { partition, header } = copied.batch
  const head = await requireHead(deps, partition)
  const batch = await findDuplicate(deps, partition, head, header)
  if (batch !== undefined) return { head, batch }
  // A client takes the answer below for success: only the head that does not have the batch can say that it once did.
  appending.head = head
  const judged = await judgeSequenceNow(appending)
  if (judged?.because !== 'duplicate') return undefined
  throw new KafkaError(
    judged.ifUnknown,
    `batch was appended before if at all, its offset is not known partition=${nameOf(appending)} producerId=${header.producerId} baseSequence=${header.baseSequence}`,
  )
}

function gone(appending: Appending): KafkaError {
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic was deleted partition=${nameOf(appending)}`)
}

function nameOf({ copied }: Appending): string {
  return partitionName(copied.batch.partition)
}
