import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { rowError, StratologError } from '../../client/index.ts'
import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../shared/protocol/limits.ts'
import { answerOf, type Client } from './client.ts'
import type { Position } from './client-plan.ts'

const MAX_PAUSE_MS = 120
const MAX_WAIT_MS = 300
/** One poll in so many is followed by a look at the end of the log, is small, or begins anew. */
const ASK_END_ONE_IN = 5
const SMALL_ONE_IN = 4
const SMALL_BYTES = 300
const PARTITION_MAX_BYTES = 200_000
const ANEW_ONE_IN = 400

const BEGINNING: Position = { offset: 0, epoch: -1 }

/** A record as far as it matters here. */
interface Read {
  readonly offset: number
  readonly leaderEpoch: number
  readonly value: string
}

/** What one poll found. */
interface Polled {
  readonly records: readonly Read[]
  readonly highWatermark: number
  readonly divergesAt: number | undefined
}

/**
 * Polls one partition from where its life before came to, and now and then from the beginning again. A client of an even
 * number takes batches as they are, one of an odd number takes JSON.
 */
export async function runConsumer(client: Client): Promise<void> {
  const { plan, history, random, isOver, pause } = client
  const partition = plan.client % plan.topic.partitions
  const key = `${plan.topic.topicId}/${partition}`
  let names = 0
  let process = ''
  const begin = (at: Position): Position => {
    names += 1
    process = `c${plan.client}.${plan.life}.${names}`
    return at
  }
  let position = begin(storedPosition(plan.positionFile) ?? BEGINNING)
  while (!isOver()) {
    if (random.integer(1, ASK_END_ONE_IN) === 1) await askEnd(client, partition)
    const { offset: from } = position
    const id = history.begin({ process, f: 'poll', key, acks: -1, isIdempotent: false, values: [], from })
    const answer = await answerOf(client, `fetch at ${from}`, () => poll(client, partition, position))
    if (answer instanceof StratologError) {
      history.end(id, { type: 'fail', error: answer.errorName })
      if (answer.errorName === 'OFFSET_OUT_OF_RANGE') position = begin(BEGINNING)
    } else if (answer.divergesAt !== undefined) {
      history.end(id, { type: 'fail', error: 'LOG_TRUNCATED' })
      history.surprise(`${process} read up to ${from} of ${key}, which was truncated to ${answer.divergesAt}`)
      position = begin(BEGINNING)
    } else {
      const fresh = answer.records.filter(({ offset }) => offset >= from)
      const values = fresh.map(({ offset, value }) => [offset, value] as const)
      history.end(id, { type: 'ok', values, endOffset: answer.highWatermark })
      const gap = fresh.findIndex(({ offset }, at) => offset !== from + at)
      if (gap >= 0) history.surprise(`${process} got ${fresh[gap]?.offset} at ${from + gap} of ${key}`)
      const last = fresh.at(-1)
      if (last !== undefined) position = { offset: last.offset + 1, epoch: last.leaderEpoch }
    }
    await pause(MAX_PAUSE_MS)
    if (random.integer(1, ANEW_ONE_IN) === 1) position = begin(BEGINNING)
    storePosition(plan.positionFile, position)
  }
}

function poll(client: Client, partitionIndex: number, position: Position): Promise<Polled | StratologError> {
  return client.plan.client % 2 === 0
    ? pollBatches(client, partitionIndex, position)
    : pollJson(client, partitionIndex, position)
}

async function pollBatches(client: Client, partitionIndex: number, position: Position) {
  const { topics } = await client.log.fetchFrame(request(client, partitionIndex, position))
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new Error('answer without a row')
  const records = splitBatches(row.batches).flatMap(({ bytes }) =>
    decodeBatch(bytes, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES }),
  )
  const { highWatermark, divergingEpoch } = row
  const read = records.map(({ offset, leaderEpoch, value }) => {
    return { offset, leaderEpoch, value: Buffer.from(value ?? []).toString() }
  })
  return rowError(row) ?? { records: read, highWatermark, divergesAt: divergingEpoch?.endOffset }
}

async function pollJson(client: Client, partitionIndex: number, position: Position) {
  const { topics } = await client.log.call('fetch', request(client, partitionIndex, position))
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new Error('answer without a row')
  const error = rowError(row)
  if (error !== undefined) return error
  const { records, highWatermark, divergingEpoch } = row
  const read = records.map(({ offset, leaderEpoch, value }) => {
    return { offset, leaderEpoch, value: Buffer.from(value ?? '', 'base64').toString() }
  })
  return { records: read, highWatermark, divergesAt: divergingEpoch?.endOffset }
}

function request({ plan, random }: Client, partitionIndex: number, { offset, epoch }: Position) {
  const isSmall = random.integer(1, SMALL_ONE_IN) === 1
  const row = {
    partitionIndex,
    fetchOffset: offset,
    lastFetchedEpoch: epoch,
    partitionMaxBytes: isSmall ? SMALL_BYTES : PARTITION_MAX_BYTES,
  }
  const maxWaitMs = random.integer(0, 1) * MAX_WAIT_MS
  return { maxWaitMs, topics: [{ name: plan.topic.name, partitions: [row] }] }
}

async function askEnd(client: Client, partitionIndex: number): Promise<void> {
  const { plan, history, log } = client
  const id = history.begin({
    process: `c${plan.client}.${plan.life}e`,
    f: 'end-offset',
    key: `${plan.topic.topicId}/${partitionIndex}`,
    acks: -1,
    isIdempotent: false,
    values: [],
  })
  const topics = [{ name: plan.topic.name, partitions: [{ partitionIndex, timestamp: -1 }] }]
  const answer = await answerOf(client, 'list-offsets', async () => {
    const row = (await log.call('list-offsets', { topics })).topics[0]?.partitions[0]
    if (row === undefined) throw new Error('answer without a row')
    return rowError(row) ?? row.offset
  })
  if (answer instanceof StratologError) history.end(id, { type: 'fail', error: answer.errorName })
  else history.end(id, { type: 'ok', endOffset: answer })
}

function storedPosition(path: string): Position | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** Whole or not at all, whenever its writer is killed. */
function storePosition(path: string, position: Position): void {
  writeFileSync(`${path}.new`, JSON.stringify(position))
  renameSync(`${path}.new`, path)
}
