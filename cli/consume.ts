import { type Command, InvalidArgumentError, Option } from 'commander'
import { consumeInGroup } from './consume-group.ts'
import { type Context, contextOf, FIRST_CONTACT } from './context.ts'
import { fetchBatches, isWholeRead, MAX_WAIT_MS, type Reading, recordsOf } from './fetch-batches.ts'
import { readTopic } from './find-topic.ts'
import { jsonFormat, parseFormat, type RecordFormat, valueFormat } from './format.ts'
import { integer, MAX_INT32, parsed } from './options.ts'
import { noticeOnStderr } from './outage-notice.ts'
import { bufferedOutput } from './output.ts'
import { waitingPartition } from './position.ts'
import { progress } from './progress.ts'
import { type RecordPrinter, recordPrinter } from './record-printer.ts'
import { parseStartOffset, type StartOffset } from './start-offset.ts'
import type { ReadingPlan } from './starting-positions.ts'

interface ConsumeOptions {
  readonly offset: StartOffset
  readonly partition?: number
  readonly group?: string
  readonly count?: number
  readonly exit?: true
  readonly format?: RecordFormat
  readonly json?: true
  readonly isolation: 'read_uncommitted' | 'read_committed'
}

/** A reader that nobody asked to end does not give up, as Kafka's. */
const FOR_EVER = { deliveryTimeoutMs: Number.POSITIVE_INFINITY }
/** A service that says nothing for 10 s beyond the time it may hold a fetch is not one. */
const ANSWER_TIMEOUT_MS = MAX_WAIT_MS + 10_000

const HELP = `
Format: %t topic, %p partition, %o offset, %k key, %v value, %h headers (k=v,k=v), %T timestamp in ms,
%S bytes of the value (-1 for null), %%, \\n, \\t, \\r, \\\\. No newline is added; null prints as nothing.
While the service cannot be reached, or a partition has no leader, it goes on trying, with -e for two minutes,
and says so once; all other partitions are read.`

/** Adds `stratolog consume`. */
export function addConsumeCommand(program: Command): void {
  program
    .command('consume')
    .description('print the records of a topic')
    .argument('<topic>')
    .addOption(
      new Option(
        '-o, --offset <where>',
        'start (beginning, earliest), end (latest), offset N, -N before the end, @ms a timestamp',
      )
        .argParser(parsed(parseStartOffset, 'start, end, N, -N or @ms'))
        .default({ from: 'start' }, 'start'),
    )
    .option('-p, --partition <n>', 'read this partition only', integer(0, MAX_INT32))
    .addOption(
      new Option(
        '-g, --group <group>',
        'read as a member of this group, from what it has committed on; -o start or end says where it has not',
      ).conflicts('partition'),
    )
    .option('-n, --count <n>', 'stop after so many records', integer(0, Number.MAX_SAFE_INTEGER))
    .option('-e, --exit', 'stop at the end of the topic as it is now')
    .addOption(
      new Option('-f, --format <format>', 'how to print a record').argParser(readFormat).conflicts('json'),
    )
    .option('-J, --json', 'print a JSON object per record')
    .addOption(
      new Option('--isolation <level>', 'read_committed leaves out what transactions have not committed')
        .choices(['read_uncommitted', 'read_committed'])
        .default('read_uncommitted'),
    )
    .addHelpText('after', HELP)
    .action((topic: string, options: ConsumeOptions, command: Command) => consume(topic, options, command))
}

function readFormat(text: string): RecordFormat {
  try {
    return parseFormat(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

async function consume(name: string, options: ConsumeOptions, command: Command): Promise<void> {
  const { group, offset } = options
  if (group !== undefined && offset.from !== 'start' && offset.from !== 'end') {
    command.error('error: a group reads from what it has committed: -o can only be start or end')
  }
  const context = contextOf(command)
  const shown = progress(process.stderr, !process.stdout.isTTY, Date.now)
  const printer = recordPrinter({
    output: bufferedOutput(process.stdout),
    format: formatOf(options, context),
    limit: options.count ?? Number.POSITIVE_INFINITY,
    shown,
  })
  const startFrom = offset.from === 'end' ? 'latest' : 'earliest'
  try {
    if (group === undefined) await consumeAlone(name, { options, printer }, context)
    else await consumeInGroup({ topic: name, groupId: group, startFrom, ...options }, printer, context)
  } finally {
    shown.end()
  }
}

async function consumeAlone(
  name: string,
  { options, printer }: { readonly options: ConsumeOptions; readonly printer: RecordPrinter },
  context: Context,
): Promise<void> {
  const { signal } = context
  const { partition } = options
  const topic = await readTopic(context.connect(FIRST_CONTACT), { name, partition }, signal)
  const transport = context.connect(
    { ...(options.exit === true ? {} : FOR_EVER), answerTimeoutMs: ANSWER_TIMEOUT_MS },
    noticeOnStderr('the service answers again'),
  )
  const onRows = noticeOnStderr('all partitions can be read again')
  const waiting = topic.partitions
    .filter(({ partitionIndex }) => partition === undefined || partitionIndex === partition)
    .map(waitingPartition)
  const reading = { transport, topic, plan: planOf(options), positions: [], waiting, onRows, signal }
  await printAll(reading, printer)
}

function planOf({ offset, exit, isolation }: ConsumeOptions): ReadingPlan {
  return {
    start: offset,
    stopAt: exit === true ? 'end' : 'never',
    isolationLevel: isolation === 'read_committed' ? 1 : 0,
  }
}

/** The next fetch is under way while the last one is printed. */
async function printAll(reading: Reading, printer: RecordPrinter): Promise<void> {
  const isDone = () => printer.isFull() || isWholeRead(reading)
  const fetchNext = () => {
    const fetched = fetchBatches(reading)
    fetched.catch(() => {}) // awaited below, unless printing fails first
    return fetched
  }
  let next = isDone() ? undefined : fetchNext()
  while (next !== undefined) {
    const batches = await next
    next = isDone() ? undefined : fetchNext()
    for (const batch of batches) await printer.print(recordsOf(reading, batch), batch.bytes.length)
    await printer.flush()
    if (printer.isFull()) return
  }
}

function formatOf(options: ConsumeOptions, context: Context): RecordFormat {
  if (options.json || context.output === 'json') return jsonFormat
  return options.format ?? valueFormat
}
