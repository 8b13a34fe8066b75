import { rowError, StratologError } from '../../client/index.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { encodeBatch } from '../../shared/protocol/encode-batch.ts'
import type { Place } from '../sim/history.ts'
import { answerOf, type Client } from './client.ts'
import { IDS_PER_LIFE, MAX_LIVES } from './client-plan.ts'
import type { Outcome } from './history-file.ts'

const COMPRESSION_TYPES = ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
/** How often an idempotent producer sends one batch; any other sends it once. */
const MAX_TRIES = 12
const MAX_RETRY_PAUSE_MS = 400
const MAX_PAUSE_MS = 60
const TIMEOUT_MS = 5000
/** One batch in so many has many records. */
const LARGE_ONE_IN = 20
const LARGE_RECORDS = 100
/** What follows from the loss of an earlier batch, which acks=all alone excludes. */
const MAY_GAP = 'OUT_OF_ORDER_SEQUENCE_NUMBER'
const KNOWN_BEFORE = 'DUPLICATE_SEQUENCE_NUMBER'

interface Batch {
  readonly partitionIndex: number
  readonly values: readonly string[]
  readonly producer: { readonly producerId: number; readonly baseSequence: number } | undefined
}

/**
 * One batch after the other, to any partition. After a batch whose fate it does not know, a producer goes on under another
 * name, since that batch may yet come to be; an idempotent one also takes another producer id.
 */
export async function runProducer(client: Client): Promise<void> {
  const { plan, history, random, isOver, pause } = client
  const { acks, isIdempotent, topic } = plan
  let producerId = (plan.client * MAX_LIVES + plan.life) * IDS_PER_LIFE
  const nextSequence = new Map<number, number>()
  let names = 0
  let numbers = 0
  const newName = () => {
    names += 1
    return `c${plan.client}.${plan.life}.${names}`
  }
  let process = newName()
  while (!isOver()) {
    const partitionIndex = random.integer(0, topic.partitions - 1)
    const count = random.integer(1, LARGE_ONE_IN) === 1 ? LARGE_RECORDS : random.integer(1, 4)
    const values = Array.from({ length: count }, () => {
      numbers += 1
      return `${plan.client}.${plan.life}-${numbers}`
    })
    const baseSequence = nextSequence.get(partitionIndex) ?? 0
    const producer = isIdempotent ? { producerId, baseSequence } : undefined
    const key = `${topic.topicId}/${partitionIndex}`
    const places = values.map((value): Place => [null, value])
    const id = history.begin({ process, f: 'send', key, acks, isIdempotent, values: places })
    const outcome = await send(client, { partitionIndex, values, producer })
    history.end(id, outcome)
    if (outcome.type === 'ok') nextSequence.set(partitionIndex, baseSequence + count)
    if (outcome.type === 'info') process = newName()
    if (outcome.type !== 'ok' && isIdempotent) {
      producerId += 1
      nextSequence.clear()
    }
    await pause(MAX_PAUSE_MS)
  }
}

/** Sends until it is known what became of the batch, as often as that does no harm. */
async function send(client: Client, batch: Batch): Promise<Outcome> {
  const { plan, pause } = client
  const { acks, isIdempotent } = plan
  const bytes = encoded(client, batch)
  let type: 'fail' | 'info' = 'fail'
  let error = ''
  for (let tried = 0; tried < (isIdempotent ? MAX_TRIES : 1); tried += 1) {
    if (tried > 0) await pause(MAX_RETRY_PAUSE_MS)
    const answer = await answerOf(
      client,
      `produce acks=${acks}`,
      () => sendOnce(client, batch.partitionIndex, bytes),
      [KNOWN_BEFORE, ...(acks === -1 ? [] : [MAY_GAP])],
    )
    if (!(answer instanceof StratologError)) {
      const isTold = acks !== 0
      const values = batch.values.map((value, at): Place => [isTold ? answer + at : null, value])
      return { type: 'ok', values }
    }
    if (answer.errorName === KNOWN_BEFORE) return { type: 'ok' }
    error = answer.errorName
    if (answer.effect === 'unknown') type = 'info'
    if (!answer.retriable) break
  }
  return { type, error }
}

async function sendOnce({ plan, log }: Client, partitionIndex: number, bytes: Uint8Array) {
  const partitions = [{ partitionIndex, byteLength: bytes.length }]
  const header = { acks: plan.acks, timeoutMs: TIMEOUT_MS, topics: [{ name: plan.topic.name, partitions }] }
  const options = { isIdempotent: plan.isIdempotent }
  const row = (await log.callFrame('produce', header, [bytes], options)).topics[0]?.partitions[0]
  if (row === undefined) throw new Error('answer without a row')
  return rowError(row) ?? row.baseOffset
}

function encoded({ random }: Client, { values, producer }: Batch): Uint8Array {
  const records = values.map((value) => ({
    key: null,
    value: Buffer.from(value),
    headers: [],
    timestamp: Date.now(),
  }))
  const compression = COMPRESSION_TYPES[random.integer(0, COMPRESSION_TYPES.length - 1)] ?? 'none'
  const sequence = producer === undefined ? {} : { producer: { ...producer, producerEpoch: 0 } }
  return encodeBatch({ records, compression, codecs: nodeCodecs, ...sequence })
}
