import type { Head } from '../core/head.ts'
import { epochOf } from '../core/lineage.ts'
import {
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  type ListedOffset,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
  MAX_TIMESTAMP,
} from '../protocol/api/list-offsets.ts'
import { NO_ERROR } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { findAtOrAfter, findLatest, type Listed } from './find-timestamp.ts'
import type { Partition } from './heads.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { answerTopics, partitionRows } from './partition-rows.ts'
import { checkLeaderEpoch, readByHead, visibleEnd } from './read-partition.ts'
import { eachRow, rowOf } from './rows.ts'
import { requestedPartition } from './topics.ts'

type Row = ListOffsetsRequest['topics'][number]['partitions'][number]

const NOTHING_THAT_LATE: Listed = { offset: -1, timestamp: -1, leaderEpoch: -1 }

/**
 * The first or last offset of partitions, or the first one at or after a timestamp (Kafka's ListOffsets, API key 2).
 *
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 */
export async function listOffsets(deps: Deps, request: ListOffsetsRequest): Promise<ListOffsetsResponse> {
  refusePartitionsTwice(request.topics)
  const listed = await eachRow(deps, partitionRows(request.topics), async (row): Promise<ListedOffset> => {
    const answer = await rowOf(deps, async () => {
      const { partition, head } = await requestedPartition(deps, row)
      return listOffset(deps, { partition, head, row, isolationLevel: request.isolationLevel })
    })
    if ('errorName' in answer) return { partitionIndex: row.partitionIndex, ...answer, ...failed }
    return { partitionIndex: row.partitionIndex, ...NO_ERROR, ...answer }
  })
  return { topics: answerTopics(request.topics, listed) }
}

const failed = { offset: -1, timestamp: -1, leaderEpoch: -1 } as const

async function listOffset(
  deps: Deps,
  asked: { partition: Partition; head: Head; row: Row; isolationLevel: 0 | 1 },
): Promise<Listed> {
  const { partition, head, row, isolationLevel } = asked
  checkLeaderEpoch(head, partition, row.currentLeaderEpoch)
  if (row.timestamp === EARLIEST_TIMESTAMP) {
    return {
      offset: head.logStartOffset,
      timestamp: -1,
      leaderEpoch: epochOf(head.lineage, head.logStartOffset),
    }
  }
  if (row.timestamp === LATEST_TIMESTAMP) {
    return { offset: visibleEnd(head, isolationLevel), timestamp: -1, leaderEpoch: head.leaderEpoch }
  }
  const find = row.timestamp === MAX_TIMESTAMP ? findLatest : findAtOrAfter
  const { value } = await readByHead(deps, partition, head, (head) =>
    find({ deps, partition, head, end: visibleEnd(head, isolationLevel), timestamp: row.timestamp }),
  )
  return value ?? NOTHING_THAT_LATE
}
