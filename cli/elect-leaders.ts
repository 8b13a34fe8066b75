import type { Command } from 'commander'
import { rowError } from '../client/index.ts'
import {
  type ElectLeadersResponse,
  PREFERRED_ELECTION,
  UNCLEAN_ELECTION,
} from '../shared/protocol/api/elect-leaders.ts'
import { AT_ONCE, type Context, contextOf } from './context.ts'
import { readTopic } from './find-topic.ts'
import { jsonText, print } from './output.ts'
import { table } from './table.ts'

/** The leader is who it should be already: no failure. */
const NOT_NEEDED = 'ELECTION_NOT_NEEDED'

/** Adds `stratolog topic elect-leaders`. */
export function addElectLeaders(topic: Command): void {
  topic
    .command('elect-leaders')
    .description('let the first replica of each partition lead, as after a node came back')
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
  await print(process.stdout, context.output === 'json' ? jsonText(answer) : electedText(answer))
  const failed = answer.topics
    .flatMap((topic) => topic.partitions)
    .find((row) => 'errorName' in row && row.errorName !== NOT_NEEDED)
  const error = failed && rowError(failed)
  if (error !== undefined) throw error
}

/** What became of each partition: its new leader, or the error of its election. */
function electedText({ topics }: ElectLeadersResponse): string {
  const rows = topics.flatMap(({ partitions }) =>
    partitions.map((row) =>
      'errorName' in row
        ? [`${row.partitionIndex}`, '-', '-', row.errorName]
        : [`${row.partitionIndex}`, `${row.leaderId}`, `${row.leaderEpoch}`, 'ELECTED'],
    ),
  )
  return table(['PARTITION', 'LEADER', 'LEADER-EPOCH', 'ELECTION'], rows)
}
