import { bytesOf, shareOut } from '../core/fetch-plan.ts'
import { type LocatedBatch, lastStableOffset } from '../core/head.ts'
import type { FetchedOffsets, FetchRequest, FetchResponse } from '../protocol/api/fetch.ts'
import { type ErrorRow, NO_ERROR } from '../protocol/kafka-error.ts'
import { MAX_FETCH_BYTES } from '../protocol/limits.ts'
import type { Deps } from './deps.ts'
import { hasMoved } from './heads.ts'
import { refusePartitionsTwice } from './named-twice.ts'
import { answerTopics, partitionRows } from './partition-rows.ts'
import { type FetchPlan, type PartitionToFetch, planPartition, readPlan } from './plan-fetch.ts'
import { eachRow, rowOf } from './rows.ts'
import { nodesInZone } from './zones.ts'

/** A fetched partition: whole batches, of which the first may begin below fetchOffset; `nextOffset` is where to go on. */
export type FetchedBatches = FetchedOffsets &
  ({ readonly errorCode: 0 } | ErrorRow) & {
    readonly nextOffset: number
    readonly batches: readonly Uint8Array[]
  }

/**
 * Record batches from given offsets on (Kafka's Fetch, API key 1). Waits until there are `minBytes`, some partition has
 * an error or diverges, or `maxWaitMs` is over; `signal` ends the wait when the caller is gone. `rackId` is the caller's
 * zone, whose copies are read first.
 *
 * @throws KafkaError INVALID_REQUEST when a partition stands in the request twice
 */
export async function fetch(
  deps: Deps,
  request: FetchRequest,
  signal?: AbortSignal,
): Promise<FetchResponse<FetchedBatches>> {
  refusePartitionsTwice(request.topics)
  const rows = partitionRows(request.topics)
  const plans = await planWhenReady(deps, request, rows, signal)
  const shares = rows.map((row, position) => {
    const plan = plans[position]
    return { batches: isPlan(plan) ? plan.batches : [], partitionMaxBytes: row.partitionMaxBytes }
  })
  const shared = shareOut(shares, Math.min(request.maxBytes, MAX_FETCH_BYTES))
  const isEmpty = shared.every((batches) => batches.length === 0)
  const near = await nodesInZone(deps, isEmpty ? undefined : request.rackId)
  const fetched = await eachRow(deps, rows, async (row, position) => {
    const plan = plans[position]
    if (!isPlan(plan)) return failedRow(row, plan as ErrorRow)
    const taken = shared[position] ?? []
    const answer = await rowOf(deps, () => readPlanned(deps, request, row, { plan, taken, near }))
    return 'errorName' in answer ? failedRow(row, answer) : answer
  })
  return { topics: answerTopics(request.topics, fetched) }
}

/** Plans again each time a watched head moved, until the plans are worth answering. */
async function planWhenReady(
  deps: Deps,
  request: FetchRequest,
  rows: readonly PartitionToFetch[],
  signal: AbortSignal | undefined,
): Promise<readonly (FetchPlan | ErrorRow)[]> {
  const minBytes = Math.min(request.minBytes, request.maxBytes)
  const deadlineMs = deps.clock.nowMs() + Math.min(request.maxWaitMs, deps.maxFetchWaitMs)
  for (;;) {
    const plans = await eachRow(deps, rows, (row) => rowOf(deps, () => planPartition(deps, request, row)))
    const ready = plans.filter(isPlan)
    const bytes = ready.reduce((sum, plan) => sum + bytesOf(plan.batches), 0)
    const hasNews = ready.length < plans.length || ready.some((plan) => plan.divergingEpoch !== undefined)
    const worthIt = bytes >= minBytes || hasNews || plans.length === 0
    if (worthIt || !(await waitForMove(deps, ready, deadlineMs, signal))) return plans
  }
}

/** False when nothing moved until the deadline. Polls by eventual reads: they only end the wait, the answer is read anew. */
async function waitForMove(
  deps: Deps,
  plans: readonly FetchPlan[],
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

async function readPlanned(
  deps: Deps,
  request: FetchRequest,
  row: PartitionToFetch,
  read: { plan: FetchPlan; taken: readonly LocatedBatch[]; near: ReadonlySet<number> },
): Promise<FetchedBatches> {
  const { head, value } = await readPlan(deps, request, row, read)
  const { divergingEpoch } = value
  return {
    partitionIndex: row.partitionIndex,
    ...NO_ERROR,
    highWatermark: head.highWatermark,
    lastStableOffset: lastStableOffset(head),
    logStartOffset: head.logStartOffset,
    abortedTransactions: [],
    ...(divergingEpoch === undefined ? {} : { divergingEpoch }),
    nextOffset: value.batches.at(-1)?.endOffset ?? row.fetchOffset,
    batches: value.bytes,
  }
}

function isPlan(plan: FetchPlan | ErrorRow | undefined): plan is FetchPlan {
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
