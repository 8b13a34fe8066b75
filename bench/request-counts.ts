import type { ServiceCall } from './service-call.ts'

/** What a number of requests of one kind called, all in all. */
export interface RequestCounts {
  /** Requests to the service. */
  readonly requests: number
  /** Calls of DynamoDB and S3 by operation. */
  readonly calls: Readonly<Record<string, number>>
  readonly s3Calls: number
  /** Conditional writes whose condition failed, by operation. */
  readonly refused: Readonly<Record<string, number>>
  readonly readUnits: number
  /** Write units by operation, those of the index left out. */
  readonly tableWriteUnits: Readonly<Record<string, number>>
  readonly indexWriteUnits: number
  readonly largestHeadBytes: number
  /** Calls of one request that followed one another. */
  readonly sequentialCalls: { readonly fewest: number; readonly median: number; readonly most: number }
}

/** Adds up the calls of many requests; entry i of `requests` holds those of request i. */
export function countRequests(requests: readonly (readonly ServiceCall[])[]): RequestCounts {
  const calls = requests.flat()
  const depths = requests.map(longestChain).sort((a, b) => a - b)
  return {
    requests: requests.length,
    calls: sumByOperation(calls, () => 1),
    s3Calls: calls.filter((call) => call.service === 's3').length,
    refused: sumByOperation(
      calls.filter((call) => call.isRefused),
      () => 1,
    ),
    readUnits: sum(calls.map((call) => call.readUnits)),
    tableWriteUnits: sumByOperation(
      calls.filter((call) => call.writeUnits > 0),
      (call) => call.writeUnits - call.indexWriteUnits,
    ),
    indexWriteUnits: sum(calls.map((call) => call.indexWriteUnits)),
    largestHeadBytes: calls.reduce((most, call) => Math.max(most, call.headBytes), 0),
    sequentialCalls: {
      fewest: depths[0] ?? 0,
      median: depths[Math.floor(depths.length / 2)] ?? 0,
      most: depths.at(-1) ?? 0,
    },
  }
}

/** The sum of an object's numbers. */
export function total(numbers: Readonly<Record<string, number>>): number {
  return sum(Object.values(numbers))
}

/** The most calls of which each began when the one before had ended. */
function longestChain(calls: readonly ServiceCall[]): number {
  let length = 0
  let endedAtMs = Number.NEGATIVE_INFINITY
  for (const call of calls.toSorted((a, b) => a.endedAtMs - b.endedAtMs)) {
    if (call.beganAtMs < endedAtMs) continue
    length += 1
    endedAtMs = call.endedAtMs
  }
  return length
}

function sumByOperation(calls: readonly ServiceCall[], of: (call: ServiceCall) => number) {
  const sums: Record<string, number> = {}
  for (const call of calls) sums[call.operation] = (sums[call.operation] ?? 0) + of(call)
  return sums
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0)
}
