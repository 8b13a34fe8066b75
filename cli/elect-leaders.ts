import type { Command } from 'commander'
import { rowError, type Transport } from '../client/index.ts'
import {
  type ElectedPartition,
  PREFERRED_ELECTION,
  UNCLEAN_ELECTION,
} from '../shared/protocol/api/elect-leaders.ts'
import type { TopicMetadata } from '../shared/protocol/api/metadata.ts'
import { AT_ONCE, CommandError, type Context, contextOf } from './context.ts'
import { errorText } from './error-text.ts'
import { readTopic } from './find-topic.ts'
import { jsonText, print } from './output.ts'
import { table } from './table.ts'
import { truncationText } from './topic-text.ts'

/** The leader is who it should be already: no failure. */
const NOT_NEEDED = 'ELECTION_NOT_NEEDED'

/** Adds `stratolog topic elect-leaders`. */
export function addElectLeaders(topic: Command): void {
  topic
    .command('elect-leaders')
    .description('let the first replica of each partition lead, or with --unclean any where none is in sync')
    .argument('<topic>')
    .option('--unclean', 'give partitions without a leader one that lacks records: these are lost')
    .action((name: string, { unclean }: { unclean?: true }, command: Command) =>
      electLeaders(name, unclean === true ? UNCLEAN_ELECTION : PREFERRED_ELECTION, contextOf(command)),
    )
}

async function electLeaders(name: string, electionType: 0 | 1, context: Context): Promise<void> {
  const transport = context.connect(AT_ONCE)
  const { signal } = context
  const found = await readTopic(transport, { name, partition: undefined }, signal)
  const partitions = found.partitions.map(({ partitionIndex }) => ({ partitionIndex }))
  const topics = [{ name, topicId: found.topicId, partitions }]
  const answer = await transport.call('elect-leaders', { electionType, topics }, { signal })
  const rows = answer.topics.flatMap((topic) => topic.partitions)
  const text = async () => electedText(rows, await describedAfter(transport, name, signal))
  await print(process.stdout, context.output === 'json' ? jsonText(answer) : await text())
  const errors = rows.map(rowError).filter((error) => error !== undefined && error.errorName !== NOT_NEEDED)
  if (errors.length > 0) throw new CommandError(errors.map(errorText).join('\n'))
}

/** The topic with its offsets and truncations, as it is after the elections. */
async function describedAfter(
  transport: Transport,
  name: string,
  signal: AbortSignal,
): Promise<TopicMetadata | undefined> {
  const asked = { topics: [{ name }], includeOffsets: true }
  return (await transport.call('metadata', asked, { signal })).topics[0]
}

/** What became of each partition: its leader, or the error of its election; then what the elections took from logs. */
export function electedText(
  rows: readonly ElectedPartition[],
  described: Pick<TopicMetadata, 'name' | 'partitions'> | undefined,
): string {
  const lines = rows.map((row) => {
    const now = described?.partitions.find(({ partitionIndex }) => partitionIndex === row.partitionIndex)
    const elected = 'errorName' in row ? now : row
    const leader = elected === undefined || elected.leaderId === -1 ? '-' : `${elected.leaderId}`
    const outcome = 'errorName' in row ? row.errorName : 'ELECTED'
    return [`${row.partitionIndex}`, leader, `${elected?.leaderEpoch ?? '-'}`, outcome]
  })
  const lost = rows.flatMap((row) => {
    if ('errorName' in row) return []
    const now = described?.partitions.find(({ partitionIndex }) => partitionIndex === row.partitionIndex)
    return (now?.truncations ?? [])
      .filter(({ leaderEpoch }) => leaderEpoch === row.leaderEpoch)
      .map((truncation) => `${truncationText(described?.name ?? '', row.partitionIndex, truncation)}\n`)
  })
  return `${table(['PARTITION', 'LEADER', 'LEADER-EPOCH', 'ELECTION'], lines)}${lost.join('')}`
}
