import type { Price } from './prices.ts'
import { print } from './print-table.ts'
import { type RequestCounts, total } from './request-counts.ts'
import { unitsPerRequest } from './request-targets.ts'
import type { FetchCounts, ProduceCounts, ProduceWorkload } from './request-workloads.ts'

type Columns = readonly string[]

/** What was counted per append; a column for each workload. */
export function printProduces(
  produces: readonly { readonly workload: ProduceWorkload; readonly counts: ProduceCounts }[],
): void {
  const warm = produces.map(({ counts }) => counts.warm)
  const row = (name: string, of: (counts: RequestCounts) => string): Columns => [name, ...warm.map(of)]
  const operations = [...new Set(warm.flatMap(({ calls }) => Object.keys(calls)))].sort()
  print([
    ['per append', ...produces.map(({ workload }) => workload.topic)],
    ...operations.map((operation) =>
      row(operation, ({ calls, requests }) => ((calls[operation] ?? 0) / requests).toFixed(3)),
    ),
    row('write units, table', ({ tableWriteUnits, requests }) =>
      (total(tableWriteUnits) / requests).toFixed(3),
    ),
    row('  of appends', ofUnits('UpdateItem append')),
    row('  of page puts', ofUnits('PutItem page')),
    row('  of trims', ofUnits('UpdateItem trim')),
    row('write units, index', ({ indexWriteUnits, requests }) => (indexWriteUnits / requests).toFixed(3)),
    row('write units, both', (counts) => unitsPerRequest(counts).toFixed(3)),
    row('sequential calls', ({ sequentialCalls }) => String(sequentialCalls.median)),
    ['in the whole run', ...produces.map(() => '')],
    row('appends', ({ requests }) => String(requests)),
    row('page puts', ({ calls }) => String(calls['PutItem page'] ?? 0)),
    row('trims', ({ calls }) => String(calls['UpdateItem trim'] ?? 0)),
    row('refused appends', ({ refused }) => String(refused['UpdateItem append'] ?? 0)),
    row('refused page puts', ({ refused }) => String(refused['PutItem page'] ?? 0)),
    row('read units', ({ readUnits }) => String(readUnits)),
    [
      'index units, first appends too',
      ...produces.map(({ counts }) => String(counts.warm.indexWriteUnits + counts.cold.indexWriteUnits)),
    ],
    row('largest head, bytes', ({ largestHeadBytes }) => String(largestHeadBytes)),
    row('longest append, calls', ({ sequentialCalls }) => String(sequentialCalls.most)),
    [
      "a handler's first append, calls",
      ...produces.map(({ counts }) => String(counts.cold.sequentialCalls.median)),
    ],
  ])
}

/** What was counted per fetch. */
export function printFetches({ inTail, justPaged, longPoll }: FetchCounts): void {
  const columns = [inTail, justPaged, longPoll]
  const operations = ['GetItem head', 'Query page', 'GetItem topic', 'GET wal']
  print([
    ['per fetch', 'batch in the tail', 'batch just paged', 'long poll of 2 s'],
    ...operations.map((operation) => [
      operation,
      ...columns.map(({ calls, requests }) => ((calls[operation] ?? 0) / requests).toFixed(3)),
    ]),
    ['read units', ...columns.map(({ readUnits, requests }) => (readUnits / requests).toFixed(3))],
    ['sequential calls', ...columns.map(({ sequentialCalls }) => String(sequentialCalls.median))],
    ['fetches', ...columns.map(({ requests }) => String(requests))],
  ])
}

/** US dollars for a million requests. */
export function printPrices(
  prices: readonly { readonly name: string; readonly httpApi: Price; readonly functionUrl: Price }[],
): void {
  print([
    ['$ per million', 'DynamoDB', 'S3 requests', 'S3 bytes', 'Lambda', 'by Function URL', 'by HTTP API'],
    ...prices.map(({ name, httpApi, functionUrl }) => [
      name,
      ...[httpApi.dynamoDb, httpApi.s3Requests, httpApi.s3Bytes, httpApi.lambda].map(dollars),
      ...[functionUrl.sum, httpApi.sum].map(dollars),
    ]),
  ])
}

function ofUnits(operation: string) {
  return ({ tableWriteUnits, requests }: RequestCounts) =>
    ((tableWriteUnits[operation] ?? 0) / requests).toFixed(3)
}

function dollars(amount: number): string {
  return amount.toFixed(2)
}
