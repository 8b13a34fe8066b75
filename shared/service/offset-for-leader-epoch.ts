import { endOffsetFor } from '../core/lineage.ts'
import type {
  EpochEndOffset,
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../protocol/api/offset-for-leader-epoch.ts'
import { NO_ERROR } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { answerTopics, partitionRows } from './partition-rows.ts'
import { checkLeaderEpoch } from './read-partition.ts'
import { eachRow, rowOf } from './rows.ts'
import { requestedPartition } from './topics.ts'

/**
 * Where leader epochs ended (Kafka's OffsetForLeaderEpoch, API key 23): a reader whose position lies behind the end of the
 * epoch that it read last has read what is no longer in the log. The last epoch ends where the log does, which may be
 * above the high watermark.
 *
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 */
export async function offsetForLeaderEpoch(
  deps: Deps,
  request: OffsetForLeaderEpochRequest,
): Promise<OffsetForLeaderEpochResponse> {
  refusePartitionsTwice(request.topics)
  const answers = await eachRow(deps, partitionRows(request.topics), async (row): Promise<EpochEndOffset> => {
    const { partitionIndex } = row
    const answer = await rowOf(deps, async () => {
      const { partition, head } = await requestedPartition(deps, row)
      checkLeaderEpoch(head, partition, row.currentLeaderEpoch)
      return endOffsetFor(head, row.leaderEpoch)
    })
    if ('errorName' in answer) return { partitionIndex, ...answer, leaderEpoch: -1, endOffset: -1 }
    return { partitionIndex, ...NO_ERROR, ...answer }
  })
  return { topics: answerTopics(request.topics, answers) }
}
