import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { ABANDONED, produceBody, produceOnce } from './raw-client.ts'
import type { SeededRandom } from './seeded-random.ts'

/** A batch that a producer sends until it is acknowledged, and what it was told of it. */
export interface SentBatch {
  readonly producer: number
  readonly lines: readonly Buffer[]
  /** Keys of its records, which no other record of the topic has. */
  readonly keys: readonly string[]
  /** Times that its effect stayed unknown: the service was killed under the request, or the producer left it. */
  unknown: number
  /** The latter of these. */
  abandoned: number
  /** Undefined until it is acknowledged; `known before` when the service no longer knows where it is. */
  baseOffset: number | 'known before' | undefined
}

/** A service until it is killed. */
export interface Life {
  readonly endpoint: string
}

/** The service as producers see it: one life after the other. */
export interface Lives {
  /** A life other than `dead`, as soon as there is one; rejects when nobody killed that one. */
  next(dead: Life | undefined): Promise<Life>
  /** Whether to send no new batches. */
  isOver(): boolean
  acknowledged(): void
  refused(errorName: string): void
}

/** What one of the connections produces. */
export interface ProducerPlan {
  readonly producer: number
  readonly topic: string
  readonly lines: readonly Buffer[]
  readonly random: SeededRandom
  readonly isIdempotent: boolean
}

/**
 * One batch in so many is large: its copies are written off the event loop, where other requests, and kills, come in
 * between. The others are too small for that.
 */
const LARGE_ONE_IN = 6
const LARGE_LINES = { min: 1200, max: 2400 }
const SMALL_LINES = { min: 1, max: 8 }
/** One request in so many is left without its answer, after so long at most. */
const ABANDONED_ONE_IN = 8
const MAX_PATIENCE_MS = 6
/** Refusals of one batch that may follow each other while the service lives: they are retriable, but not for ever. */
const MAX_REFUSALS = 100
const KNOWN_BEFORE = 'DUPLICATE_SEQUENCE_NUMBER'

/**
 * One connection with one batch in flight: each is sent again, to the next life of the service if this one broke off,
 * until it is acknowledged. Now and then it does not wait for the answer and sends the batch again at once. Ends when it
 * is over and nothing is in flight.
 */
export async function runProducer(plan: ProducerPlan, lives: Lives): Promise<SentBatch[]> {
  const sent: SentBatch[] = []
  let baseSequence = 0
  let life: Life | undefined
  while (!lives.isOver()) {
    const batch = nextBatch(plan, sent.length)
    const body = produceBody(plan.topic, encode(plan, batch, baseSequence))
    sent.push(batch)
    baseSequence += batch.lines.length
    life = await sendUntilAcknowledged(batch, body, {
      lives,
      life: life ?? (await lives.next(undefined)),
      random: plan.random,
    })
  }
  return sent
}

async function sendUntilAcknowledged(
  batch: SentBatch,
  body: Buffer<ArrayBuffer>,
  service: { readonly lives: Lives; readonly life: Life; readonly random: SeededRandom },
): Promise<Life> {
  const { lives, random } = service
  let { life } = service
  for (let refusals = 0; refusals < MAX_REFUSALS; ) {
    const isPatient = random.integer(1, ABANDONED_ONE_IN) > 1
    const abandonAfterMs = isPatient ? undefined : random.integer(0, MAX_PATIENCE_MS)
    const outcome = await produceOnce(life.endpoint, body, { abandonAfterMs })
    if (outcome.kind === 'acknowledged') {
      batch.baseOffset = outcome.baseOffset
      lives.acknowledged()
      return life
    }
    if (outcome.errorName === KNOWN_BEFORE) {
      batch.baseOffset = 'known before'
      return life
    }
    if (outcome.kind === 'unknown') batch.unknown += 1
    if (outcome.errorName === ABANDONED) {
      batch.abandoned += 1
    } else if (outcome.kind === 'unknown' || outcome.errorName === 'ECONNREFUSED') {
      life = await lives.next(life)
    } else {
      refusals += 1
      lives.refused(outcome.errorName)
    }
  }
  throw new Error(`refused too often batch=${batch.keys[0]} refusals=${MAX_REFUSALS}`)
}

function nextBatch({ producer, lines, random }: ProducerPlan, number: number): SentBatch {
  const { min, max } = random.integer(1, LARGE_ONE_IN) === 1 ? LARGE_LINES : SMALL_LINES
  const count = random.integer(min, max)
  const start = random.integer(0, lines.length - count)
  return {
    producer,
    lines: lines.slice(start, start + count),
    keys: Array.from({ length: count }, (_, position) => `${producer}/${number}/${position}`),
    unknown: 0,
    abandoned: 0,
    baseOffset: undefined,
  }
}

function encode(plan: ProducerPlan, batch: SentBatch, baseSequence: number): Uint8Array {
  const records = batch.lines.map((value, position) => ({
    key: Buffer.from(batch.keys[position] ?? ''),
    value,
    headers: [],
    timestamp: Date.now(),
  }))
  const producer = { producerId: 1000 + plan.producer, producerEpoch: 0, baseSequence }
  return encodeBatch({
    records,
    compression: 'none',
    codecs: nodeCodecs,
    ...(plan.isIdempotent ? { producer } : {}),
  })
}
