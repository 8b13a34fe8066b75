import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import { produce } from '../../shared/service/produce.ts'
import { type Company, NO_ANSWER, orThrown } from './company.ts'
import type { Operation, Place } from './history.ts'
import type { Topic } from './topics.ts'

/** How often an idempotent producer sends a batch. */
const MAX_TRIES = 12

/** The key of what was sent to whichever topic has the name: which one that was shows when it is read. */
export const namedKey = (name: string, partition: number): string => `?${name}/${partition}`

/** Sends of a producer once nothing fails any more, so far apart, of which one has to come through. */
const MAX_LAST_TRIES = 20
const LAST_RETRY_MS = 1000

/** A producer that goes on until something comes through; false when nothing does. */
type GoOn = () => Promise<boolean>

/** One producer, until `isOver`: it sends to all topics, and learns from errors which ones there are. */
export async function runProducer(company: Company, isOver: () => boolean): Promise<GoOn> {
  const { cluster, newProcess, newProducerId, newValue, pause } = company
  const { configuration, scheduler } = cluster
  const { random } = scheduler
  const isIdempotent = random.integer(1, 3) > 1
  const acks = ([-1, -1, -1, 1, 0] as const)[random.integer(0, 4)] ?? -1
  // Sequences belong to one topic, whatever its name.
  const usesIds = configuration.topicChanges
    ? isIdempotent || random.integer(0, 1) === 0
    : scheduler.chance(2)
  const known = new Map<string, Topic>()
  const nextSequence = new Map<string, number>()
  let process = newProcess()
  let producerId = newProducerId()
  let producerEpoch = 0

  const newSelf = () => {
    producerId = newProducerId()
    producerEpoch = 0
    nextSequence.clear()
  }
  const newEpoch = () => {
    producerEpoch += 1
    nextSequence.clear()
    cluster.count('producer epochs bumped')
  }

  /** Some batches of one partition at once; answers whether all of them came through. */
  const sendSome = async (): Promise<boolean> => {
    const name = scheduler.pick(configuration.topics as [string, ...string[]])
    const topic = (scheduler.chance(30) ? undefined : known.get(name)) ?? (await company.lookUp(name))
    if (topic === undefined) {
      known.delete(name)
      await pause(random.integer(20, 200))
      return false
    }
    known.set(name, topic)
    const partition = random.integer(0, topic.partitions - 1)
    const own = `${topic.topicId}/${partition}`
    const isByName = configuration.topicChanges && !usesIds
    const key = isByName ? namedKey(name, partition) : own
    let baseSequence = nextSequence.get(own) ?? 0
    const prepare = () => {
      const sent: Place[] = Array.from({ length: random.integer(1, 3) }, () => [null, newValue()])
      const operation = company.begin({ process, f: 'send', key, acks, isIdempotent, values: sent })
      const records = sent.map(([, value]) => ({
        key: null,
        value: new TextEncoder().encode(value),
        headers: [],
        timestamp: scheduler.nowMs(),
      }))
      const batch = encodeBatch({
        records,
        compression: 'none',
        codecs: nodeCodecs,
        ...(isIdempotent ? { producer: { producerId, producerEpoch, baseSequence } } : {}),
      })
      const isFirst = baseSequence === 0
      baseSequence += sent.length
      return { sent, operation, isFirst, what: { topic, usesIds, partition, batch, acks } }
    }
    const inFlight = isIdempotent && acks === -1 ? random.integer(1, configuration.inFlight) : 1
    if (inFlight > 1) cluster.count('batches in flight together')
    const flight = Array.from({ length: inFlight }, prepare)
    const outcomes: Outcome[] = []
    await Promise.all(
      flight.map(async ({ sent, operation, what, isFirst }, position) => {
        const outcome = await send(company, {
          ...what,
          tries: isIdempotent ? MAX_TRIES : 1,
          before: () => (position === 0 ? 'ok' : outcomes[position - 1]?.type),
        })
        outcomes[position] = outcome
        if (outcome.type === 'ok') {
          const { baseOffset } = outcome
          operation.values = sent.map(([, value], at) => [
            baseOffset === undefined ? null : baseOffset + at,
            value,
          ])
        }
        if (outcome.errorName !== undefined) operation.error = outcome.errorName
        company.end(operation, outcome.type)
        // What was not acknowledged by all may be lost, and would then come after what was sent later.
        const isSettled = outcome.type === 'info' || (outcome.type === 'ok' && acks === -1)
        if (isSettled && isIdempotent && scheduler.chance(configuration.lateRetries)) {
          const delayMs = random.integer(500, 60_000)
          scheduler.after(delayMs, 'late retry', () => {
            if (isOver()) return
            cluster.count(isFirst ? 'late retry of sequence 0' : 'late retry')
            void produceOnce(company, what)
          })
        }
      }),
    )
    const isThrough = outcomes.every(({ type }) => type === 'ok')
    if (isThrough) nextSequence.set(own, baseSequence)
    if (outcomes.some(({ isGone }) => isGone)) known.delete(name)
    if (!isThrough && isIdempotent) {
      if (scheduler.chance(2)) newEpoch()
      else newSelf()
    }
    if (outcomes.some((outcome) => mayComeAgain(outcome, acks))) process = newProcess()
    return isThrough
  }

  while (!isOver()) {
    await sendSome()
    if (scheduler.chance(configuration.producerRestarts)) {
      newSelf()
      cluster.count('producer restarts')
    }
    await pause(random.integer(1, 120) * configuration.pace)
  }

  return async () => {
    for (let tries = 0; tries < MAX_LAST_TRIES; tries += 1) {
      if (await sendSome()) return true
      await pause(LAST_RETRY_MS)
    }
    return false
  }
}

/**
 * Whether a producer goes on under another name after a send, since some try of it may still be carried out. Of what all
 * acknowledged, that is a duplicate; what fewer acknowledged may be truncated first, and then comes after what is sent later.
 */
export function mayComeAgain(
  { type, inDoubt }: Pick<Outcome, 'type' | 'inDoubt'>,
  acks: Operation['acks'],
): boolean {
  return type === 'info' || (type === 'ok' && inDoubt && acks !== -1)
}

interface Outcome {
  readonly type: Operation['type']
  /** Of some try nobody knows what became. */
  readonly inDoubt: boolean
  readonly baseOffset?: number | undefined
  readonly errorName?: string
  readonly isGone?: boolean
}

interface Sent {
  readonly topic: Topic
  readonly usesIds: boolean
  readonly partition: number
  readonly batch: Uint8Array
  readonly acks: -1 | 0 | 1
}

/** What a batch is sent with; `before`: what became of the one before it in flight, undefined as long as nobody knows. */
interface Sending extends Sent {
  readonly tries: number
  before(): Operation['type'] | undefined
}

async function send(company: Company, what: Sending): Promise<Outcome> {
  const { configuration, scheduler } = company.cluster
  const { topic, partition, acks, tries } = what
  let inDoubt = false
  let last = 'NO_ANSWER'
  for (let tried = 0; tried < tries; tried += 1) {
    const before = what.before()
    const answer = await produceOnce(company, what)
    if (answer === NO_ANSWER) {
      inDoubt = true
    } else if (answer.errorName === undefined) {
      return { type: 'ok', inDoubt, baseOffset: acks === 0 ? undefined : answer.baseOffset }
    } else if (answer.errorName === 'DUPLICATE_SEQUENCE_NUMBER') {
      return { type: 'ok', inDoubt }
    } else {
      const { errorName, effect, message, retriable } = answer
      last = errorName
      if (effect === 'unknown') inDoubt = true
      if (company.isGone(topic, partition, errorName)) {
        return { type: inDoubt ? 'info' : 'fail', inDoubt, errorName, isGone: true }
      }
      if (MAY_GAP.has(errorName) && before !== 'ok') {
        company.cluster.count('out of order in flight')
        const now = what.before()
        if (now === 'fail' || now === 'info') break
        await company.pause(scheduler.random.integer(50, 600))
        continue
      }
      const mayGap = MAY_GAP.has(errorName) && (acks !== -1 || configuration.unclean)
      if (!EXPECTED.has(errorName) && !mayGap) {
        company.surprises.push(`produce answered ${errorName}: ${message}`)
      }
      if (!retriable) break
    }
    await company.pause(scheduler.random.integer(50, 600))
  }
  return { type: inDoubt ? 'info' : 'fail', inDoubt, errorName: last }
}

async function produceOnce(company: Company, { topic, usesIds, partition, batch, acks }: Sent) {
  const { name, topicId } = topic
  const topics = [
    { name, ...(usesIds ? { topicId } : {}), partitions: [{ partitionIndex: partition, batch }] },
  ]
  const answer = await orThrown(() =>
    company.ask('produce', (deps) => produce(deps, { acks, timeoutMs: 5000, transactionalId: null, topics })),
  )
  if (answer === NO_ANSWER) return NO_ANSWER
  const row = 'thrown' in answer ? answer.thrown : answer.topics[0]?.partitions[0]
  if (row === undefined) throw new Error('answer without a row')
  if ('errorName' in row) {
    const { errorName, errorMessage: message, effect, retriable } = row
    return { errorName, message, effect, retriable, baseOffset: -1 }
  }
  const { baseOffset } = row
  return { errorName: undefined, message: '', effect: undefined, retriable: false, baseOffset }
}

/** What a client has to live with while things fail. */
const EXPECTED: ReadonlySet<string> = new Set([
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'LEADER_NOT_AVAILABLE',
])
/** What follows from the loss of an earlier batch, which acks=all alone excludes. */
const MAY_GAP: ReadonlySet<string> = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER'])
