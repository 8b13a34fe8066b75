import { type Head, isCommitted, type LocatedBatch } from '../core/head.ts'
import type { Refusal } from '../core/head-answer.ts'
import type { ErrorName } from '../protocol/error-table.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import {
  type Appending,
  awaitPredecessor,
  copyToReplicas,
  judgeUnknownProducer,
  tryAppend,
} from './append-attempt.ts'
import type { Deps } from './deps.ts'
import { findDuplicate } from './find-batch.ts'
import { partitionName, requireHead } from './heads.ts'
import { pageTail, pageTailWhenDue } from './page-tail.ts'
import type { ProduceTerms } from './prepare-batch.ts'
import { spillOneProducer } from './spill-producer.ts'
import { type CopiedBatch, placeInWal } from './wal-copies.ts'

/** A batch that is in the log, and the head that says so. */
export interface Appended {
  readonly head: Head
  readonly batch: LocatedBatch
}

/**
 * Copies a batch to every replica and commits it with one conditional write of the head; after a refusal it does what
 * the refusal calls for and tries again. A topic that is gone is the caller's to look up anew: undefined.
 *
 * @throws KafkaError NOT_ENOUGH_REPLICAS or, unless acks=all, KAFKA_STORAGE_ERROR when a replica could not be reached
 * @throws KafkaError OUT_OF_ORDER_SEQUENCE_NUMBER, DUPLICATE_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH for an idempotent producer
 * @throws KafkaError REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND when the batch may be in the log and may be lost again
 */
export async function appendBatch(
  deps: Deps,
  copied: CopiedBatch,
  terms: ProduceTerms,
): Promise<Appended | undefined> {
  const appending: Appending = { deps, terms, copied, head: copied.batch.head, inDoubt: false }
  try {
    const appended = await appendUntilDone(appending)
    if (appended !== undefined && terms.acks === -1) checkCommitted(appended, appending)
    if (appended === undefined && appending.inDoubt) throw gone(appending)
    return appended
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
  for (let tries = 0; tries < deps.limits.maxAppendTries; tries += 1) {
    await copyToReplicas(appending)
    const outcome = (await judgeUnknownProducer(appending)) ?? (await tryAppend(appending))
    switch (outcome.because) {
      case 'appended':
        await pageTailWhenDue(deps, appending.copied.batch.partition, outcome.head)
        return outcome
      case 'applied':
        return { head: appending.head, batch: outcome.batch }
      case 'gone':
        return undefined
      case 'duplicate':
        return originalOf(appending, outcome.ifUnknown)
      default:
        await prepareNextTry(appending, outcome)
    }
  }
  throw new KafkaError('KAFKA_STORAGE_ERROR', `head changed at every try partition=${nameOf(appending)}`)
}

/** Does what a refusal calls for; the next try then plans by `appending.head`. */
async function prepareNextTry(
  appending: Appending,
  refusal: Exclude<Refusal, { because: 'applied' | 'gone' | 'duplicate' }>,
): Promise<void> {
  const { deps, copied } = appending
  const { partition } = copied.batch
  switch (refusal.because) {
    case 'error':
      throw new KafkaError(refusal.errorName, `${refusal.message} partition=${nameOf(appending)}`)
    case 'gap':
      return awaitPredecessor(appending)
    case 'collected':
      appending.copied = placeInWal(deps, [{ ...copied.batch, head: appending.head }])[0] ?? copied
      return
    case 'full':
      appending.head = await pageTail(deps, partition, appending.head)
      return
    case 'crowded':
      appending.head = await spillOneProducer(deps, partition, appending.head)
      return
    case 'moved':
      return
  }
}

/** Where the first try of a client's repeated batch stands. */
async function originalOf(appending: Appending, ifUnknown: ErrorName): Promise<Appended> {
  const { deps, copied } = appending
  const { partition, header } = copied.batch
  const head = await requireHead(deps, partition)
  const batch = await findDuplicate(deps, partition, head, header)
  if (batch === undefined) {
    throw new KafkaError(
      ifUnknown,
      `batch was appended before if at all, its offset is not known partition=${nameOf(appending)} producerId=${header.producerId} baseSequence=${header.baseSequence}`,
    )
  }
  return { head, batch }
}

/** Success of acks=all is answered only from a head that vouches for it: the lineage has the batch, the high watermark is past it. */
function checkCommitted({ head, batch }: Appended, appending: Appending): void {
  if (isCommitted(head, batch)) return
  const facts = `partition=${nameOf(appending)} offset=${batch.baseOffset} highWatermark=${head.highWatermark}`
  if (head.isr.length < head.minIsr) {
    throw new KafkaError(
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      `too few replicas in sync after the append ${facts}`,
    )
  }
  throw new KafkaError('REQUEST_TIMED_OUT', `batch is not committed yet ${facts}`)
}

function gone(appending: Appending): KafkaError {
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic was deleted partition=${nameOf(appending)}`)
}

function nameOf({ copied }: Appending): string {
  return partitionName(copied.batch.partition)
}
