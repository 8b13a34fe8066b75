import { type RequestCounts, total } from './request-counts.ts'
import type { FetchCounts, ProduceCounts, ProduceWorkload } from './request-workloads.ts'

const REPLICAS = 3
const APPENDS_PER_PAGE = 8
/** Write units that an append may take with so many producers at once: the more there are, the longer a tail grows until it is trimmed. */
const MOST_WRITE_UNITS = new Map([
  [1, 1.3],
  [4, 1.3],
  [8, 1.8],
])

/** Which of the budgets of a produce workload were missed, in words; none when all were kept. */
export function missedByProduce(workload: ProduceWorkload, { warm, cold }: ProduceCounts): string[] {
  const { requests, calls, sequentialCalls } = warm
  const pages = Math.ceil(requests / APPENDS_PER_PAGE)
  const units = unitsPerRequest(warm)
  const most = MOST_WRITE_UNITS.get(workload.producers) ?? Number.POSITIVE_INFINITY
  return missed([
    ['PUTs', calls['PUT wal'] ?? 0, requests * REPLICAS],
    ['appends', calls['UpdateItem append'] ?? 0, requests],
    ['page puts', calls['PutItem page'] ?? 0, pages],
    ['trims', calls['UpdateItem trim'] ?? 0, pages],
    ['refused appends', warm.refused['UpdateItem append'] ?? 0, 0],
    ['write units per append', units, most],
    ['index write units of the whole run', warm.indexWriteUnits + cold.indexWriteUnits, 1],
    ['sequential calls of most appends', sequentialCalls.median, 2],
  ])
}

/** The same of fetches. */
export function missedByFetch({ inTail, longPoll }: FetchCounts): string[] {
  return missed([
    ['reads of a fetch at the tail', (inTail.calls['GetItem head'] ?? 0) / inTail.requests, 1],
    ['GETs of a fetch at the tail', (inTail.calls['GET wal'] ?? 0) / inTail.requests, 1],
    ['all calls of a fetch at the tail', perFetch(inTail), 2],
    ['S3 calls of a long poll', longPoll.s3Calls, 0],
  ])
}

/** Calls of a fetch. The topic is read once in ten seconds, however many fetches there are. */
function perFetch({ calls, requests }: FetchCounts['inTail']): number {
  return (total(calls) - (calls['GetItem topic'] ?? 0)) / requests
}

/** Write units of the table and the index, by request. */
export function unitsPerRequest({ tableWriteUnits, indexWriteUnits, requests }: RequestCounts): number {
  return (total(tableWriteUnits) + indexWriteUnits) / requests
}

function missed(budgets: readonly (readonly [what: string, counted: number, most: number])[]): string[] {
  return budgets
    .filter(([, counted, most]) => counted > most)
    .map(([what, counted, most]) => `too many ${what} counted=${counted} most=${most}`)
}
