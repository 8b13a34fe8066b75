import { setTimeout as wait } from 'node:timers/promises'
import { rowError } from '../../client/index.ts'
import { type Answer, decoded, type ReplicatedTopic } from './replicated-topic.ts'

/** A batch, and what its producer was told of it. */
export interface LoadBatch {
  readonly partitionIndex: number
  readonly isIdempotent: boolean
  readonly values: readonly string[]
  /** Undefined: refused for good, or of unknown effect; `duplicate`: in the log, the service no longer knows where. */
  baseOffset: number | 'duplicate' | undefined
  /** Whether some try may have taken effect. */
  mayBeThere: boolean
}

/** Producers and consumers that run until they are stopped. */
export interface Load {
  readonly sent: readonly LoadBatch[]
  /** Refusals and unknown effects by name. */
  readonly errors: Readonly<Record<string, number>>
  /** What consumers saw that must not be. */
  readonly problems: string[]
  /** Resolves when each partition has acknowledged a batch that was first sent after now. */
  nextAcknowledgements(): Promise<void>
  /** Batches acknowledged so far. */
  acknowledged(): number
  /** Resolves when so many more batches are acknowledged. */
  acknowledgements(more: number): Promise<void>
  /** From now on a producer begins its next batch so long after the one before, or as soon as that is acknowledged. */
  pace(ms: number): void
  /** The longest time without an acknowledgement of any partition since the last call, in ms. */
  longestGapMs(): number
  /** Nothing new is sent; resolves when nothing is in flight. */
  stop(): Promise<void>
}

/** From one batch of a producer to its next: with six of them 150 to 240 batches a second. */
const PACE_MS = 25
/** Pause before a batch that was refused is sent again, as clients do. */
const RETRY_MS = 100
const PATIENCE_MS = 60_000
const POLL_MS = 20
/** The first id of a producer; each has its own. */
const PRODUCER_ID = 1000

/** For each of `partitions` a consumer and so many pairs of producers, one of them with sequences, all with acks=all. */
export function startLoad(
  topic: ReplicatedTopic,
  { partitions, pairs = 1 }: { readonly partitions: readonly number[]; readonly pairs?: number },
): Load {
  const sent: LoadBatch[] = []
  const errors: Record<string, number> = {}
  const problems: string[] = []
  const lastAckMs = new Map(partitions.map((partitionIndex) => [partitionIndex, performance.now()]))
  let longestMs = 0
  let acknowledgedBatches = 0
  let paceMs = PACE_MS
  let isOver = false
  let waiters: { readonly sinceMs: number; readonly missing: Set<number>; readonly done: () => void }[] = []

  const acknowledged = (partitionIndex: number, sentAtMs: number) => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - (lastAckMs.get(partitionIndex) ?? nowMs))
    lastAckMs.set(partitionIndex, nowMs)
    for (const { sinceMs, missing, done } of waiters) {
      if (sentAtMs >= sinceMs) missing.delete(partitionIndex)
      if (missing.size === 0) done()
    }
    waiters = waiters.filter(({ missing }) => missing.size > 0)
  }

  const learn = (batch: LoadBatch, answer: Answer, sentAtMs: number): boolean => {
    if (answer.kind === 'acknowledged') {
      batch.baseOffset = answer.baseOffset
      acknowledgedBatches += 1
      acknowledged(batch.partitionIndex, sentAtMs)
      return true
    }
    errors[answer.errorName] = (errors[answer.errorName] ?? 0) + 1
    if (answer.errorName === 'DUPLICATE_SEQUENCE_NUMBER' && batch.isIdempotent) {
      batch.baseOffset = 'duplicate'
      return true
    }
    if (answer.kind === 'unknown') batch.mayBeThere = true
    // Without a sequence a batch that may be there would be there twice.
    return answer.kind === 'unknown' && !batch.isIdempotent
  }

  const produce = async (partitionIndex: number, pair: number, isIdempotent: boolean) => {
    let baseSequence = 0
    for (let number = 0; !isOver; number += 1) {
      const kind = `${isIdempotent ? 'i' : 'p'}${pair}-`
      const values = Array.from(
        { length: 1 + (number % 3) },
        (_, at) => `${partitionIndex}${kind}${number}.${at}`,
      )
      const batch: LoadBatch = {
        partitionIndex,
        isIdempotent,
        values,
        baseOffset: undefined,
        mayBeThere: false,
      }
      sent.push(batch)
      const begunAtMs = performance.now()
      const sequence = { producerId: PRODUCER_ID + partitionIndex * pairs + pair, baseSequence }
      const producer = isIdempotent ? { producer: sequence } : {}
      for (;;) {
        const sentAtMs = performance.now()
        if (learn(batch, await topic.produce({ partitionIndex, values, ...producer }), sentAtMs)) break
        await wait(RETRY_MS)
      }
      baseSequence += values.length
      const leftMs = begunAtMs + paceMs - performance.now()
      if (leftMs > 0) await wait(leftMs)
    }
  }

  const consume = async (partitionIndex: number) => {
    let fetchOffset = 0
    let lastFetchedEpoch = -1
    while (!isOver) {
      const rows = [{ partitionIndex, fetchOffset, lastFetchedEpoch }]
      const topics = [{ name: topic.name, partitions: rows }]
      const answer = await topic.log.call('fetch', { maxWaitMs: 200, topics }).catch(() => undefined)
      const row = answer?.topics[0]?.partitions[0]
      if (row === undefined || rowError(row) !== undefined) {
        await wait(RETRY_MS)
        continue
      }
      if (row.divergingEpoch !== undefined) {
        problems.push(`partition ${partitionIndex}: what was read below ${fetchOffset} was truncated`)
        return
      }
      for (const { offset, leaderEpoch, value } of row.records) {
        if (offset !== fetchOffset)
          problems.push(`partition ${partitionIndex}: ${offset} follows ${fetchOffset}`)
        seen.set(`${partitionIndex}/${offset}`, decoded(value))
        fetchOffset = offset + 1
        lastFetchedEpoch = leaderEpoch
      }
    }
  }

  const seen = new Map<string, string>()
  const running = partitions.flatMap((index) =>
    Array.from({ length: pairs }, (_, pair) => [
      produce(index, pair, true),
      produce(index, pair, false),
    ]).flat(),
  )
  const consuming = partitions.map(consume)
  return {
    sent,
    errors,
    problems,
    nextAcknowledgements: async () => {
      const { promise, resolve } = Promise.withResolvers<'all'>()
      const missing = new Set(partitions)
      waiters.push({ sinceMs: performance.now(), missing, done: () => resolve('all') })
      const late = wait(PATIENCE_MS, 'late' as const, { ref: false })
      if ((await Promise.race([promise, late])) === 'late') {
        throw new Error(
          `not acknowledged in time partitions=${[...missing]} errors=${JSON.stringify(errors)}`,
        )
      }
    },
    acknowledged: () => acknowledgedBatches,
    acknowledgements: async (more) => {
      const wanted = acknowledgedBatches + more
      while (acknowledgedBatches < wanted) {
        if (performance.now() - Math.max(...lastAckMs.values()) > PATIENCE_MS) {
          throw new Error(`nothing is acknowledged errors=${JSON.stringify(errors)}`)
        }
        await wait(POLL_MS)
      }
    },
    pace: (ms) => {
      paceMs = ms
    },
    longestGapMs: () => {
      const nowMs = performance.now()
      const longest = Math.max(longestMs, ...[...lastAckMs.values()].map((ms) => nowMs - ms))
      longestMs = 0
      return longest
    },
    stop: async () => {
      isOver = true
      await Promise.all([...running, ...consuming])
      for (const partitionIndex of partitions) {
        const log = await topic.read(partitionIndex)
        for (const [place, value] of seen) {
          const [partition, offset] = place.split('/').map(Number)
          if (partition === partitionIndex && log.get(offset ?? -1) !== value) {
            problems.push(`${place} was read as ${value}, and is ${log.get(offset ?? -1)}`)
          }
        }
      }
    },
  }
}

/** Which promises the log of a topic breaks to its producers, once nothing is in flight. */
export async function brokenPromises(topic: ReplicatedTopic, sent: readonly LoadBatch[]): Promise<string[]> {
  const broken: string[] = []
  const byPartition = Map.groupBy(sent, ({ partitionIndex }) => partitionIndex)
  for (const [partitionIndex, batches] of byPartition) {
    const log = await topic.read(partitionIndex)
    const offsets = Map.groupBy(log.keys(), (offset) => log.get(offset) ?? '')
    for (let offset = 0; offset < log.size; offset += 1) {
      if (!log.has(offset)) broken.push(`${partitionIndex}: offset ${offset} is missing`)
    }
    for (const batch of batches) broken.push(...brokenBy(batch, offsets))
  }
  return broken
}

function brokenBy(batch: LoadBatch, offsets: ReadonlyMap<string, readonly number[]>): string[] {
  const { baseOffset } = batch
  return batch.values.flatMap((value, position) => {
    const at = offsets.get(value) ?? []
    if (at.length > 1) return [`${value} is there ${at.length} times`]
    if (baseOffset === undefined) {
      return at.length > 0 && !batch.mayBeThere ? [`${value} is there, but had no effect`] : []
    }
    if (at.length === 0) return [`${value} was acknowledged, and is lost`]
    const wanted = baseOffset === 'duplicate' ? at[0] : baseOffset + position
    return at[0] === wanted ? [] : [`${value} was acknowledged at ${wanted}, and is at ${at[0]}`]
  })
}
