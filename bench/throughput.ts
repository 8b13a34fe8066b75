import { createTopic } from '../test/support/raw-client.ts'
import { parseOptions } from './parse-options.ts'
import type { Measured } from './produce-client.ts'
import { runScript, type Subject, startServer } from './server-process.ts'

// Throughput of acks=all produces to one partition of three replicas, beside the floor (floor-server.ts). Floor and
// service take turns, each time as new processes on new folders; the medians are compared.

interface Load {
  readonly batchBytes: number
  readonly requests: number
  readonly warmUp: number
}

/** What a client measured, and CPU time of the server's process for each request, which other work disturbs least. */
interface Round extends Measured {
  readonly serverCpuMs: number | undefined
}

interface Result {
  readonly batchBytes: number
  readonly floor: Round
  readonly service: Round
  /** Service to floor in requests per second, in each round, and the median of that. */
  readonly ratios: readonly number[]
  readonly ratio: number
}

const LOADS: readonly Load[] = [
  { batchBytes: 1024 * 1024, requests: 200, warmUp: 60 },
  { batchBytes: 1024, requests: 5000, warmUp: 2000 },
]
const TOPIC = 'bench'
const CONNECTIONS = 8

const values = parseOptions(
  'npm run bench:throughput -- [--json] [--sizes 1024] [--rounds 3] [--scale 0.1] [--cpu-prof DIR]',
  {
    json: { type: 'boolean', default: false },
    sizes: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    /** Factor on the numbers of requests. */
    scale: { type: 'string', default: '1' },
    /** Folder for a CPU profile of each service process. */
    'cpu-prof': { type: 'string' },
  },
)
const sizes = values.sizes?.split(',').map(Number)
const results: Result[] = []
for (const load of LOADS) {
  if (sizes === undefined || sizes.includes(load.batchBytes)) results.push(await compare(load))
}
if (values.json)
  process.stdout.write(`${JSON.stringify({ connections: CONNECTIONS, acks: 'all', results })}\n`)
else console.table(results.flatMap(rowsOf))

async function compare(load: Load): Promise<Result> {
  const rounds: { floor: Round; service: Round }[] = []
  for (let round = 0; round < Number(values.rounds); round += 1) {
    showProgress(`${load.batchBytes / 1024} KiB, round ${round + 1} of ${values.rounds}`)
    rounds.push({ floor: await measure('floor', load), service: await measure('service', load) })
  }
  const ratios = rounds.map(({ floor, service }) => service.requestsPerSecond / floor.requestsPerSecond)
  return {
    batchBytes: load.batchBytes,
    floor: median(rounds.map(({ floor }) => floor)),
    service: median(rounds.map(({ service }) => service)),
    ratios,
    ratio: [...ratios].sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 0,
  }
}

async function measure(subject: Subject, { batchBytes, requests, warmUp }: Load): Promise<Round> {
  const profile = values['cpu-prof']
  const isProfiled = subject === 'service' && profile !== undefined
  const server = await startServer(subject, isProfiled ? ['--cpu-prof', '--cpu-prof-dir', profile] : [])
  try {
    if (subject === 'service') await createTopic(server.endpoint, TOPIC)
    const before = await server.cpuMs()
    const measured = await runScript<Measured>('./produce-client.ts', [
      ...['--endpoint', server.endpoint, '--topic', TOPIC, '--connections', String(CONNECTIONS)],
      ...['--batch-bytes', String(batchBytes), '--requests', String(scaled(requests))],
      ...['--warm-up', String(scaled(warmUp))],
    ])
    const after = await server.cpuMs()
    const known = before !== undefined && after !== undefined
    const serverCpuMs = known ? (after - before) / (scaled(warmUp) + scaled(requests)) : undefined
    return { ...measured, serverCpuMs }
  } finally {
    await server.stop()
  }
}

/** A run takes minutes; nothing is shown where nobody waits at a terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`)
}

function scaled(count: number): number {
  return Math.max(CONNECTIONS, Math.round(count * Number(values.scale)))
}

/** The round in the middle by requests per second. */
function median(rounds: readonly Round[]): Round {
  const sorted = [...rounds].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('no rounds')
  return middle
}

function rowsOf(result: Result) {
  return (['floor', 'service'] as const).map((subject) => {
    const measured = result[subject]
    return {
      batch: `${result.batchBytes / 1024} KiB`,
      subject,
      'requests/s': Math.round(measured.requestsPerSecond),
      'MiB/s': Number(measured.mebibytesPerSecond.toFixed(1)),
      'p50 ms': Number(measured.p50Ms.toFixed(2)),
      'p99 ms': Number(measured.p99Ms.toFixed(2)),
      'server cpu ms': Number(measured.serverCpuMs?.toFixed(3)),
      'client cpu': Number(measured.clientCpu.toFixed(2)),
      'of floor': subject === 'floor' ? 1 : Number(result.ratio.toFixed(3)),
    }
  })
}
