import { expect, test } from 'vitest'
import type { Outcome } from '../../cli/acknowledgements.ts'
import { batcher, type InputBatch } from '../../cli/batcher.ts'
import { produceLines } from '../../cli/produce-lines.ts'
import { sendQueue } from '../../cli/send-queue.ts'
import { StratologError } from '../../client/index.ts'
import { MAX_BATCH_BYTES } from '../../shared/protocol/limits.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const template = { key: null, delimiter: null, headers: [] }
const failed = (effect: 'none' | 'unknown') => ({
  error: new StratologError('REQUEST_TIMED_OUT', 'no answer', { retriable: true, effect }),
})

/** Produces chunks with batches of one or two short lines; each delivery is answered by hand or by `answer`. */
function producing(options: {
  maxInFlight?: number
  partitionCount?: number
  answer?: (batch: InputBatch) => { baseOffset: number } | { error: StratologError }
}) {
  const printed: string[] = []
  const deliveries: { lines: number[]; resolve: () => void }[] = []
  const stop = new AbortController()
  let nextOffset = 0
  const answer = (batch: InputBatch): Outcome => {
    const baseOffset = nextOffset
    nextOffset += batch.records.length
    return { partition: batch.partition, ...(options.answer?.(batch) ?? { baseOffset }) }
  }
  const queue = sendQueue({
    batcher: batcher({
      partition: undefined,
      partitionCount: options.partitionCount ?? 1,
      batchBytes: 61 + 40,
      random: () => 0,
      hasLeader: () => true,
    }),
    maxInFlight: options.maxInFlight ?? 1,
    deliver: async (batches) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      deliveries.push({ lines: batches.flatMap(({ lines }) => lines), resolve })
      if (options.answer === undefined) await promise
      return batches.map(answer)
    },
    acknowledge: async (lines) => {
      printed.push(...lines.map(({ partition, offset }) => `${partition} ${offset}`))
    },
    onFailure: () => stop.abort(),
  })
  const run = (chunks: readonly (string | 'idle')[]) =>
    produceLines(input(chunks, stop.signal), queue, { template, now: () => 0, stopped: stop.signal })
  return { queue, run, printed, deliveries, stop }
}

/** The texts as bytes; `open` is an input that goes on until nobody reads it any more. */
async function* input(chunks: readonly string[], stopped: AbortSignal): AsyncGenerator<Uint8Array | 'idle'> {
  for (const chunk of chunks) {
    if (chunk === 'open') await new Promise((resolve) => stopped.addEventListener('abort', resolve))
    else yield chunk === 'idle' ? 'idle' : bytes(chunk)
  }
}

const acknowledged = () => ({ baseOffset: 10 })

test('every line is acknowledged in order, the last one without newline too', async () => {
  let next = 0
  const { run, printed } = producing({
    answer: ({ records }) => {
      next += records.length
      return { baseOffset: next - records.length }
    },
  })
  const end = await run(['a\nb', '\n\nd'])
  expect(end).toEqual({ notReadFrom: undefined, error: undefined })
  expect(printed).toEqual(['0 0', '0 1', '0 2', '0 3'])
})

test('no more requests are under way than allowed', async () => {
  const { run, deliveries } = producing({ maxInFlight: 2 })
  const ended = run(['a\nb\nc\nd\n'])
  await expect.poll(() => deliveries.length).toBe(2)
  await new Promise((resolve) => setImmediate(resolve))
  expect(deliveries.map(({ lines }) => lines)).toEqual([[1], [2]])
  deliveries[0]?.resolve()
  await expect.poll(() => deliveries.length).toBe(3)
  deliveries[1]?.resolve()
  deliveries[2]?.resolve()
  await expect.poll(() => deliveries.length).toBe(4)
  deliveries[3]?.resolve()
  await ended
})

test('acknowledgements that come out of order are told in the order of the lines', async () => {
  const { run, deliveries, printed } = producing({ maxInFlight: 2 })
  const ended = run(['a\nb\n'])
  await expect.poll(() => deliveries.length).toBe(2)
  deliveries[1]?.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  expect(printed).toEqual([])
  deliveries[0]?.resolve()
  await ended
  expect(printed).toHaveLength(2)
})

test('what is there is sent when the input is idle', async () => {
  const { queue, deliveries } = producing({ answer: acknowledged })
  queue.add({ key: null, value: bytes('a'), headers: [], timestamp: 0 }, 1)
  queue.send('busy')
  expect(deliveries).toEqual([])
  queue.send('idle')
  expect(deliveries.map(({ lines }) => lines)).toEqual([[1]])
  await queue.settled()
})

test('an unknown effect stops, and names what is unknown and what was not sent', async () => {
  const { run, queue, printed } = producing({
    answer: ({ lines }) => (lines.includes(2) ? failed('unknown') : { baseOffset: 7 }),
  })
  const end = await run(['a\nb\nc\nd\n', 'idle', 'open'])
  expect(printed).toEqual(['0 7'])
  expect(queue.failedLines()).toEqual({ refused: [], unknown: [2], notSent: [3, 4] })
  expect(end.notReadFrom).toBe(5)
})

test('lines acknowledged behind a failed one are still told', async () => {
  const { run, queue, printed } = producing({
    partitionCount: 3,
    answer: ({ partition }) => (partition === 1 ? failed('none') : { baseOffset: 7 }),
  })
  await run(['a\nb\nc\nd\n'])
  expect(printed).toEqual(['0 7', '2 7'])
  expect(queue.failedLines()).toEqual({ refused: [2], unknown: [], notSent: [4] })
})

test('once stopped nothing more is sent', async () => {
  const { run, queue, deliveries, stop } = producing({})
  const ended = run(['a\nb\nc\n', 'idle'])
  await expect.poll(() => deliveries.length).toBe(1)
  stop.abort()
  queue.stop()
  deliveries[0]?.resolve()
  await ended
  expect(deliveries).toHaveLength(1)
  expect(queue.failedLines().notSent).toEqual([2, 3])
})

test('a line that no batch can hold ends it; what stands before is written', async () => {
  const { run, printed } = producing({ answer: acknowledged })
  const end = await run(['a\n', 'x'.repeat(MAX_BATCH_BYTES), 'xx', 'never\nread\n'])
  expect(printed).toEqual(['0 10'])
  expect(end.notReadFrom).toBe(2)
  expect(end.error?.message).toMatch('line=2')
})

test('an input larger than the memory waits for the service', async () => {
  const { queue, deliveries } = producing({})
  const value = new Uint8Array(1 << 20)
  for (let line = 1; line <= 33; line += 1) queue.add({ key: null, value, headers: [], timestamp: 0 }, line)
  let hasRoom = false
  const room = queue.room().then(() => {
    hasRoom = true
  })
  await expect.poll(() => deliveries.length).toBe(1)
  expect(hasRoom).toBe(false)
  deliveries[0]?.resolve()
  await expect.poll(() => deliveries.length).toBe(2)
  deliveries[1]?.resolve()
  await room
})
