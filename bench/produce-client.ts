import { parseArgs } from 'node:util'
import { nodeCodecs } from '../shared/codecs/node-codecs.ts'
import { BATCH_OVERHEAD_BYTES } from '../shared/protocol/batch-header.ts'
import { encodeBatch, type RecordToWrite } from '../shared/protocol/encode-batch.ts'
import { produceBody, produceOnce } from '../test/support/raw-client.ts'

// Produces the same batch with acks=all over and over by plain fetch(), so many requests in flight as there are
// connections, and prints one line of JSON. A process of its own: what it costs is not the server's.

/** What a client measured, the warm-up left out. */
export interface Measured {
  readonly requests: number
  readonly batchBytes: number
  readonly seconds: number
  readonly requestsPerSecond: number
  readonly mebibytesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Share of one core that this client used: near 1 it measures itself. */
  readonly clientCpu: number
}

const MAX_RECORD_BYTES = 1000
/** Most that a record takes around its value here. */
const RECORD_OVERHEAD_BYTES = 12

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string' },
    topic: { type: 'string', default: 'bench' },
    'batch-bytes': { type: 'string', default: '1024' },
    requests: { type: 'string', default: '1000' },
    'warm-up': { type: 'string', default: '100' },
    connections: { type: 'string', default: '8' },
  },
})
const { endpoint, topic } = values
if (endpoint === undefined) throw new Error('--endpoint is missing')
const batch = batchOf(Number(values['batch-bytes']))
const body = produceBody(topic, batch)
await sendMany(Number(values['warm-up']))
const cpu = process.cpuUsage()
const from = performance.now()
const latencies = (await sendMany(Number(values.requests))).sort((a, b) => a - b)
const ms = performance.now() - from
const { user, system } = process.cpuUsage(cpu)
const requestsPerSecond = (latencies.length / ms) * 1000
const measured: Measured = {
  requests: latencies.length,
  batchBytes: batch.length,
  seconds: ms / 1000,
  requestsPerSecond,
  mebibytesPerSecond: (requestsPerSecond * batch.length) / 2 ** 20,
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
  clientCpu: (user + system) / 1000 / ms,
}
process.stdout.write(`${JSON.stringify(measured)}\n`)

/** Sends `count` requests over all connections; answers how many ms each took. */
async function sendMany(count: number): Promise<number[]> {
  const latencies: number[] = []
  let begun = 0
  const connection = async () => {
    while (begun < count) {
      begun += 1
      const sentAt = performance.now()
      const outcome = await produceOnce(endpoint ?? '', body)
      if (outcome.kind !== 'acknowledged') throw new Error(`not acknowledged ${JSON.stringify(outcome)}`)
      latencies.push(performance.now() - sentAt)
    }
  }
  await Promise.all(Array.from({ length: Number(values.connections) }, connection))
  return latencies
}

function quantile(part: number): number {
  return latencies[Math.floor(part * (latencies.length - 1))] ?? 0
}

/** A batch of at most `bytes`, and nearly that many, in records of about 1,000 bytes. */
function batchOf(bytes: number): Uint8Array {
  const records: RecordToWrite[] = []
  for (let left = bytes - BATCH_OVERHEAD_BYTES; left > RECORD_OVERHEAD_BYTES; ) {
    const value = Buffer.alloc(Math.min(MAX_RECORD_BYTES, left - RECORD_OVERHEAD_BYTES), 'stratolog ')
    records.push({ key: null, value, headers: [], timestamp: Date.now() })
    left -= value.length + RECORD_OVERHEAD_BYTES
  }
  return encodeBatch({ records, compression: 'none', codecs: nodeCodecs })
}
