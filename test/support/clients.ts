import type { ErrorName } from '../../shared/protocol/error-table.ts'
import type { Deps } from '../../shared/service/deps.ts'
import { batchOf, type Produced, produceOne, type SeenBatch } from './log-requests.ts'

/** What became of one batch that a client sent, once or several times. */
export interface SentBatch {
  readonly value: string
  readonly recordCount: number
  readonly isIdempotent: boolean
  /** Answered without an error; `offset` unknown for a duplicate that is no longer found. */
  acknowledged: { readonly offset: number | undefined } | undefined
  /** Every try so far was answered with effect none. */
  hadNoEffect: boolean
}

/** Clients of one partition and all they ever sent. */
export interface Clients {
  readonly sent: SentBatch[]
  /** A batch without a sequence, sent once. */
  send(deps: Deps): Promise<void>
  /** The pending batch of an idempotent producer, or its next one; sent again as it is until it is acknowledged. */
  sendSequenced(deps: Deps, producerId: number): Promise<void>
  /** The same, from several environments at once, as after a time-out on the way. */
  sendSequencedTwice(deps: readonly [Deps, Deps], producerId: number): Promise<void>
  /** Producers with a batch that is not acknowledged yet. */
  pending(): readonly number[]
}

/** What a client does not repeat for: a bug, where each producer has one batch under way. */
const ALLOWED: readonly ErrorName[] = [
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'LEADER_NOT_AVAILABLE',
]

/** Clients that have sent nothing yet; `acks` of all their requests, and what the values of all their batches begin with. */
export function newClients(acks: -1 | 1, prefix = 'b'): Clients {
  const sent: SentBatch[] = []
  const producers = new Map<number, { nextSequence: number; pending: SentBatch | undefined }>()

  const newBatch = (isIdempotent: boolean): SentBatch => {
    const recordCount = 1 + (sent.length % 3)
    const value = `${prefix}${sent.length}`
    const batch: SentBatch = { value, recordCount, isIdempotent, acknowledged: undefined, hadNoEffect: true }
    sent.push(batch)
    return batch
  }

  const judge = (batch: SentBatch, answer: Produced): void => {
    const isDuplicate = answer.errorName === 'DUPLICATE_SEQUENCE_NUMBER' && batch.isIdempotent
    if (answer.errorName === undefined || isDuplicate) {
      batch.acknowledged ??= { offset: isDuplicate ? undefined : answer.baseOffset }
      return
    }
    if (!ALLOWED.includes(answer.errorName))
      throw new Error(`unexpected ${answer.errorName} batch=${batch.value}`)
    if (answer.effect !== 'none') batch.hadNoEffect = false
  }

  const sendSequenced = async (environments: readonly Deps[], producerId: number): Promise<void> => {
    const producer = producers.get(producerId) ?? { nextSequence: 0, pending: undefined }
    producers.set(producerId, producer)
    producer.pending ??= newBatch(true)
    const batch = producer.pending
    const baseSequence = producer.nextSequence
    const bytes = batchOf(batch.recordCount, {
      value: batch.value,
      producer: { producerId, producerEpoch: 0, baseSequence },
    })
    const answers = await Promise.all(environments.map((deps) => produceOne(deps, bytes, { acks })))
    for (const answer of answers) judge(batch, answer)
    if (batch.acknowledged === undefined) return
    producer.nextSequence += batch.recordCount
    producer.pending = undefined
  }

  return {
    sent,
    send: async (deps) => {
      const batch = newBatch(false)
      judge(batch, await produceOne(deps, batchOf(batch.recordCount, { value: batch.value }), { acks }))
    },
    sendSequenced: (deps, producerId) => sendSequenced([deps], producerId),
    sendSequencedTwice: sendSequenced,
    pending: () => [...producers].filter(([, { pending }]) => pending !== undefined).map(([id]) => id),
  }
}

/** Which promises a log breaks to its clients, once nothing is under way any more. */
export function brokenPromises(sent: readonly SentBatch[], log: readonly SeenBatch[]): readonly string[] {
  const broken: string[] = []
  for (const batch of sent) {
    const found = log.filter(({ value }) => value === batch.value)
    const { acknowledged } = batch
    if (found.length > 1) broken.push(`${batch.value} is there ${found.length} times`)
    if (found.some(({ recordCount }) => recordCount !== batch.recordCount))
      broken.push(`${batch.value} is not whole`)
    if (acknowledged === undefined) {
      if (found.length > 0 && batch.hadNoEffect) broken.push(`${batch.value} is there, but had no effect`)
    } else if (found.length === 0) {
      broken.push(`${batch.value} was acknowledged and is lost`)
    } else if (acknowledged.offset !== undefined && found[0]?.baseOffset !== acknowledged.offset) {
      broken.push(`${batch.value} was acknowledged at ${acknowledged.offset}, is at ${found[0]?.baseOffset}`)
    }
  }
  return broken
}
