import { type Command, Option } from 'commander'
import { TOPIC_RESOURCE } from '../shared/protocol/api/configs.ts'
import { printAnswer } from './answer.ts'
import { AT_ONCE, type Context, contextOf } from './context.ts'
import { addElectLeaders } from './elect-leaders.ts'
import { integer, keyValue, MAX_INT32, repeated } from './options.ts'

interface ConfigOptions {
  readonly config?: Readonly<Record<string, string>>
  readonly delete?: readonly string[]
}

const SET = 0
const DELETE = 1

/** Adds what changes a topic that is there: `stratolog topic alter-config|add-partitions|elect-leaders`. */
export function addTopicChanges(topic: Command): void {
  topic
    .command('alter-config')
    .description('set configs of a topic, or give them back their defaults')
    .argument('<topic>')
    .option('-c, --config <key=value>', 'config to set; repeatable', keyValue)
    .option('--delete <key>', 'config that gets its default back; repeatable', repeated)
    .action((name: string, options: ConfigOptions, command: Command) => alterConfig(name, options, command))
  topic
    .command('add-partitions')
    .description('give a topic more partitions; keys go to other ones from then on')
    .argument('<topic>')
    .addOption(
      new Option('--partitions <n>', 'number of partitions it has then')
        .argParser(integer(1, MAX_INT32))
        .makeOptionMandatory(),
    )
    .action((name: string, { partitions }: { partitions: number }, command: Command) =>
      addPartitions(name, partitions, contextOf(command)),
    )
  addElectLeaders(topic)
}

async function alterConfig(name: string, options: ConfigOptions, command: Command): Promise<void> {
  const { config = {}, delete: deleted = [] } = options
  const configs = [
    ...Object.entries(config).map(([key, value]) => ({ name: key, configOperation: SET, value })),
    ...deleted.map((key) => ({ name: key, configOperation: DELETE })),
  ]
  if (configs.length === 0) command.error('error: nothing to alter: say -c key=value or --delete key')
  const context = contextOf(command)
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: name, configs }]
  // To set what is set already changes nothing.
  const call = { signal: context.signal, isIdempotent: true }
  const answer = await context.connect(AT_ONCE).call('alter-configs', { resources }, call)
  await printAnswer(context, { answer, rows: answer.responses, text: () => `Altered topic ${name}.\n` })
}

async function addPartitions(name: string, count: number, context: Context): Promise<void> {
  const topics = [{ name, count }]
  const { signal } = context
  const answer = await context.connect(AT_ONCE).call('create-partitions', { topics }, { signal })
  const text = () => `Topic ${name} has ${count} partitions.\n`
  await printAnswer(context, { answer, rows: answer.topics, text })
}
