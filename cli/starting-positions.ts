import { rowError, StratologError, type Transport } from '../client/index.ts'
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../shared/protocol/api/list-offsets.ts'
import type { FoundTopic } from './find-topic.ts'
import type { Position, WaitingPartition } from './position.ts'
import type { StartOffset } from './start-offset.ts'

/** From where to where the partitions of a topic are to be read. */
export interface ReadingPlan {
  readonly start: StartOffset
  /** Whether reading stops at the end as it is now. */
  readonly stopAt: 'end' | 'never'
  readonly isolationLevel: 0 | 1
}

/** Where the reading of a partition begins, or why that cannot be said. */
export type Started = Position | { readonly error: StratologError }

/**
 * Looks up where to begin with partitions, each for itself: answer i is that of partition i.
 *
 * @throws StratologError OFFSET_OUT_OF_RANGE when reading would stop at an end that lies before its start
 */
export async function startingPositions(
  transport: Transport,
  of: {
    readonly plan: ReadingPlan
    readonly topic: FoundTopic
    readonly partitions: readonly WaitingPartition[]
  },
  signal: AbortSignal,
): Promise<Started[]> {
  const { plan, topic, partitions } = of
  const listed = new Map<number, readonly Listed[]>()
  for (const timestamp of timestampsOf(plan)) {
    listed.set(timestamp, await listOffsets(transport, { ...of, timestamp }, signal))
  }
  const started = partitions.map(({ partition, currentLeaderEpoch }, index): Started => {
    const rows = [...listed.values()].map((offsets) => offsets[index])
    const error = rows.find((row) => row instanceof StratologError)
    if (error !== undefined) return { error }
    const at = (timestamp: number) => Number(listed.get(timestamp)?.[index])
    return {
      partition,
      nextOffset: startOf(plan.start, at),
      endOffset: plan.stopAt === 'end' ? at(LATEST_TIMESTAMP) : undefined,
      currentLeaderEpoch,
      lastFetchedEpoch: -1,
      failingSinceMs: undefined,
    }
  })
  await checkInLog(transport, { topic, started }, signal)
  return started
}

/** The end comes first: what is written between two requests is then read, not passed over. */
function timestampsOf({ start, stopAt }: ReadingPlan): ReadonlySet<number> {
  const timestamps = new Set<number>()
  const isEndWanted = stopAt === 'end' || !['start', 'offset'].includes(start.from)
  if (isEndWanted) timestamps.add(LATEST_TIMESTAMP)
  if (start.from === 'start' || start.from === 'beforeEnd') timestamps.add(EARLIEST_TIMESTAMP)
  if (start.from === 'timestamp') timestamps.add(start.timestampMs)
  return timestamps
}

/** @param at the partition's offset by timestamp, −1 where nothing is that late */
function startOf(start: StartOffset, at: (timestamp: number) => number): number {
  switch (start.from) {
    case 'offset':
      return start.offset
    case 'start':
      return at(EARLIEST_TIMESTAMP)
    case 'end':
      return at(LATEST_TIMESTAMP)
    case 'beforeEnd':
      return Math.max(at(EARLIEST_TIMESTAMP), at(LATEST_TIMESTAMP) - start.count)
    case 'timestamp': {
      const found = at(start.timestampMs)
      return found === -1 ? at(LATEST_TIMESTAMP) : found
    }
  }
}

/** As a fetch would say it, which is not sent to a partition that has been read to its end. */
async function checkInLog(
  transport: Transport,
  of: { readonly topic: FoundTopic; readonly started: readonly Started[] },
  signal: AbortSignal,
): Promise<void> {
  const { name } = of.topic
  const beyond = of.started.filter((position) => 'nextOffset' in position).filter(isBeyondEnd)
  if (beyond.length === 0) return
  const asked = { topics: [{ name }], includeOffsets: true }
  const { topics } = await transport.call('metadata', asked, { signal })
  for (const { partition, nextOffset: offset } of beyond) {
    const { logEndOffset } = topics[0]?.partitions[partition] ?? {}
    if (logEndOffset === undefined || offset <= logEndOffset) continue
    const at = `partition=${name}-${partition} offset=${offset} logEndOffset=${logEndOffset}`
    throw new StratologError('OFFSET_OUT_OF_RANGE', `offset is outside the log ${at}`, {
      retriable: false,
      effect: 'none',
      httpStatus: 200,
    })
  }
}

function isBeyondEnd({ nextOffset, endOffset }: Position): boolean {
  return endOffset !== undefined && nextOffset > endOffset
}

/** An offset, −1 where nothing is that late, or why it is not known. */
type Listed = number | StratologError

async function listOffsets(
  transport: Transport,
  of: {
    readonly plan: ReadingPlan
    readonly topic: FoundTopic
    readonly partitions: readonly WaitingPartition[]
    readonly timestamp: number
  },
  signal: AbortSignal,
): Promise<readonly Listed[]> {
  const { plan, topic, timestamp } = of
  const partitions = of.partitions.map(({ partition, currentLeaderEpoch }) => ({
    partitionIndex: partition,
    timestamp,
    currentLeaderEpoch,
  }))
  const topics = [{ name: topic.name, topicId: topic.topicId, partitions }]
  const request = { isolationLevel: plan.isolationLevel, topics }
  const answer = await transport.call('list-offsets', request, { signal })
  return (answer.topics[0]?.partitions ?? []).map((row) => rowError(row) ?? row.offset)
}
