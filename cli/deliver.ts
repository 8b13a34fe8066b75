import { StratologError as Failure } from '../client/errors.ts'
import { type ProduceFrameHeader, rowError, type StratologError, type Transport } from '../client/index.ts'
import { backoffMs } from '../client/retry.ts'
import type { Outcome } from './acknowledgements.ts'
import { findTopic } from './find-topic.ts'

/** One record batch, encoded, and where it goes. */
export interface EncodedBatch {
  readonly partition: number
  readonly bytes: Uint8Array
}

/** What all requests of one `produce` have in common. */
export interface DeliveryOptions {
  readonly topic: { readonly name: string; readonly topicId: string }
  readonly acks: number
  readonly signal: AbortSignal
}

/**
 * Produces batches of different partitions in one request, until each is acknowledged or has failed for good. Only
 * what certainly was not written is sent again, within the delivery time-out; outcome i is that of batch i.
 */
export async function deliver(
  transport: Transport,
  batches: readonly EncodedBatch[],
  options: DeliveryOptions,
): Promise<Outcome[]> {
  const outcomes = new Map<EncodedBatch, Outcome>()
  const deadlineMs = transport.now() + transport.retry.deliveryTimeoutMs
  let pending = batches
  for (let failures = 1; pending.length > 0; failures += 1) {
    const results = await deliverOnce(transport, pending, { ...options, deadlineMs })
    for (const [index, batch] of pending.entries()) outcomes.set(batch, results[index] ?? unanswered(batch))
    const waitMs = backoffMs(transport.retry, { failures, retryAfterMs: undefined }, transport.random())
    const { topic, signal } = options
    pending = pending.filter((batch) => isRepeatable(outcomes.get(batch)))
    if (pending.length === 0 || transport.now() + waitMs >= deadlineMs) break
    await transport.sleep(waitMs, signal)
    if (pending.some((batch) => isAboutTopic(outcomes.get(batch)))) {
      const found = await findTopic(transport, topic.name, signal)
      if (found?.topicId !== topic.topicId) break // deleted, and maybe created anew: not the topic that was meant
    }
  }
  return batches.map((batch) => outcomes.get(batch) ?? unanswered(batch))
}

async function deliverOnce(
  transport: Transport,
  batches: readonly EncodedBatch[],
  options: DeliveryOptions & { readonly deadlineMs: number },
): Promise<Outcome[]> {
  const partitions = batches.map(({ partition, bytes }) => ({
    partitionIndex: partition,
    byteLength: bytes.length,
  }))
  const header: ProduceFrameHeader = { acks: options.acks, topics: [{ ...options.topic, partitions }] }
  try {
    const answer = await transport.callFrame(
      'produce',
      header,
      batches.map(({ bytes }) => bytes),
      { signal: options.signal, deadlineMs: options.deadlineMs },
    )
    return (answer.topics[0]?.partitions ?? []).map((row) => {
      const error = rowError(row)
      return error === undefined ? { baseOffset: row.baseOffset } : { error }
    })
  } catch (error) {
    const failure = error instanceof Failure ? error : interrupted(error, options.signal)
    return batches.map(() => ({ error: failure }))
  }
}

/** A request that was cut off may have arrived. */
function interrupted(error: unknown, signal: AbortSignal): StratologError {
  if (!signal.aborted) throw error
  const message = 'interrupted before the service answered'
  return new Failure('NETWORK_EXCEPTION', message, { retriable: false, effect: 'unknown', cause: error })
}

function isRepeatable(outcome: Outcome | undefined): boolean {
  return (
    outcome !== undefined &&
    'error' in outcome &&
    outcome.error.retriable &&
    outcome.error.effect === 'none' &&
    outcome.error.httpStatus === 200 // a row's; whole requests are repeated by the transport
  )
}

function isAboutTopic(outcome: Outcome | undefined): boolean {
  const errorName = outcome !== undefined && 'error' in outcome ? outcome.error.errorName : ''
  return ['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID'].includes(errorName)
}

function unanswered(batch: EncodedBatch): Outcome {
  const message = `the service did not answer for every batch partition=${batch.partition}`
  return { error: new Failure('UNKNOWN_SERVER_ERROR', message, { retriable: false, effect: 'unknown' }) }
}
