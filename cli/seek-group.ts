import { inRequests } from '../client/consumer/in-requests.ts'
import { rowError, type StratologError, type Transport } from '../client/index.ts'
import type { DescribedGroup } from '../shared/protocol/api/groups.ts'
import { AT_ONCE, CommandError, type Context } from './context.ts'
import { readCommitted, readGroup } from './describe-group.ts'
import { errorText } from './error-text.ts'
import { type FoundTopic, readTopic } from './find-topic.ts'
import { jsonText, print } from './output.ts'
import { waitingPartition } from './position.ts'
import type { StartOffset } from './start-offset.ts'
import { startingPositions } from './starting-positions.ts'
import { table } from './table.ts'

/** Which partitions of a group get which offsets. */
export interface SeekOptions {
  readonly to: StartOffset
  readonly topic?: readonly string[]
  readonly partition?: number
  readonly dryRun?: true
}

/** An offset that a partition gets. */
interface NewOffset {
  readonly topic: FoundTopic
  readonly partition: number
  readonly offset: number
}

/**
 * Commits other offsets for a group, as kafka-consumer-groups --reset-offsets does: of the topics named, else of all that
 * it has committed. Members would go on from where they are: a group that has some is refused.
 */
export async function seekGroup(groupId: string, options: SeekOptions, context: Context): Promise<void> {
  const { signal } = context
  const transport = context.connect(AT_ONCE)
  await requireNoMembers(transport, groupId, signal)
  const scopes =
    options.topic === undefined
      ? await committedScopes(transport, groupId, signal)
      : [...new Set(options.topic)].map((name) => ({ name, committed: undefined }))
  const wanted: NewOffset[] = []
  for (const scope of scopes) wanted.push(...(await newOffsets(transport, { scope, options }, signal)))
  if (wanted.length === 0) throw new CommandError(`group has committed nothing, say --topic group=${groupId}`)
  if (options.dryRun !== true) await commit(transport, { groupId, wanted }, signal)
  const rows = wanted.map(({ topic, partition, offset }) => ({ topic: topic.name, partition, offset }))
  const lines = rows.map((row) => [groupId, row.topic, `${row.partition}`, `${row.offset}`])
  const text = table(['GROUP', 'TOPIC', 'PARTITION', 'NEW-OFFSET'], lines)
  await print(process.stdout, context.output === 'json' ? jsonText({ groupId, offsets: rows }) : text)
}

/** A group that is not there has none: it is made by its first commit. */
async function requireNoMembers(transport: Transport, groupId: string, signal: AbortSignal): Promise<void> {
  const group = await readGroup(transport, groupId, signal).catch(unlessUnknown)
  if (group === undefined || group.members.length === 0) return
  const fact = 'group has members: they would go on from where they are, stop them first'
  throw new CommandError(`${fact} group=${groupId} state=${group.groupState} members=${group.members.length}`)
}

function unlessUnknown(error: StratologError): DescribedGroup | undefined {
  if (error.errorName !== 'GROUP_ID_NOT_FOUND') throw error
  return undefined
}

/** A topic, and the partitions that are committed, where only these are meant. */
interface Scope {
  readonly name: string
  readonly committed: readonly number[] | undefined
}

/** As Kafka's `--all-topics`: the partitions that the group has committed, and no others of their topics. */
async function committedScopes(
  transport: Transport,
  groupId: string,
  signal: AbortSignal,
): Promise<readonly Scope[]> {
  const topics = await readCommitted(transport, groupId, signal)
  return topics.map(({ name, partitions }) => ({
    name,
    committed: partitions.map(({ partitionIndex }) => partitionIndex),
  }))
}

async function newOffsets(
  transport: Transport,
  of: { readonly scope: Scope; readonly options: SeekOptions },
  signal: AbortSignal,
): Promise<readonly NewOffset[]> {
  const { options } = of
  const { name, committed } = of.scope
  const partition = committed === undefined ? options.partition : undefined
  const topic = await readTopic(transport, { name, partition }, signal)
  const isMeant = (index: number) =>
    committed?.includes(index) !== false && (options.partition ?? index) === index
  const partitions = topic.partitions
    .filter(({ partitionIndex }) => isMeant(partitionIndex))
    .map(waitingPartition)
  if (partitions.length === 0) return []
  const at = async (start: StartOffset) => {
    const plan = { start, stopAt: 'never', isolationLevel: 0 } as const
    const started = await startingPositions(transport, { plan, topic, partitions }, signal)
    return started.map((position) => {
      if ('error' in position) throw position.error
      return position.nextOffset
    })
  }
  const [wanted, first, end] = [await at(options.to), await at({ from: 'start' }), await at({ from: 'end' })]
  return partitions.map(({ partition }, index) => {
    const bounds = { first: first[index] ?? 0, end: end[index] ?? 0 }
    return { topic, partition, offset: inLog(`${name}-${partition}`, wanted[index] ?? 0, bounds) }
  })
}

/** As Kafka's tool: an offset outside of the log becomes the end of the log that it lies beyond. */
function inLog(partition: string, offset: number, { first, end }: { first: number; end: number }): number {
  const bounded = Math.min(Math.max(offset, first), end)
  if (bounded !== offset) {
    const facts = `partition=${partition} offset=${offset} logStartOffset=${first} highWatermark=${end}`
    process.stderr.write(`offset is outside the log, taken instead: ${bounded} ${facts}\n`)
  }
  return bounded
}

async function commit(
  transport: Transport,
  of: { readonly groupId: string; readonly wanted: readonly NewOffset[] },
  signal: AbortSignal,
): Promise<void> {
  const { groupId } = of
  const errors = await inRequests(of.wanted, async (some) => {
    const topics = [...Map.groupBy(some, ({ topic }) => topic)].map(([{ name, topicId }, rows]) => ({
      name,
      topicId,
      partitions: rows.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
      })),
    }))
    const answer = await transport.call('offset-commit', { groupId, topics }, { signal })
    return answer.topics.flatMap(({ partitions }) => partitions).map(rowError)
  })
  const failed = errors.filter((error) => error !== undefined)
  if (failed.length > 0) throw new CommandError(failed.map(errorText).join('\n'))
}
