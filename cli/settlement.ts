import { BATCH_OVERHEAD_BYTES } from '../shared/protocol/batch-header.ts'
import { type RecordToWrite, recordSizeUpperBound } from '../shared/protocol/encode-batch.ts'
import { MAX_PRODUCE_BYTES } from '../shared/protocol/limits.ts'
import { type Acknowledged, acknowledgements, type Outcome } from './acknowledgements.ts'
import type { InputBatch } from './batcher.ts'

/** What became of the lines so far: acknowledged ones are told in the order of the input, failed ones kept. */
export interface Settlement {
  /** The next input line is this record, which is in this batch. */
  add(record: RecordToWrite, batch: InputBatch): void
  /** Outcome i is that of batch i. Resolves once what can be told was told. */
  settle(batches: readonly InputBatch[], outcomes: readonly Outcome[]): Promise<void>
  /** Whether so much is not acknowledged, or not told, that no more should be added. */
  isFull(): boolean
  /** Tells everything acknowledged, whatever else failed or was not sent: for the end. */
  tellAll(): Promise<void>
  /** The lines that failed with this effect. */
  failedLines(effect: 'none' | 'unknown'): readonly number[]
}

interface SettlementDeps {
  readonly acknowledge: (lines: readonly Acknowledged[]) => Promise<void>
  readonly onFailure: (error: Error) => void
}

/** Batches not acknowledged yet: eight full requests. No more is taken before the service keeps up. */
const MAX_UNSETTLED_BYTES = 8 * MAX_PRODUCE_BYTES
/** Acknowledged lines that wait for one before them: a few MB, whatever the lines hold. */
const MAX_WAITING_LINES = 200_000

/** The settlement of an input of which nothing was sent yet. */
export function newSettlement(deps: SettlementDeps): Settlement {
  const journal = acknowledgements()
  const failed: { lines: readonly number[]; effect: 'none' | 'unknown' }[] = []
  let telling = Promise.resolve()
  let unsettledBytes = 0

  const tell = (lines: readonly Acknowledged[]) => {
    telling = telling.then(() => deps.acknowledge(lines))
    return telling
  }
  const settleOne = (batch: InputBatch, outcome: Outcome) => {
    unsettledBytes -= batch.bytes - BATCH_OVERHEAD_BYTES
    journal.settle(batch, outcome)
    if (!('error' in outcome)) return
    failed.push({ lines: batch.lines, effect: outcome.error.effect })
    deps.onFailure(outcome.error)
  }

  return {
    add: (record, batch) => {
      journal.add(batch)
      unsettledBytes += recordSizeUpperBound(record)
    },
    settle: async (batches, outcomes) => {
      for (const [index, batch] of batches.entries()) {
        const outcome = outcomes[index]
        if (outcome !== undefined) settleOne(batch, outcome)
      }
      await tell(journal.take())
    },
    isFull: () => unsettledBytes > MAX_UNSETTLED_BYTES || journal.waitingCount() > MAX_WAITING_LINES,
    tellAll: () => tell(journal.takeAll()),
    failedLines: (effect) =>
      failed.filter((batch) => batch.effect === effect).flatMap((batch) => batch.lines),
  }
}
