import { inRequests } from '../client/consumer/in-requests.ts'
import { rowError, StratologError, type Transport } from '../client/index.ts'
import type { TopicOf } from '../shared/protocol/api/common.ts'
import type { FetchedOffset } from '../shared/protocol/api/group-offsets.ts'
import type { DescribedGroup } from '../shared/protocol/api/groups.ts'
import { LATEST_TIMESTAMP } from '../shared/protocol/api/list-offsets.ts'
import { decodeAssignment } from '../shared/protocol/consumer-protocol.ts'
import { AT_ONCE, type Context } from './context.ts'
import { jsonText, print } from './output.ts'
import { table } from './table.ts'

/** A partition that a group has committed or a member reads; undefined where that is not known, or nobody. */
export interface GroupPartition {
  readonly topic: string
  readonly partition: number
  readonly committedOffset: number | undefined
  readonly logEndOffset: number | undefined
  readonly memberId: string | undefined
  readonly clientId: string | undefined
}

const HEADING = [
  'GROUP',
  'TOPIC',
  'PARTITION',
  'CURRENT-OFFSET',
  'LOG-END-OFFSET',
  'LAG',
  'CONSUMER-ID',
  'CLIENT-ID',
]

/** Shows a group's committed offsets with their lag, and its members, as kafka-consumer-groups does. */
export async function describeGroup(groupId: string, context: Context): Promise<void> {
  const { signal, output } = context
  const transport = context.connect(AT_ONCE)
  const group = await readGroup(transport, groupId, signal)
  const committed = await readCommitted(transport, groupId, signal)
  const partitions = await withLogEnds(transport, ownedPartitions(group, committed), signal)
  const json = () => jsonText({ group, partitions: partitions.map((row) => ({ ...row, lag: lagOf(row) })) })
  await print(process.stdout, output === 'json' ? json() : groupText(group, partitions))
}

/**
 * The group as its coordinator describes it.
 *
 * @throws StratologError GROUP_ID_NOT_FOUND when there is none of that name
 */
export async function readGroup(
  transport: Transport,
  groupId: string,
  signal: AbortSignal,
): Promise<DescribedGroup> {
  const { groups } = await transport.call('describe-groups', { groups: [groupId] }, { signal })
  const [group] = groups
  const error = group === undefined ? undefined : rowError(group)
  if (group !== undefined && error === undefined) return group
  throw (
    error ?? new StratologError('GROUP_ID_NOT_FOUND', `group was not described group=${groupId}`, NOT_SAID)
  )
}

const NOT_SAID = { retriable: false, effect: 'none' } as const

/** All that the group has committed. @throws StratologError as its rows say */
export async function readCommitted(
  transport: Transport,
  groupId: string,
  signal: AbortSignal,
): Promise<readonly TopicOf<FetchedOffset>[]> {
  const { topics } = await transport.call('offset-fetch', { groupId, topics: null }, { signal })
  const error = topics
    .flatMap(({ partitions }) => partitions)
    .map(rowError)
    .find((found) => found !== undefined)
  if (error !== undefined) throw error
  return topics
}

/** What is committed and what is assigned, each partition once, by topic and partition. */
export function ownedPartitions(
  group: DescribedGroup,
  committed: readonly TopicOf<FetchedOffset>[],
): readonly Omit<GroupPartition, 'logEndOffset'>[] {
  const rows = new Map<string, Omit<GroupPartition, 'logEndOffset'>>()
  for (const { name: topic, partitions } of committed) {
    for (const { partitionIndex: partition, committedOffset } of partitions) {
      if (committedOffset < 0) continue
      rows.set(`${topic} ${partition}`, {
        topic,
        partition,
        committedOffset,
        memberId: undefined,
        clientId: undefined,
      })
    }
  }
  for (const { memberId, clientId, assignment } of group.members) {
    if (assignment === '') continue
    const { assignedPartitions } = decodeAssignment(Buffer.from(assignment, 'base64'))
    for (const [topic, partitions] of assignedPartitions) {
      for (const partition of partitions) {
        const key = `${topic} ${partition}`
        const committedOffset = rows.get(key)?.committedOffset
        rows.set(key, { topic, partition, committedOffset, memberId, clientId })
      }
    }
  }
  return [...rows.values()].sort(
    (a, b) => Number(a.topic > b.topic) - Number(a.topic < b.topic) || a.partition - b.partition,
  )
}

async function withLogEnds(
  transport: Transport,
  partitions: readonly Omit<GroupPartition, 'logEndOffset'>[],
  signal: AbortSignal,
): Promise<readonly GroupPartition[]> {
  const ends = await inRequests(partitions, async (some) => {
    const topics = [...Map.groupBy(some, ({ topic }) => topic)].map(([name, rows]) => ({
      name,
      partitions: rows.map(({ partition }) => ({ partitionIndex: partition, timestamp: LATEST_TIMESTAMP })),
    }))
    const answer = await transport.call('list-offsets', { topics }, { signal })
    // Row for row what was asked for, since partitions come sorted by topic.
    return answer.topics.flatMap(({ partitions: rows }) =>
      rows.map((row) => (row.errorCode === 0 ? row.offset : undefined)),
    )
  })
  return partitions.map((row, at) => ({ ...row, logEndOffset: ends[at] }))
}

/** A line per partition, then one per member that reads none; what is not known is `-`. */
export function groupText(group: DescribedGroup, partitions: readonly GroupPartition[]): string {
  const { groupId, groupState } = group
  const readers = new Set(partitions.map(({ memberId }) => memberId))
  const idle = group.members.filter(({ memberId }) => !readers.has(memberId))
  const lines = [
    ...partitions.map((row) => [
      groupId,
      row.topic,
      `${row.partition}`,
      shown(row.committedOffset),
      shown(row.logEndOffset),
      shown(lagOf(row)),
      row.memberId ?? '-',
      shown(row.clientId || undefined),
    ]),
    ...idle.map(({ memberId, clientId }) => [groupId, '-', '-', '-', '-', '-', memberId, clientId || '-']),
  ]
  const note = group.members.length === 0 ? `Group ${groupId} has no members (${groupState}).\n` : ''
  return `${note}${table(HEADING, lines)}`
}

function lagOf({ committedOffset, logEndOffset }: GroupPartition): number | undefined {
  if (committedOffset === undefined || logEndOffset === undefined) return undefined
  return Math.max(0, logEndOffset - committedOffset)
}

function shown(value: number | string | undefined): string {
  return value === undefined ? '-' : `${value}`
}
