import type { CommittedOffset } from '../core/group/group.ts'
import { utf8Bytes } from '../core/group/offsets.ts'
import type {
  CommittedPartition,
  OffsetCommitRequest,
  OffsetCommitResponse,
  PartitionToCommit,
} from '../protocol/api/group-offsets.ts'
import { type ErrorRow, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_OFFSET_METADATA_BYTES } from '../protocol/limits.ts'
import type { Key } from '../store/document-store.ts'
import { offsetsKey } from '../store/keys.ts'
import type { Deps } from './deps.ts'
import { requireGroupId } from './group-offsets.ts'
import { type DocumentCommit, writeCommits } from './group-offsets-write.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { answerTopics } from './partition-rows.ts'
import { eachRow, rowOf } from './rows.ts'
import { requestedTopic, requirePartition, type Topic } from './topics.ts'

type RequestTopic = OffsetCommitRequest['topics'][number]

/** Where a row goes to, or what is wrong with it whatever the group is. */
type PlannedRow = ErrorRow | { readonly topic: Topic; readonly key: Key; readonly row: PartitionToCommit }

/**
 * Commits offsets of a group (Kafka's OffsetCommit, API key 8), of one of its members or, while it has none, of anybody.
 * A partition that answers REQUEST_TIMED_OUT may have been committed, or may be yet.
 *
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 */
export async function offsetCommit(deps: Deps, request: OffsetCommitRequest): Promise<OffsetCommitResponse> {
  refusePartitionsTwice(request.topics)
  const rows = (await eachRow(deps, request.topics, (topic) => planRows(deps, request.groupId, topic))).flat()
  const documents = documentsOf(rows, deps.clock.nowMs())
  const refused = documents.length === 0 ? new Map() : await writeCommits(deps, request, documents)
  const indexes = request.topics.flatMap(({ partitions }) => partitions.map((row) => row.partitionIndex))
  const answers = rows.map((planned, position): CommittedPartition => {
    const outcome = 'errorName' in planned ? planned : (refused.get(planned.key.sk) ?? NO_ERROR)
    return { partitionIndex: indexes[position] ?? -1, ...outcome }
  })
  return { topics: answerTopics(request.topics, answers) }
}

async function planRows(
  deps: Deps,
  groupId: string,
  requested: RequestTopic,
): Promise<readonly PlannedRow[]> {
  const topic = await rowOf(deps, async () => {
    requireGroupId(groupId)
    return requestedTopic(deps, requested)
  })
  if ('errorName' in topic) return requested.partitions.map(() => topic)
  return Promise.all(
    requested.partitions.map((row) =>
      rowOf(deps, async () => {
        requirePartition(topic, row.partitionIndex)
        checkRow(topic, row)
        return { topic, row, key: offsetsKey(groupId, topic.topicId, row.partitionIndex) }
      }),
    ),
  )
}

function checkRow(
  { name }: Topic,
  { partitionIndex, committedOffset, committedMetadata }: PartitionToCommit,
): void {
  if (committedOffset < 0) {
    throw new KafkaError(
      'INVALID_REQUEST',
      `offset must not be negative partition=${name}-${partitionIndex} offset=${committedOffset}`,
    )
  }
  const bytes = utf8Bytes(committedMetadata ?? '')
  if (bytes > MAX_OFFSET_METADATA_BYTES) {
    throw new KafkaError(
      'OFFSET_METADATA_TOO_LARGE',
      `metadata is too large partition=${name}-${partitionIndex} bytes=${bytes} max=${MAX_OFFSET_METADATA_BYTES}`,
    )
  }
}

/** The rows by the document that they go to. */
function documentsOf(rows: readonly PlannedRow[], nowMs: number): readonly DocumentCommit[] {
  const documents = new Map<string, DocumentCommit & { readonly commits: Map<number, CommittedOffset> }>()
  for (const planned of rows) {
    if ('errorName' in planned) continue
    const { key, topic, row } = planned
    const document = documents.get(key.sk) ?? { key, topicName: topic.name, commits: new Map() }
    documents.set(key.sk, document)
    document.commits.set(row.partitionIndex, {
      offset: row.committedOffset,
      leaderEpoch: row.committedLeaderEpoch,
      metadata: row.committedMetadata ?? '',
      committedAtMs: nowMs,
    })
  }
  return [...documents.values()]
}
