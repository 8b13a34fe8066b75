import { nodeCodecs } from '../../shared/codecs/node-codecs.ts'
import { decodeBatch, splitBatches } from '../../shared/protocol/decode-batch.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../shared/protocol/limits.ts'
import { fetch } from '../../shared/service/fetch.ts'
import { listOffsets } from '../../shared/service/list-offsets.ts'
import { type Company, NO_ANSWER, orThrown } from './company.ts'
import type { Topic } from './topics.ts'

/** What is read next, and the leader epoch of what was read last: −1 where that is not known. */
export interface Position {
  readonly offset: number
  readonly epoch: number
}

const START: Position = { offset: 0, epoch: -1 }

/** A partition that is read. */
interface Assigned {
  readonly topic: Topic
  readonly usesIds: boolean
  readonly partition: number
}

/** One consumer, until `isOver`: it reads one partition for a while, then another one. */
export async function runConsumer(company: Company, isOver: () => boolean): Promise<void> {
  const { cluster, newProcess, pause } = company
  const { configuration, scheduler } = cluster
  const { random } = scheduler
  const usesIds = configuration.topicChanges || scheduler.chance(2)
  let assigned: Assigned | undefined
  let process = newProcess()
  let position: Position = START

  const assign = async () => {
    const topic = await company.lookUp(scheduler.pick(configuration.topics as [string, ...string[]]))
    assigned =
      topic === undefined ? undefined : { topic, usesIds, partition: random.integer(0, topic.partitions - 1) }
    position = START
    process = newProcess()
  }

  while (!isOver()) {
    if (assigned === undefined) await assign()
    if (assigned === undefined) {
      await pause(random.integer(20, 200))
      continue
    }
    if (random.integer(1, 6) === 1) await askEnd(company, process, assigned)
    const polled = await poll(company, process, assigned, position)
    position = polled.position
    if (!polled.goesOn) process = newProcess()
    if (polled.isGone) assigned = undefined
    await pause(random.integer(1, 200) * configuration.pace)
    if (random.integer(1, 25) > 1) continue
    if (scheduler.chance(2)) assigned = undefined
    position = START
    process = newProcess()
  }
}

/** What a poll comes to. */
interface Polled {
  readonly position: Position
  /** Whether what follows is read by the same process; else it does not know what it missed. */
  readonly goesOn: boolean
  /** Whether the topic is not there any more. */
  readonly isGone: boolean
}

/** Reads on at `position`, and notes what was seen there as `process`. */
export async function poll(
  company: Company,
  process: string,
  assigned: Assigned,
  position: Position,
): Promise<Polled> {
  const { cluster, told, surprises } = company
  const { unclean } = cluster.configuration
  const { topic, partition } = assigned
  const key = `${topic.topicId}/${partition}`
  const operation = company.begin({
    process,
    f: 'poll',
    key,
    acks: -1,
    isIdempotent: false,
    values: [],
    from: position.offset,
  })
  const request = fetchRequest(company, assigned, position)
  const answer = await orThrown(() => company.ask('fetch', (deps) => fetch(deps, request)))
  const row =
    answer === NO_ANSWER ? undefined : 'thrown' in answer ? answer.thrown : answer.topics[0]?.partitions[0]
  if (row === undefined) {
    company.end(operation, 'info')
    return { position, goesOn: false, isGone: false }
  }
  if ('errorName' in row) {
    operation.error = row.errorName
    company.end(operation, 'fail')
    const isGone = company.isGone(topic, partition, row.errorName)
    if (row.errorName !== 'OFFSET_OUT_OF_RANGE') return { position, goesOn: true, isGone }
    told.add(key)
    if (!unclean) surprises.push(`fetch answered OFFSET_OUT_OF_RANGE at ${position.offset}`)
    return { position: START, goesOn: false, isGone }
  }
  if (row.divergingEpoch !== undefined) {
    told.add(key)
    company.end(operation, 'fail')
    if (!unclean) surprises.push(`fetch diverges at ${position.offset} ${JSON.stringify(row.divergingEpoch)}`)
    return { position: { offset: row.divergingEpoch.endOffset, epoch: -1 }, goesOn: false, isGone: false }
  }
  const seen = row.batches.flatMap((bytes) => recordsOf(bytes))
  const fresh = seen.filter(({ offset }) => offset >= position.offset)
  operation.values = fresh.map(({ offset, value }) => [offset, value])
  operation.endOffset = row.highWatermark
  company.end(operation, 'ok')
  const last = fresh.at(-1)
  const next = last === undefined ? position : { offset: last.offset + 1, epoch: last.leaderEpoch }
  return { position: next, goesOn: true, isGone: false }
}

/** Reads a partition from its log start to its end with a fresh consumer, through a healthy service. */
export async function readAll(
  company: Company,
  topic: Topic,
  partition: number,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  for (let offset = 0; ; ) {
    const request = fetchRequest(company, { topic, usesIds: true, partition }, { offset, epoch: -1 })
    const answer = await company.ask('final fetch', (deps) => fetch(deps, request))
    const row = answer === NO_ANSWER ? undefined : answer.topics[0]?.partitions[0]
    if (row === undefined || 'errorName' in row) {
      if (row !== undefined && !row.retriable)
        throw new Error(`final read failed ${row.errorName}: ${row.errorMessage}`)
      await company.pause(200)
      continue
    }
    for (const record of row.batches.flatMap(recordsOf)) {
      if (record.offset >= offset) found.set(record.offset, record.value)
    }
    offset = Math.max(offset, row.nextOffset)
    if (offset >= row.highWatermark) return found
  }
}

async function askEnd(company: Company, process: string, assigned: Assigned): Promise<void> {
  const { topic, usesIds, partition } = assigned
  const { name, topicId } = topic
  const operation = company.begin({
    process: `${process}e`,
    f: 'end-offset',
    key: `${topicId}/${partition}`,
    acks: -1,
    isIdempotent: false,
    values: [],
  })
  const partitions = [{ partitionIndex: partition, timestamp: -1, currentLeaderEpoch: -1 }]
  const topics = [{ name, ...(usesIds ? { topicId } : {}), partitions }]
  const answer = await orThrown(() =>
    company.ask('list-offsets', (deps) => listOffsets(deps, { isolationLevel: 0, topics })),
  )
  const row =
    answer === NO_ANSWER ? undefined : 'thrown' in answer ? answer.thrown : answer.topics[0]?.partitions[0]
  if (row === undefined || 'errorName' in row) return company.end(operation, 'info')
  operation.endOffset = row.offset
  company.end(operation, 'ok')
}

function fetchRequest(
  company: Company,
  { topic, usesIds, partition }: Assigned,
  { offset, epoch }: { offset: number; epoch: number },
) {
  const { random } = company.cluster.scheduler
  const { name, topicId } = topic
  const partitions = [
    {
      partitionIndex: partition,
      fetchOffset: offset,
      partitionMaxBytes: random.integer(0, 3) === 0 ? 200 : 1_000_000,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: epoch,
    },
  ]
  return {
    maxWaitMs: random.integer(0, 1) * 500,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolationLevel: 0 as const,
    topics: [{ name, ...(usesIds ? { topicId } : {}), partitions }],
  }
}

function recordsOf(bytes: Uint8Array) {
  return splitBatches(bytes).flatMap(({ bytes: batch }) =>
    decodeBatch(batch, nodeCodecs, { maxDecompressedBytes: MAX_DECOMPRESSED_BYTES }).map(
      ({ offset, leaderEpoch, value }) => ({
        offset,
        leaderEpoch,
        value: new TextDecoder().decode(value ?? new Uint8Array(0)),
      }),
    ),
  )
}
