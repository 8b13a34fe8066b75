import { type Command, Option } from 'commander'
import { type AnsweredRow, rowError, type Transport } from '../client/index.ts'
import { type ConfigEntry, TOPIC_RESOURCE } from '../shared/protocol/api/configs.ts'
import type { MetadataResponse } from '../shared/protocol/api/metadata.ts'
import { AT_ONCE, type Context, contextOf } from './context.ts'
import type { FoundTopic } from './find-topic.ts'
import { integer, keyValue, MAX_INT32 } from './options.ts'
import { jsonText, print } from './output.ts'
import { describedText, topicsText } from './topic-text.ts'

interface CreateOptions {
  readonly partitions: number
  readonly replicationFactor: number
  readonly config?: Readonly<Record<string, string>>
}

/** The cluster's own default. */
const DEFAULT = -1

/** Ten million topics: more would be a service that never ends its list. */
const MAX_PAGES = 10_000
/** All configs of so many topics are an answer of a few megabytes. */
const RESOURCES_PER_REQUEST = 1000

/** Adds `stratolog topic create|list|describe|delete`. */
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
    .description('show a topic, or all of them, with their partitions')
    .argument('[topic]')
    .action((name: string | undefined, _options: unknown, command: Command) =>
      describe(name, contextOf(command)),
    )
  topic
    .command('delete')
    .description('delete a topic and its records')
    .argument('<topic>')
    .action((name: string, _options: unknown, command: Command) => remove(name, contextOf(command)))
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

async function describe(name: string | undefined, context: Context): Promise<void> {
  const transport = context.connect(AT_ONCE)
  const { signal } = context
  const answer =
    name === undefined
      ? await allTopics(transport, true, signal)
      : await transport.call('metadata', { topics: [{ name }], includeOffsets: true }, { signal })
  const configs = await configsOf(transport, answer.topics.filter(isFound), signal)
  const topics = answer.topics.map((topic) =>
    isFound(topic) ? { ...topic, configs: configs.get(topic.name) ?? [] } : topic,
  )
  await printAnswer(context, {
    answer: { ...answer, topics },
    rows: name === undefined ? [] : answer.topics,
    text: () =>
      answer.topics
        .filter(isFound)
        .map((topic) => describedText(topic, configs.get(topic.name) ?? []))
        .join(''),
  })
}

/** Every page of the topics as one answer. */
async function allTopics(
  transport: Transport,
  includeOffsets: boolean,
  signal: AbortSignal,
): Promise<MetadataResponse> {
  const read = (nextToken: string | null) =>
    transport.call('metadata', { topics: null, includeOffsets, nextToken }, { signal })
  let answer = await read(null)
  for (let pages = 1; answer.nextToken !== null && pages < MAX_PAGES; pages += 1) {
    const page = await read(answer.nextToken)
    answer = { ...page, topics: [...answer.topics, ...page.topics] }
  }
  return answer
}

/** The configs of each topic by its name; none for one that was deleted meanwhile. */
async function configsOf(
  transport: Transport,
  topics: readonly FoundTopic[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly ConfigEntry[]>> {
  const resources = topics.map(({ name }) => ({ resourceType: TOPIC_RESOURCE, resourceName: name }))
  const configs = new Map<string, readonly ConfigEntry[]>()
  for (let from = 0; from < resources.length; from += RESOURCES_PER_REQUEST) {
    const some = resources.slice(from, from + RESOURCES_PER_REQUEST)
    const { results } = await transport.call('describe-configs', { resources: some }, { signal })
    for (const result of results) configs.set(result.resourceName, result.configs)
  }
  return configs
}

/** Prints an answer in the form asked for, then fails with the first row that failed. */
async function printAnswer(
  context: Context,
  shown: {
    readonly answer: unknown
    readonly rows: readonly AnsweredRow[]
    readonly text: () => string
  },
): Promise<void> {
  const error = shown.rows.map(rowError).find((found) => found !== undefined)
  if (context.output === 'json') await print(process.stdout, jsonText(shown.answer))
  else if (error === undefined) await print(process.stdout, shown.text())
  if (error !== undefined) throw error
}

function isFound(topic: MetadataResponse['topics'][number]): topic is FoundTopic {
  return topic.errorCode === 0
}
