import { bytesOf, shareOut } from '../core/fetch-plan.ts'
import { type Head, type LocatedBatch, lastStableOffset } from '../core/head.ts'
import type { FetchedOffsets, FetchRequest, FetchResponse } from '../protocol/api/fetch.ts'
import { type ErrorRow, KafkaError, NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_FETCH_BYTES } from '../protocol/limits.ts'
import type { Deps } from './deps.ts'
import { hasMoved, type Partition, partitionName } from './heads.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { readBatches } from './read-batches.ts'
import { checkLeaderEpoch, readByHead, requireBatches, visibleEnd } from './read-partition.ts'
import { eachRow, rowOf } from './rows.ts'
import { requestedPartition } from './topics.ts'

/** A fetched partition: whole batches, of which the first may begin below fetchOffset; `nextOffset` is where to go on. */
export type FetchedBatches = FetchedOffsets &
  ({ readonly errorCode: 0 } | ErrorRow) & {
    readonly nextOffset: number
    readonly batches: readonly Uint8Array[]
  }

type PartitionToFetch = FetchRequest['topics'][number]['partitions'][number] & {
  readonly name: string
  readonly topicId?: string | undefined
}

/** What one partition could be given by a head as it is now. */
interface Plan {
  readonly partition: Partition
  readonly head: Head
  readonly batches: readonly LocatedBatch[]
}

/**
 * Record batches from given offsets on (Kafka's Fetch, API key 1). Waits until there are `minBytes`, some partition has
 * an error, or `maxWaitMs` is over; `signal` ends the wait when the caller is gone.
 *
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 */
export async function fetch(
  deps: Deps,
  request: FetchRequest,
  signal?: AbortSignal,
): Promise<FetchResponse<FetchedBatches>> {
  refusePartitionsTwice(request.topics)
  const rows = request.topics.flatMap(({ name, topicId, partitions }) =>
    partitions.map((partition) => ({ name, topicId, ...partition })),
  )
  const plans = await planWhenReady(deps, request, rows, signal)
  const shares = rows.map((row, position) => {
    const plan = plans[position]
    return { batches: isPlan(plan) ? plan.batches : [], partitionMaxBytes: row.partitionMaxBytes }
  })
  const taken = shareOut(shares, Math.min(request.maxBytes, MAX_FETCH_BYTES))
  const fetched = await eachRow(deps, rows, async (row, position) => {
    const plan = plans[position]
    if (!isPlan(plan)) return failedRow(row, plan as ErrorRow)
    const answer = await rowOf(deps, () => readPlanned(deps, request, row, plan, taken[position] ?? []))
    return 'errorName' in answer ? failedRow(row, answer) : answer
  })
  let next = 0
  return {
    topics: request.topics.map(({ name, topicId, partitions }) => {
      const answers = fetched.slice(next, next + partitions.length)
      next += partitions.length
      return { name, ...(topicId === undefined ? {} : { topicId }), partitions: answers }
    }),
  }
}

/** Plans again each time a watched head moved, until the plans are worth answering. */
async function planWhenReady(
  deps: Deps,
  request: FetchRequest,
  rows: readonly PartitionToFetch[],
  signal: AbortSignal | undefined,
): Promise<readonly (Plan | ErrorRow)[]> {
  const minBytes = Math.min(request.minBytes, request.maxBytes)
  const deadlineMs = deps.clock.nowMs() + Math.min(request.maxWaitMs, deps.maxFetchWaitMs)
  for (;;) {
    const plans = await eachRow(deps, rows, (row) => rowOf(deps, () => planRow(deps, request, row)))
    const ready = plans.filter(isPlan)
    const bytes = ready.reduce((sum, plan) => sum + bytesOf(plan.batches), 0)
    const worthIt = bytes >= minBytes || ready.length < plans.length || plans.length === 0
    if (worthIt || !(await waitForMove(deps, ready, deadlineMs, signal))) return plans
  }
}

/** False when nothing moved until the deadline. Polls by eventual reads: they only end the wait, the answer is read anew. */
async function waitForMove(
  deps: Deps,
  plans: readonly Plan[],
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let pollMs: number = deps.limits.minWaitPollMs
  for (;;) {
    const leftMs = deadlineMs - deps.clock.nowMs()
    if (leftMs <= 0 || signal?.aborted === true) return false
    await deps.clock.sleep(Math.min(pollMs, leftMs), signal)
    pollMs = Math.min(pollMs * 2, deps.limits.maxWaitPollMs)
    // A poll that failed says nothing: the wait goes on.
    const moved = await eachRow(deps, plans, ({ partition, head }) =>
      rowOf(deps, () => hasMoved(deps, partition, head)),
    )
    if (moved.includes(true)) return true
  }
}

async function planRow(deps: Deps, request: FetchRequest, row: PartitionToFetch): Promise<Plan> {
  const { partition, head: start } = await requestedPartition(deps, row)
  const { head, value } = await readByHead(deps, partition, start, (head) => {
    checkLeaderEpoch(head, partition, row.currentLeaderEpoch)
    checkOffset(head, partition, row.fetchOffset)
    return requireBatches(deps, partition, head, {
      from: row.fetchOffset,
      end: visibleEnd(head, request.isolationLevel),
      maxBytes: Math.min(row.partitionMaxBytes, request.maxBytes, MAX_FETCH_BYTES),
    })
  })
  return { partition, head, batches: value }
}

function checkOffset(head: Head, partition: Partition, fetchOffset: number): void {
  if (fetchOffset >= head.logStartOffset && fetchOffset <= head.logEndOffset) return
  throw new KafkaError(
    'OFFSET_OUT_OF_RANGE',
    `offset is outside the log partition=${partitionName(partition)} offset=${fetchOffset} logStartOffset=${head.logStartOffset} logEndOffset=${head.logEndOffset}`,
  )
}

async function readPlanned(
  deps: Deps,
  request: FetchRequest,
  row: PartitionToFetch,
  plan: Plan,
  taken: readonly LocatedBatch[],
): Promise<FetchedBatches> {
  const { partition } = plan
  const { head, value } = await readByHead(deps, partition, plan.head, async (head) => {
    const end = visibleEnd(head, request.isolationLevel)
    const again = { from: row.fetchOffset, end, maxBytes: bytesOf(taken) }
    const located = head === plan.head ? taken : await requireBatches(deps, partition, head, again)
    return { located, batches: await readBatches(deps, partition, head, located) }
  })
  return {
    partitionIndex: row.partitionIndex,
    ...NO_ERROR,
    highWatermark: head.highWatermark,
    lastStableOffset: lastStableOffset(head),
    logStartOffset: head.logStartOffset,
    abortedTransactions: [],
    nextOffset: value.located.at(-1)?.endOffset ?? row.fetchOffset,
    batches: value.batches,
  }
}

function isPlan(plan: Plan | ErrorRow | undefined): plan is Plan {
  return plan !== undefined && 'partition' in plan
}

function failedRow(row: PartitionToFetch, error: ErrorRow): FetchedBatches {
  return {
    partitionIndex: row.partitionIndex,
    ...error,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: [],
    nextOffset: row.fetchOffset,
    batches: [],
  }
}
