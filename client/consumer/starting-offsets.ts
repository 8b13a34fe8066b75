import type { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../../shared/protocol/api/list-offsets.ts'
import { rowError, StratologError } from '../errors.ts'
import type { Transport } from '../transport.ts'
import type { AssignedPartition, Position } from './assigned-partition.ts'
import { byTopic, type TopicPartition } from './consumer-record.ts'
import { inRequests } from './in-requests.ts'

/** Where a partition begins; undefined where nothing is committed, an error where it cannot be said now. */
export type Found = Position | undefined | StratologError

/** As list-offsets names them; taken as types, since its schema would come along into every bundle. */
const TIMESTAMPS: { readonly earliest: typeof EARLIEST_TIMESTAMP; readonly latest: typeof LATEST_TIMESTAMP } =
  {
    earliest: -2,
    latest: -1,
  }

/** A partition that is asked for, of the topic with this id if that is known. */
type NamedPartition = TopicPartition & { readonly topicId?: string | undefined }

/**
 * What a group committed for partitions: answer i is that of partition i. Waits for offsets whose transaction is not decided.
 *
 * @throws StratologError when the whole request failed
 */
export async function committedOffsets(
  transport: Transport,
  groupId: string,
  partitions: readonly NamedPartition[],
  signal: AbortSignal,
): Promise<Found[]> {
  return inRequests(partitions, async (asked): Promise<Found[]> => {
    const topics = requested(asked, ({ partition }) => ({ partitionIndex: partition }))
    const answer = await transport.call('offset-fetch', { groupId, topics, requireStable: true }, { signal })
    return answered(asked, answer.topics, (row) => {
      const error = rowError(row)
      if (error !== undefined) return error
      const { committedOffset: offset, committedLeaderEpoch: leaderEpoch } = row
      return offset < 0 ? undefined : { offset, leaderEpoch }
    })
  })
}

/**
 * The earliest or latest offsets of partitions: answer i is that of partition i.
 *
 * @throws StratologError when the whole request failed
 */
export async function boundaryOffsets(
  transport: Transport,
  of: { readonly from: 'earliest' | 'latest'; readonly isolationLevel: 0 | 1 },
  partitions: readonly AssignedPartition[],
  signal: AbortSignal,
): Promise<Found[]> {
  const { from, isolationLevel } = of
  return inRequests(partitions, async (asked) => {
    const topics = requested(asked, ({ partition, currentLeaderEpoch }) => ({
      partitionIndex: partition,
      timestamp: TIMESTAMPS[from],
      currentLeaderEpoch,
    }))
    const answer = await transport.call('list-offsets', { isolationLevel, topics }, { signal })
    // What lies before the position was not read: no leader epoch that could have diverged since.
    return answered(asked, answer.topics, (row) => rowError(row) ?? { offset: row.offset, leaderEpoch: -1 })
  })
}

/** Rows of a request by topic, each with the id of the topic that is meant. */
export function requested<P extends NamedPartition, Row>(
  partitions: readonly P[],
  row: (partition: P) => Row,
): { name: string; topicId?: string; partitions: Row[] }[] {
  const ids = new Map(partitions.map(({ topic, topicId }) => [topic, topicId]))
  return byTopic(partitions, row).map((topic) => {
    const topicId = ids.get(topic.name)
    return { ...topic, ...(topicId === undefined ? {} : { topicId }) }
  })
}

/** The answer's rows by the partitions that were asked for, in their order. */
export function answered<Row extends { readonly partitionIndex: number }, T>(
  partitions: readonly TopicPartition[],
  topics: readonly { readonly name: string; readonly partitions: readonly Row[] }[],
  read: (row: Row) => T,
): (T | StratologError)[] {
  const rows = new Map(
    topics.map(({ name, partitions }) => [name, new Map(partitions.map((row) => [row.partitionIndex, row]))]),
  )
  return partitions.map(({ topic, partition }) => {
    const row = rows.get(topic)?.get(partition)
    return row === undefined ? missing(topic, partition) : read(row)
  })
}

function missing(topic: string, partition: number): StratologError {
  return new StratologError(
    'UNKNOWN_SERVER_ERROR',
    `the answer leaves a partition out partition=${topic}-${partition}`,
    { retriable: true, effect: 'none' },
  )
}
