import { StratologError as Failure } from '../client/errors.ts'
import { type ProduceFrameHeader, rowError, type StratologError, type Transport } from '../client/index.ts'
import { backoffMs, waited } from '../client/retry.ts'
import type { Outcome } from './acknowledgements.ts'
import { type FoundTopic, findTopic } from './find-topic.ts'
import type { Leaders } from './leaders.ts'
import type { OutageNotice } from './outage-notice.ts'

/** One record batch, encoded, and where it goes. */
export interface EncodedBatch {
  readonly partition: number
  readonly bytes: Uint8Array
  /** Whether it may go to another partition: nobody chose this one, and no record has a key. */
  readonly isMovable: boolean
}

/** What all requests of one `produce` have in common. */
export interface DeliveryOptions {
  readonly topic: { readonly name: string; readonly topicId: string }
  readonly acks: number
  /** Once aborted, nothing is sent again: the request under way still ends. */
  readonly lastTry: AbortSignal
  /** Cuts off the request under way, too. */
  readonly signal: AbortSignal
  /** Told whether batches are sent again, and when all of them are written. */
  readonly onRows: OutageNotice
  /** Told what metadata says when a leader is missing. */
  readonly leaders: Leaders
}

/**
 * Produces batches of different partitions in one request, until each is acknowledged or has failed for good. Only
 * what certainly was not written is sent again, within the delivery time-out, and where it is movable and there is no
 * leader, to another partition; outcome i is that of batch i.
 */
export async function deliver(
  transport: Transport,
  batches: readonly EncodedBatch[],
  options: DeliveryOptions,
): Promise<Outcome[]> {
  const outcomes = new Map<EncodedBatch, Outcome>()
  const targets = new Map(batches.map((batch) => [batch, batch.partition]))
  const deadlineMs = transport.now() + transport.retry.deliveryTimeoutMs
  let pending = batches
  for (let failures = 1; pending.length > 0; failures += 1) {
    const sent = pending.map((batch) => ({ ...batch, partition: targets.get(batch) ?? batch.partition }))
    const results = await deliverOnce(transport, sent, { ...options, deadlineMs })
    for (const [index, batch] of pending.entries()) outcomes.set(batch, results[index] ?? unanswered(batch))
    const waitMs = backoffMs(transport.retry, { failures, retryAfterMs: undefined }, transport.random())
    pending = pending.filter((batch) => isRepeatable(outcomes.get(batch)))
    tell(options, results, pending[0] && outcomes.get(pending[0]))
    if (pending.length === 0 || transport.now() + waitMs >= deadlineMs) break
    if (!(await waited(transport, waitMs, options))) break
    const stranded = pending.filter((batch) => batch.isMovable && hasNoLeader(outcomes.get(batch)))
    if (stranded.length > 0 || pending.some((batch) => isAboutTopic(outcomes.get(batch)))) {
      const found = await sameTopic(transport, options)
      if (found === undefined) break
      options.leaders.update(found.partitions)
      move(stranded, targets, { found, taken: new Set(pending.map((batch) => targets.get(batch))) })
    }
  }
  return batches.map((batch) => outcomes.get(batch) ?? unanswered(batch))
}

/** Sends batches to partitions that have a leader and get nothing else in this request; as many as there are. */
function move(
  stranded: readonly EncodedBatch[],
  targets: Map<EncodedBatch, number>,
  to: { readonly found: FoundTopic; readonly taken: ReadonlySet<number | undefined> },
): void {
  const led = to.found.partitions.filter(({ leaderId }) => leaderId !== -1)
  const isLed = (partition: number | undefined) =>
    led.some(({ partitionIndex }) => partitionIndex === partition)
  const free = led.filter(({ partitionIndex }) => !to.taken.has(partitionIndex))
  for (const batch of stranded) {
    const next = isLed(targets.get(batch)) ? undefined : free.shift()
    if (next !== undefined) targets.set(batch, next.partitionIndex)
  }
}

/** What is not sent again is told by whoever is answered. */
function tell({ onRows }: DeliveryOptions, results: readonly Outcome[], repeated: Outcome | undefined): void {
  const isWritten = results.every((outcome) => 'baseOffset' in outcome)
  if (repeated !== undefined || isWritten) onRows(errorOf(repeated))
}

/** The topic that was meant; undefined once it was deleted, and maybe created anew, or when that cannot be said. */
async function sameTopic(transport: Transport, options: DeliveryOptions): Promise<FoundTopic | undefined> {
  const { topic, lastTry } = options
  try {
    const found = await findTopic(transport, topic.name, lastTry)
    return found?.topicId === topic.topicId ? found : undefined
  } catch (error) {
    if (lastTry.aborted || error instanceof Failure) return undefined // what was not written is known already
    throw error
  }
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
      { signal: options.signal, lastTry: options.lastTry, deadlineMs: options.deadlineMs },
    )
    return (answer.topics[0]?.partitions ?? []).map((row) => {
      const error = rowError(row)
      const { partitionIndex: partition, baseOffset } = row
      return error === undefined ? { partition, baseOffset } : { error }
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

function errorOf(outcome: Outcome | undefined): StratologError | undefined {
  return outcome !== undefined && 'error' in outcome ? outcome.error : undefined
}

function hasNoLeader(outcome: Outcome | undefined): boolean {
  return errorOf(outcome)?.errorName === 'LEADER_NOT_AVAILABLE'
}

function isAboutTopic(outcome: Outcome | undefined): boolean {
  const errorName = errorOf(outcome)?.errorName ?? ''
  return ['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID'].includes(errorName)
}

function unanswered(batch: EncodedBatch): Outcome {
  const message = `the service did not answer for every batch partition=${batch.partition}`
  return { error: new Failure('UNKNOWN_SERVER_ERROR', message, { retriable: false, effect: 'unknown' }) }
}
