/**
 * Counts what produces and fetches ask of DynamoDB and S3, and what that costs: handlers in processes of their own, over
 * DynamoDB Local and an S3 emulator, with a proxy in between that sees each call. Every answer is held back for 5 ms, so
 * that handlers meet each other on a partition as they would on AWS. Needs Java 17 and Python 3.
 */
import { startEmulators } from '../local/emulators.ts'
import { parseOptions } from './parse-options.ts'
import { LAMBDA_ASSUMED, PRICES, pricePerMillion, type Use } from './prices.ts'
import { type RequestCounts, total } from './request-counts.ts'
import { printFetches, printPrices, printProduces } from './request-tables.ts'
import { missedByFetch, missedByProduce, unitsPerRequest } from './request-targets.ts'
import {
  countFetch,
  countProduce,
  type FetchCounts,
  type ProduceCounts,
  type ProduceWorkload,
  type Setting,
} from './request-workloads.ts'

const FETCHES = 200
const LONG_POLLS = 5

const values = parseOptions(
  'npm run bench:requests -- [--json] [--appends 1000] [--latency 5] [--batch-bytes 65536]',
  {
    json: { type: 'boolean', default: false },
    appends: { type: 'string', default: '1000' },
    latency: { type: 'string', default: '5' },
    'batch-bytes': { type: 'string', default: '65536' },
  },
)
const batchBytes = Number(values['batch-bytes'])

const produces: { workload: ProduceWorkload; counts: ProduceCounts; missed: string[] }[] = []
for (const workload of workloads(Number(values.appends))) {
  const counts = await withEmulators((setting) => countProduce(setting, workload))
  produces.push({ workload, counts, missed: missedByProduce(workload, counts) })
}
const fetches = await withEmulators((setting) =>
  countFetch(setting, { topic: 'fetched', fetches: FETCHES, longPolls: LONG_POLLS }),
)
const missedFetches = missedByFetch(fetches)
const prices = [
  ...produces.map(({ workload, counts }) => priced(workload.topic, produceUse(counts.warm))),
  priced('fetch at the tail', fetchUse(fetches)),
]

if (values.json) {
  const assumed = { latencyMs: Number(values.latency), batchBytes, lambda: LAMBDA_ASSUMED, prices: PRICES }
  console.log(JSON.stringify({ assumed, produces, fetches, missedFetches, prices }))
} else {
  printProduces(produces)
  printFetches(fetches)
  printPrices(prices)
}
const missed = [
  ...produces.flatMap((each) => each.missed.map((fact) => `${each.workload.topic}: ${fact}`)),
  ...missedFetches.map((fact) => `fetch: ${fact}`),
]
for (const fact of missed) console.error(`missed: ${fact}`)
if (missed.length > 0) process.exitCode = 1

function workloads(appends: number): ProduceWorkload[] {
  const idempotent = [1, 4, 8].map((producers) => ({ producers, acks: -1, isIdempotent: true }) as const)
  const plain = [1, 4, 8].map((producers) => ({ producers, acks: -1, isIdempotent: false }) as const)
  const leaderOnly = { producers: 1, acks: 1, isIdempotent: true } as const
  return [...idempotent, ...plain, leaderOnly].map((each) => {
    const name = `${each.isIdempotent ? 'idempotent' : 'plain'}-${each.producers}`
    return { ...each, topic: each.acks === 1 ? `${name}-acks-1` : name, appends }
  })
}

/** Emulators of its own for each: they keep all bytes in memory. */
async function withEmulators<Counts>(count: (setting: Setting) => Promise<Counts>): Promise<Counts> {
  const emulators = await startEmulators({ nodes: 3 })
  try {
    return await count({ emulators, latencyMs: Number(values.latency), batchBytes })
  } finally {
    await emulators.stop()
  }
}

function priced(name: string, use: Use) {
  return {
    name,
    use,
    httpApi: pricePerMillion(use, 'httpApi'),
    functionUrl: pricePerMillion(use, 'functionUrl'),
  }
}

function produceUse(counts: RequestCounts): Use {
  const puts = (counts.calls['PUT wal'] ?? 0) / counts.requests
  return {
    writeUnits: unitsPerRequest(counts),
    readUnits: counts.readUnits / counts.requests,
    puts,
    gets: 0,
    uploadedBytes: puts * batchBytes,
    retrievedBytes: 0,
    doorBytes: batchBytes,
    lambdaMs: LAMBDA_ASSUMED.produceMs,
  }
}

/** Of a consumer that fetches every batch as it comes: one in eight was just moved to a page. */
function fetchUse({ inTail, justPaged }: FetchCounts): Use {
  const requests = inTail.requests + justPaged.requests
  const gets = ((inTail.calls['GET wal'] ?? 0) + (justPaged.calls['GET wal'] ?? 0)) / requests
  return {
    writeUnits: (total(inTail.tableWriteUnits) + total(justPaged.tableWriteUnits)) / requests,
    readUnits: (inTail.readUnits + justPaged.readUnits) / requests,
    puts: 0,
    gets,
    uploadedBytes: 0,
    retrievedBytes: gets * batchBytes,
    doorBytes: batchBytes,
    lambdaMs: LAMBDA_ASSUMED.fetchMs,
  }
}
