import { type Command, Option } from 'commander'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import type { CompressionType } from '../shared/protocol/compression.ts'
import { encodeBatch } from '../shared/protocol/encode-batch.ts'
import { MAX_BATCH_BYTES } from '../shared/protocol/limits.ts'
import type { Acknowledged } from './acknowledgements.ts'
import { batcher, type InputBatch } from './batcher.ts'
import { CommandError, type Context, contextOf, FIRST_CONTACT } from './context.ts'
import { deliver, type EncodedBatch } from './deliver.ts'
import { failureReport } from './failure-report.ts'
import { findTopic } from './find-topic.ts'
import { inputChunks } from './input-chunks.ts'
import { parseHeader, type RecordTemplate } from './input-record.ts'
import { leadersOf } from './leaders.ts'
import { openTopic } from './open-topic.ts'
import { integer, MAX_INT32, parsed } from './options.ts'
import { noticeOnStderr, type OutageNotice, sharedNotice } from './outage-notice.ts'
import { BrokenPipe, bufferedOutput } from './output.ts'
import { produceLines } from './produce-lines.ts'
import { progress } from './progress.ts'
import { sendQueue } from './send-queue.ts'

interface ProduceOptions {
  readonly key?: string
  readonly keyDelimiter?: string
  readonly partition?: number
  readonly header?: RecordTemplate['headers']
  readonly compression: CompressionType
  readonly acks: keyof typeof ACKS
  readonly batchSize: number
  readonly maxInFlight: number
  readonly quiet?: true
}

/** How long the input may be silent before a batch that is not full is sent: the SDK's lingerMs. */
const LINGER_MS = 5
/** How long requests under way may take to end after Ctrl-C. */
const INTERRUPT_MS = 5000
const ACKS = { '0': 0, '1': 1, all: -1, '-1': -1 } as const

const HELP = `
Each line of the standard input is a record; its bytes are kept. Prints "partition offset" for each.
Nothing of unknown effect is sent again: it stops with 1 and names the lines that may or may not be written.
With --max-in-flight above 1 the order within a partition is not promised.`

/** Adds `stratolog produce`. */
export function addProduceCommand(program: Command): void {
  program
    .command('produce')
    .description('write the lines of the standard input to a topic')
    .argument('<topic>')
    .addOption(new Option('-k, --key <key>', 'key of every record').conflicts('keyDelimiter'))
    .addOption(
      new Option(
        '-K, --key-delimiter <delimiter>',
        'what separates key and value, \\t is a tab; a line without it is a value with a null key',
      ).argParser(
        parsed((text) => (text === '' ? undefined : text.replaceAll('\\t', '\t')), 'at least one character'),
      ),
    )
    .option('-p, --partition <n>', 'write to this partition only', integer(0, MAX_INT32))
    .option('-H, --header <k=v>', 'header of every record; repeatable', addHeader)
    .addOption(
      new Option('-z, --compression <type>', 'codec of the record batches')
        .choices(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
        .default('none'),
    )
    .addOption(
      new Option('--acks <acks>', 'acknowledgements to wait for: 0, 1 or all (-1)')
        .argParser(parsed(readAcks, '0, 1, all or -1'))
        .default('all', 'all'),
    )
    .option('--batch-size <bytes>', 'bytes of records in a batch', integer(1, MAX_BATCH_BYTES), 16_384)
    .option('--max-in-flight <n>', 'requests under way at once', integer(1, 100), 1)
    .option('-q, --quiet', 'print no offsets')
    .addHelpText('after', HELP)
    .action((topic: string, options: ProduceOptions, command: Command) =>
      produce(topic, options, contextOf(command)),
    )
}

function readAcks(text: string): ProduceOptions['acks'] | undefined {
  return Object.hasOwn(ACKS, text) ? (text as ProduceOptions['acks']) : undefined
}

function addHeader(text: string, previous: RecordTemplate['headers'] = []): RecordTemplate['headers'] {
  return [...previous, parsed(parseHeader, 'k=v')(text)]
}

async function produce(name: string, options: ProduceOptions, context: Context): Promise<void> {
  const known = await findTopic(context.connect(FIRST_CONTACT), name, context.signal)
  const stop = new AbortController()
  context.signal.addEventListener('abort', () => stop.abort())
  const chunks = inputChunks(process.stdin, { lingerMs: LINGER_MS, signal: stop.signal })
  const first = await chunks.next()
  context.signal.throwIfAborted()
  if (first.done) return
  const transport = context.connect({}, repeatedOnly(noticeOnStderr('the service answers again')))
  const topic = await openTopic(transport, { name, known, partition: options.partition }, context.signal)
  const shown = progress(process.stderr, isProgressShown(options), transport.now)
  const underWay = late(context.signal)
  const rowNotice = sharedNotice(noticeOnStderr('all partitions can be written again'))
  const leaders = leadersOf(topic.partitions, transport.now)
  let failure: Error | undefined
  const queue = sendQueue({
    batcher: batcher({
      partition: options.partition,
      partitionCount: topic.partitions.length,
      hasLeader: leaders.has,
      batchBytes: options.batchSize,
      random: transport.random,
    }),
    maxInFlight: options.maxInFlight,
    deliver: (batches) => {
      for (const batch of batches) shown.add({ records: batch.records.length, bytes: batch.bytes })
      const delivery = { topic: { name, topicId: topic.topicId }, acks: ACKS[options.acks] }
      return deliver(transport, batches.map(encoderFor(options)), {
        ...delivery,
        lastTry: context.signal,
        signal: underWay,
        onRows: rowNotice(),
        leaders,
      })
    },
    acknowledge: offsetPrinter(options, context, stop),
    onFailure: (error) => {
      if (!context.signal.aborted) failure ??= error
      stop.abort()
    },
  })
  context.signal.addEventListener('abort', () => queue.stop())
  const end = await produceLines(prepended(first.value, chunks), queue, {
    template: templateOf(options),
    now: transport.now,
    stopped: stop.signal,
  })
  shown.end()
  failure ??= end.error
  if (failure === undefined && !context.signal.aborted) return
  const report = failureReport({ failure, ...queue.failedLines(), notReadFrom: end.notReadFrom })
  if (failure !== undefined) throw new CommandError(report)
  process.stderr.write(`${report}\n`)
  throw context.signal.reason
}

/** What may have been written is not sent again, so that nobody is trying on. */
function repeatedOnly(notice: OutageNotice): OutageNotice {
  return (error) => {
    if (error?.effect !== 'unknown') notice(error)
  }
}

/** A request under way when the user interrupts may still end, but not for long. */
function late(signal: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const wait = () => setTimeout(() => controller.abort(signal.reason), INTERRUPT_MS).unref()
  signal.addEventListener('abort', wait, { once: true })
  return controller.signal
}

function encoderFor(options: ProduceOptions): (batch: InputBatch) => EncodedBatch {
  const { compression } = options
  return ({ partition, records }) => ({
    partition,
    isMovable: options.partition === undefined && records.every(({ key }) => key === null),
    bytes: encodeBatch({ records, compression, codecs: nodeCodecs }),
  })
}

/** Prints what is acknowledged. When nobody reads that any more, what was read is still sent, and no more is read. */
function offsetPrinter(
  options: ProduceOptions,
  context: Context,
  stop: AbortController,
): (lines: readonly Acknowledged[]) => Promise<void> {
  if (options.quiet) return async () => {}
  const output = bufferedOutput(process.stdout)
  const spell = context.output === 'json' ? JSON.stringify : offsetText
  return async (lines) => {
    if (stop.signal.reason instanceof BrokenPipe) return
    try {
      await output.write([Buffer.from(lines.map((line) => `${spell(line)}\n`).join(''))])
      await output.flush()
    } catch (error) {
      if (!(error instanceof BrokenPipe)) throw error
      stop.abort(error)
    }
  }
}

function offsetText({ partition, offset }: Acknowledged): string {
  return `${partition} ${offset}`
}

/** Progress would run into what is typed, and into offsets on the same terminal. */
function isProgressShown(options: ProduceOptions): boolean {
  return !process.stdin.isTTY && (options.quiet === true || !process.stdout.isTTY)
}

function templateOf({ key, keyDelimiter, header }: ProduceOptions): RecordTemplate {
  const bytes = (text: string | undefined) => (text === undefined ? null : new TextEncoder().encode(text))
  return { key: bytes(key), delimiter: bytes(keyDelimiter), headers: header ?? [] }
}

async function* prepended<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first
  yield* rest
}
