import { rowError, StratologError, type Transport } from '../client/index.ts'
import { retrying } from '../client/retry.ts'
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../shared/protocol/api/list-offsets.ts'
import type { FoundTopic } from './find-topic.ts'
import { readTopic } from './find-topic.ts'
import type { Position } from './position.ts'
import type { StartOffset } from './start-offset.ts'

/** What is to be read, and from where to where. */
export interface ReadingPlan {
  readonly topic: string
  /** `-p`: only this partition. */
  readonly partition: number | undefined
  readonly start: StartOffset
  /** Whether reading stops at the end as it is now. */
  readonly stopAt: 'end' | 'never'
  readonly isolationLevel: 0 | 1
}

/** A topic and where the reading of its partitions begins. */
export interface OpenedTopic {
  readonly topic: FoundTopic
  readonly positions: Position[]
}

/**
 * Looks up where to begin. A partition that has no leader at the moment is waited for.
 *
 * @throws StratologError UNKNOWN_TOPIC_OR_PARTITION when there is no such topic or partition
 * @throws StratologError OFFSET_OUT_OF_RANGE when reading would stop at an end that lies before its start
 */
export function startingPositions(
  transport: Transport,
  plan: ReadingPlan,
  signal: AbortSignal,
): Promise<OpenedTopic> {
  return retrying(transport, {
    policy: transport.retry,
    isIdempotent: true,
    deadlineMs: transport.now() + transport.retry.deliveryTimeoutMs,
    signal,
    send: async () => {
      const topic = await readTopic(transport, { name: plan.topic, partition: plan.partition }, signal)
      const wanted = topic.partitions.filter(
        ({ partitionIndex }) => plan.partition === undefined || partitionIndex === plan.partition,
      )
      const list = offsetLister(transport, { topic, wanted, isolationLevel: plan.isolationLevel }, signal)
      const starts = await startOffsets(plan.start, list)
      const ends = plan.stopAt === 'end' ? await list(LATEST_TIMESTAMP) : []
      if (ends.some((end, index) => starts(index) > end)) {
        await checkInLog(transport, { topic, wanted, starts }, signal)
      }
      const positions = wanted.map(({ partitionIndex, leaderEpoch }, index) => ({
        partition: partitionIndex,
        nextOffset: starts(index),
        endOffset: ends[index],
        currentLeaderEpoch: leaderEpoch,
        lastFetchedEpoch: -1,
        failingSinceMs: undefined,
      }))
      return { topic, positions }
    },
  })
}

/** Offsets by timestamp, one per wanted partition; −1 where nothing is that late. */
type OffsetLister = (timestamp: number) => Promise<readonly number[]>

/** Where the i-th wanted partition begins. */
async function startOffsets(start: StartOffset, list: OffsetLister): Promise<(index: number) => number> {
  if (start.from === 'offset') return () => start.offset
  if (start.from === 'start') {
    const earliest = await list(EARLIEST_TIMESTAMP)
    return (index) => earliest[index] ?? 0
  }
  const latest = await list(LATEST_TIMESTAMP)
  if (start.from === 'end') return (index) => latest[index] ?? 0
  if (start.from === 'beforeEnd') {
    const earliest = await list(EARLIEST_TIMESTAMP)
    return (index) => Math.max(earliest[index] ?? 0, (latest[index] ?? 0) - start.count)
  }
  const found = await list(start.timestampMs)
  return (index) => (found[index] === -1 ? latest[index] : found[index]) ?? 0
}

/** As a fetch would say it, which is not sent to a partition that has been read to its end. */
async function checkInLog(
  transport: Transport,
  of: {
    readonly topic: FoundTopic
    readonly wanted: FoundTopic['partitions']
    readonly starts: (index: number) => number
  },
  signal: AbortSignal,
): Promise<void> {
  const { name } = of.topic
  const { topics } = await transport.call(
    'metadata',
    { topics: [{ name }], includeOffsets: true },
    { signal },
  )
  for (const [index, { partitionIndex }] of of.wanted.entries()) {
    const offset = of.starts(index)
    const { logEndOffset } = topics[0]?.partitions[partitionIndex] ?? {}
    if (logEndOffset === undefined || offset <= logEndOffset) continue
    const at = `partition=${name}-${partitionIndex} offset=${offset} logEndOffset=${logEndOffset}`
    throw new StratologError('OFFSET_OUT_OF_RANGE', `offset is outside the log ${at}`, {
      retriable: false,
      effect: 'none',
      httpStatus: 200,
    })
  }
}

function offsetLister(
  transport: Transport,
  of: {
    readonly topic: FoundTopic
    readonly wanted: FoundTopic['partitions']
    readonly isolationLevel: 0 | 1
  },
  signal: AbortSignal,
): OffsetLister {
  const { topic, wanted, isolationLevel } = of
  return async (timestamp) => {
    const partitions = wanted.map(({ partitionIndex, leaderEpoch }) => ({
      partitionIndex,
      timestamp,
      currentLeaderEpoch: leaderEpoch,
    }))
    const topics = [{ name: topic.name, topicId: topic.topicId, partitions }]
    const answer = await transport.call('list-offsets', { isolationLevel, topics }, { signal })
    return (answer.topics[0]?.partitions ?? []).map((row) => {
      const error = rowError(row)
      if (error !== undefined) throw named(error, topic.name, row.partitionIndex)
      return row.offset
    })
  }
}

function named(error: StratologError, topic: string, partition: number): StratologError {
  error.message = `${error.message} topic=${topic} partition=${partition}`
  return error
}
