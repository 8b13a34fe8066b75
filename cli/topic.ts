import { type Command, Option } from 'commander'
import { printAnswer } from './answer.ts'
import { addTopicChanges } from './change-topic.ts'
import { AT_ONCE, type Context, contextOf } from './context.ts'
import { allTopics, type DescribeOptions, describeTopics, isFound } from './describe-topics.ts'
import { integer, keyValue, MAX_INT32 } from './options.ts'
import { topicsText } from './topic-text.ts'

interface CreateOptions {
  readonly partitions: number
  readonly replicationFactor: number
  readonly config?: Readonly<Record<string, string>>
}

/** The cluster's own default. */
const DEFAULT = -1

/** Adds `stratolog topic create|list|describe|delete|alter-config|add-partitions|elect-leaders`. */
export function addTopicCommands(program: Command): void {
  const topic = program.command('topic').description('topics')
  topic
    .command('create')
    .description('create a topic')
    .argument('<topic>')
    .addOption(
      new Option('--partitions <n>', 'number of partitions')
        .argParser(integer(1, MAX_INT32))
        .default(DEFAULT, "the cluster's num.partitions"),
    )
    .addOption(
      new Option('--replication-factor <n>', 'replicas of each partition')
        .argParser(integer(1, MAX_INT32))
        .default(DEFAULT, "the cluster's default.replication.factor"),
    )
    .option('-c, --config <key=value>', 'config of the topic; repeatable', keyValue)
    .action((name: string, options: CreateOptions, command: Command) =>
      create(name, options, contextOf(command)),
    )
  topic
    .command('list')
    .description('list all topics')
    .action((_options: unknown, command: Command) => list(contextOf(command)))
  topic
    .command('describe')
    .description('show topics, or all of them, with their partitions')
    .argument('[topics...]')
    .option('--under-replicated', 'only partitions with replicas that are not in sync')
    .addOption(new Option('--unavailable', 'only partitions without a leader').conflicts('underReplicated'))
    .action((names: readonly string[], options: DescribeOptions, command: Command) =>
      describeTopics(names, options, contextOf(command)),
    )
  topic
    .command('delete')
    .description('delete a topic and its records')
    .argument('<topic>')
    .action((name: string, _options: unknown, command: Command) => remove(name, contextOf(command)))
  addTopicChanges(topic)
}

async function create(name: string, options: CreateOptions, context: Context): Promise<void> {
  const { partitions: numPartitions, replicationFactor } = options
  const configs = Object.entries(options.config ?? {}).map(([key, value]) => ({ name: key, value }))
  const topics = [{ name, numPartitions, replicationFactor, configs }]
  const { signal } = context
  const answer = await context.connect(AT_ONCE).call('create-topics', { topics }, { signal })
  await printAnswer(context, { answer, rows: answer.topics, text: () => `Created topic ${name}.\n` })
}

async function remove(name: string, context: Context): Promise<void> {
  const { signal } = context
  const answer = await context.connect(AT_ONCE).call('delete-topics', { topics: [{ name }] }, { signal })
  await printAnswer(context, { answer, rows: answer.topics, text: () => `Deleted topic ${name}.\n` })
}

async function list(context: Context): Promise<void> {
  const answer = await allTopics(context.connect(AT_ONCE), false, context.signal)
  await printAnswer(context, { answer, rows: [], text: () => topicsText(answer.topics.filter(isFound)) })
}
