import { resolveOptions } from '../client/consumer/consumer-options.ts'
import { newConsumer } from '../client/consumer/new-consumer.ts'
import type { BatchToHandle, Consumer, ConsumerRecord } from '../client/index.ts'
import { rowError, type StartFrom, type Transport } from '../client/index.ts'
import { LATEST_TIMESTAMP } from '../shared/protocol/api/list-offsets.ts'
import { type Context, FIRST_CONTACT } from './context.ts'
import { errorText } from './error-text.ts'
import { type FoundTopic, readTopic } from './find-topic.ts'
import type { ConsumedRecord } from './format.ts'
import { noticeOnStderr, type OutageNotice } from './outage-notice.ts'
import type { RecordPrinter } from './record-printer.ts'

/** What a member of a group reads, and until when. */
export interface GroupReading {
  readonly topic: string
  readonly groupId: string
  readonly startFrom: StartFrom
  readonly isolation: 'read_uncommitted' | 'read_committed'
  /** Stops at the ends of its partitions as they are now. */
  readonly exit?: true
}

/** A member that is killed gives its partitions up after so long. */
const TIMEOUTS = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 3000 } as const
/** How long a reader that stops at the end goes on without the service, as `consume -e` does without a group. */
const OUTAGE_MS = 120_000
/** How often a reader that stops at the end looks whether it is there. */
const LOOK_MS = 50

/**
 * Prints what a member of a group is given, and commits it: what is printed first, so that a command that is killed prints
 * records twice rather than never.
 */
export async function consumeInGroup(
  reading: GroupReading,
  printer: RecordPrinter,
  context: Context,
): Promise<void> {
  const { topic: name, groupId, startFrom, isolation } = reading
  const { signal } = context
  const transport = context.connect(FIRST_CONTACT)
  const topic = await readTopic(transport, { name, partition: undefined }, signal)
  const ends = reading.exit === true ? await endOffsets(transport, topic, signal) : undefined
  const maxPollRecords = Math.max(1, Math.min(500, printer.wanted()))
  const options = resolveOptions({ groupId, startFrom, isolation, maxPollRecords, ...TIMEOUTS })
  const outage = outageWatch(transport.now)
  const consumer = newConsumer(context.connect({}, outage.onTry), options)
  tellTroubles(consumer)
  const enough = new AbortController()
  const printBatch = async ({ batch, resolveOffset }: BatchToHandle) => {
    const count = await printer.print(batch.records.map(printable), sizeOf(batch.records))
    await printer.flush()
    const last = batch.records[count - 1]
    if (last !== undefined) resolveOffset(last.offset)
    if (printer.isFull()) enough.abort()
  }
  // While a rebalance waits for other members it has nothing, which does not mean that it has read everything.
  let isAssigned = false
  await consumer.subscribe({
    topics: [name],
    onPartitionsAssigned: () => {
      isAssigned = true
    },
    onPartitionsRevoked: () => {
      isAssigned = false
    },
  })
  await consumer.run({ eachBatch: printBatch })
  try {
    if (printer.isFull()) return
    const ended = [consumer.stopped, aborted(enough.signal), aborted(signal)]
    if (ends !== undefined) {
      const isRead = () => isAssigned && isReadTo(ends, consumer)
      ended.push(until(isRead, transport, enough.signal), outage.tooLong)
    }
    await Promise.race(ended)
  } finally {
    enough.abort()
    await consumer.close()
  }
  await consumer.stopped
  signal.throwIfAborted()
}

/** Says when the service cannot be reached; `tooLong` rejects once that was so for OUTAGE_MS. */
function outageWatch(now: () => number) {
  const notice = noticeOnStderr('the service answers again')
  const { promise: tooLong, reject } = Promise.withResolvers<never>()
  tooLong.catch(() => {}) // only a reader that stops at the end listens
  let sinceMs: number | undefined
  const onTry: OutageNotice = (error) => {
    notice(error)
    sinceMs = error === undefined ? undefined : (sinceMs ?? now())
    const isTooLong = sinceMs !== undefined && now() - sinceMs >= OUTAGE_MS
    if (isTooLong) reject(error)
  }
  return { onTry, tooLong }
}

/** What a request fails with is told as an outage; a membership that is lost, or a topic, would otherwise look like a pause. */
function tellTroubles(consumer: Consumer): void {
  consumer.on('warning', ({ error }) => {
    const isTold = !error.retriable || error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION'
    if (isTold) process.stderr.write(`warning: ${errorText(error)}\n`)
  })
  consumer.on('reset', ({ reason, topic, partition, fromOffset, toOffset }) => {
    if (reason === 'NO_OFFSET') return
    const facts = `partition=${topic}-${partition} reason=${reason} from=${fromOffset ?? '-'} to=${toOffset}`
    process.stderr.write(`warning: what was read last is not in the log any more ${facts}\n`)
  })
}

function printable({ offset, headers, ...record }: ConsumerRecord): ConsumedRecord {
  return { ...record, offset: Number(offset), headers: [...headers] }
}

function sizeOf(records: readonly ConsumerRecord[]): number {
  return records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
}

async function endOffsets(
  transport: Transport,
  { name, topicId, partitions }: FoundTopic,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, number>> {
  const asked = partitions.map(({ partitionIndex }) => ({ partitionIndex, timestamp: LATEST_TIMESTAMP }))
  const request = { topics: [{ name, topicId, partitions: asked }] }
  const answer = await transport.call('list-offsets', request, { signal })
  return new Map(
    (answer.topics[0]?.partitions ?? []).map((row) => {
      const error = rowError(row)
      if (error !== undefined) throw error
      return [row.partitionIndex, row.offset]
    }),
  )
}

/** Whether the member has read all of its partitions to these ends: one to spare has. */
function isReadTo(ends: ReadonlyMap<number, number>, consumer: Consumer): boolean {
  return consumer.assignment().every((partition) => {
    const position = consumer.position(partition)
    return position !== undefined && position >= (ends.get(partition.partition) ?? 0)
  })
}

async function until(isSo: () => boolean, { sleep }: Transport, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !isSo()) await sleep(LOOK_MS, undefined)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
