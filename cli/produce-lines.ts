import { MAX_BATCH_BYTES } from '../shared/protocol/limits.ts'
import type { InputChunk } from './input-chunks.ts'
import { inputRecord, type RecordTemplate } from './input-record.ts'
import { lineSplitter } from './lines.ts'
import type { SendQueue } from './send-queue.ts'

/** How an input is produced. */
export interface ProduceLinesOptions {
  readonly template: RecordTemplate
  readonly now: () => number
  /** Aborted when nothing more is to be sent: something failed, or the user interrupts. */
  readonly stopped: AbortSignal
}

/** Where the reading of an input ended. */
export interface InputEnd {
  /** Number, from 1, of the first line that was not looked at; undefined when the input was read to its end. */
  readonly notReadFrom: number | undefined
  /** A line longer than the largest batch. */
  readonly error: Error | undefined
}

/** Sends every line of the input as a record, and waits until all are settled. */
export async function produceLines(
  input: AsyncIterable<InputChunk>,
  queue: SendQueue,
  options: ProduceLinesOptions,
): Promise<InputEnd> {
  const { stopped } = options
  const splitter = lineSplitter()
  let lineCount = 0
  const add = (line: Uint8Array) => {
    lineCount += 1
    queue.add(inputRecord(line, options.template, options.now()), lineCount)
  }
  for await (const chunk of input) {
    if (chunk !== 'idle') splitter.push(chunk).forEach(add)
    queue.send(chunk === 'idle' ? 'idle' : 'busy')
    await queue.room()
    if (stopped.aborted || splitter.heldBytes() > MAX_BATCH_BYTES) break
  }
  const isTooLong = splitter.heldBytes() > MAX_BATCH_BYTES
  const isWhole = !isTooLong && !stopped.aborted
  if (isWhole) splitter.end().forEach(add)
  queue.send('idle')
  await queue.settled()
  return {
    notReadFrom: isWhole ? undefined : lineCount + 1,
    error: isTooLong ? tooLong(lineCount + 1) : undefined,
  }
}

function tooLong(line: number): Error {
  return new Error(`line is too long for a record batch line=${line} maxBytes=${MAX_BATCH_BYTES}`)
}
