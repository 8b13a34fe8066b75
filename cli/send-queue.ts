import type { RecordToWrite } from '../shared/protocol/encode-batch.ts'
import { MAX_PRODUCE_BYTES } from '../shared/protocol/limits.ts'
import type { Acknowledged, Outcome } from './acknowledgements.ts'
import type { Batcher, InputBatch } from './batcher.ts'
import { newSettlement } from './settlement.ts'

/** What a send queue takes from outside. */
export interface SendQueueDeps {
  readonly batcher: Batcher
  readonly maxInFlight: number
  /** Sends batches of different partitions and answers outcome i for batch i. */
  readonly deliver: (batches: readonly InputBatch[]) => Promise<readonly Outcome[]>
  /** Is told of acknowledged lines in the order of the input. */
  readonly acknowledge: (lines: readonly Acknowledged[]) => Promise<void>
  /** Is told of the first failure, after which nothing more is sent. */
  readonly onFailure: (error: Error) => void
}

/** Records on their way: gathered, in flight, or acknowledged and waiting for a line before them. */
export interface SendQueue {
  add(record: RecordToWrite, line: number): void
  /** Sends what is full; with `idle` also what is not, as soon as a request may be made. */
  send(input: 'idle' | 'busy'): void
  /** Resolves once there is room for more records. */
  room(): Promise<void>
  /** Nothing more is sent; what is under way still ends. */
  stop(): void
  /** Resolves once nothing is under way; then everything acknowledged was told. */
  settled(): Promise<void>
  /** The lines that were not acknowledged, by what became of them. */
  failedLines(): FailedLines
}

export interface FailedLines {
  readonly refused: readonly number[]
  readonly unknown: readonly number[]
  readonly notSent: readonly number[]
}

/** A queue of nothing yet. It holds a bounded amount of memory as long as its user awaits `room`. */
export function sendQueue(deps: SendQueueDeps): SendQueue {
  const { batcher } = deps
  const inFlight = new Set<Promise<void>>()
  let isIdle = false
  let isStopped = false

  const fail = (error: Error) => {
    isStopped = true
    deps.onFailure(error)
  }
  const settlement = newSettlement({ acknowledge: deps.acknowledge, onFailure: fail })
  const deliver = async (batches: readonly InputBatch[]) => {
    await settlement.settle(batches, await deps.deliver(batches))
  }
  const sendWhatIsReady = () => {
    while (!isStopped && inFlight.size < deps.maxInFlight) {
      if (isIdle) batcher.flush() // while all requests are under way, more gathers
      const batches = batcher.take(MAX_PRODUCE_BYTES)
      if (batches.length === 0) return
      const sending: Promise<void> = deliver(batches)
        .catch((error: unknown) => fail(error instanceof Error ? error : new Error(String(error))))
        .finally(() => {
          inFlight.delete(sending)
          sendWhatIsReady()
        })
      inFlight.add(sending)
    }
  }

  return {
    add: (record, line) => settlement.add(record, batcher.add(record, line)),
    send: (input) => {
      isIdle = input === 'idle'
      sendWhatIsReady()
    },
    room: async () => {
      while (settlement.isFull() && !isStopped) {
        batcher.flush() // what is full may be waiting for something that is not
        sendWhatIsReady()
        await Promise.race(inFlight)
      }
    },
    stop: () => {
      isStopped = true
    },
    settled: async () => {
      while (inFlight.size > 0) await Promise.race(inFlight)
      await settlement.tellAll()
    },
    failedLines: () => ({
      refused: settlement.failedLines('none'),
      unknown: settlement.failedLines('unknown'),
      notSent: batcher.left().flatMap((batch) => batch.lines),
    }),
  }
}
