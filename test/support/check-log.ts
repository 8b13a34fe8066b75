import type { SentBatch } from './kill-producer.ts'
import type { LogBatch } from './raw-client.ts'

/** What a log holds of what was sent; every entry of `problems` is a broken promise. */
export interface LogCheck {
  readonly problems: readonly string[]
  readonly logBatches: number
  readonly logRecords: number
  /** Copies beyond the first, all of batches that were sent again after an unknown effect. */
  readonly extraCopies: number
}

/**
 * Compares a log with the batches that were sent to it, all of them acknowledged in the end: offsets are dense, each
 * batch stands whole at the offset that was acknowledged, and nothing else is there. A producer without idempotence may
 * have a batch once more for every time that its effect stayed unknown; an idempotent one has each once, in its order.
 */
export function checkLog(
  sent: readonly SentBatch[],
  log: readonly LogBatch[],
  options: { readonly isIdempotent: boolean },
): LogCheck {
  const problems: string[] = []
  const byFirstKey = new Map(sent.map((batch) => [batch.keys[0], batch]))
  const copies = new Map<SentBatch, number[]>()
  let nextOffset = 0
  for (const found of log) {
    if (found.baseOffset !== nextOffset) {
      problems.push(`offsets are not dense expected=${nextOffset} found=${found.baseOffset}`)
    }
    nextOffset = found.baseOffset + found.records.length
    const batch = byFirstKey.get(keyOf(found, 0))
    if (batch === undefined || !isWhole(batch, found)) {
      problems.push(`nobody sent the batch at offset=${found.baseOffset} key=${keyOf(found, 0)}`)
    } else {
      copies.set(batch, [...(copies.get(batch) ?? []), found.baseOffset])
    }
  }
  for (const batch of sent) {
    problems.push(...problemsOf(batch, copies.get(batch) ?? [], options.isIdempotent))
  }
  if (options.isIdempotent) problems.push(...disorder(sent, copies))
  return {
    problems,
    logBatches: log.length,
    logRecords: nextOffset,
    extraCopies: [...copies.values()].reduce((sum, offsets) => sum + offsets.length - 1, 0),
  }
}

function problemsOf(batch: SentBatch, offsets: readonly number[], isIdempotent: boolean): string[] {
  const facts = `batch=${batch.keys[0]} acknowledged=${batch.baseOffset} found=${offsets} unknown=${batch.unknown}`
  if (batch.baseOffset === undefined) return [`batch was never acknowledged ${facts}`]
  if (offsets.length === 0) return [`acknowledged batch is lost ${facts}`]
  if (typeof batch.baseOffset === 'number' && !offsets.includes(batch.baseOffset)) {
    return [`batch is not at its acknowledged offset ${facts}`]
  }
  const allowed = isIdempotent ? 1 : 1 + batch.unknown
  return offsets.length > allowed ? [`batch is there too often ${facts}`] : []
}

/** Batches of one producer that do not stand in the order in which it sent them. */
function disorder(sent: readonly SentBatch[], copies: ReadonlyMap<SentBatch, readonly number[]>): string[] {
  const problems: string[] = []
  for (const [producer, batches] of Map.groupBy(sent, (batch) => batch.producer)) {
    let last = -1
    for (const batch of batches) {
      const offset = copies.get(batch)?.[0] ?? last
      if (offset < last) problems.push(`producer=${producer} is out of order batch=${batch.keys[0]}`)
      last = offset
    }
  }
  return problems
}

function isWhole(batch: SentBatch, { records }: LogBatch): boolean {
  return (
    records.length === batch.lines.length &&
    records.every(({ value }, position) => value !== null && batch.lines[position]?.equals(value) === true) &&
    batch.keys.every((key, position) => key === text(records[position]?.key))
  )
}

function keyOf({ records }: LogBatch, position: number): string {
  return text(records[position]?.key)
}

function text(bytes: Uint8Array | null | undefined): string {
  return bytes ? Buffer.from(bytes).toString() : ''
}
