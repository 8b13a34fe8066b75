import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../protocol/api/list-offsets.ts'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { Deps } from './deps.ts'
import { listOffsets } from './list-offsets.ts'
import { readTopic, requirePartition } from './topics.ts'

/**
 * The first offset of a partition and the one behind its last visible record.
 *
 * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION (40402 for the partition) and what else list-offsets answers
 */
export async function offsetRange(
  deps: Deps,
  partition: { readonly topic: string; readonly partition: number },
): Promise<{ readonly beginningOffset: number; readonly endOffset: number }> {
  requirePartition(await readTopic(deps, partition.topic), partition.partition)
  const [beginningOffset, endOffset] = await Promise.all([
    offsetAt(deps, partition, EARLIEST_TIMESTAMP),
    offsetAt(deps, partition, LATEST_TIMESTAMP),
  ])
  return { beginningOffset, endOffset }
}

async function offsetAt(
  deps: Deps,
  { topic, partition }: { topic: string; partition: number },
  timestamp: number,
): Promise<number> {
  const partitions = [{ partitionIndex: partition, timestamp, currentLeaderEpoch: -1 }]
  const { topics } = await listOffsets(deps, { isolationLevel: 0, topics: [{ name: topic, partitions }] })
  const row = topics[0]?.partitions[0]
  if (row === undefined) throw new KafkaError('UNKNOWN_SERVER_ERROR', 'list-offsets answered no row')
  if ('errorName' in row) throw new KafkaError(row.errorName, row.errorMessage)
  return row.offset
}
