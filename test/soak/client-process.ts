import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { type Transport, transport } from '../../client/index.ts'
import { seededRandom } from '../support/seeded-random.ts'
import type { ClientPlan } from './client-plan.ts'
import { runConsumer } from './consumer.ts'
import { historyWriter } from './history-file.ts'
import { runProducer } from './producer.ts'

/** Stands for where the service listens. */
const SERVICE = 'http://service'
/** All tries of one request, and one of them: shorter than the service may be away, so that both ends are met. */
const DELIVERY_TIMEOUT_MS = 15_000
const REQUEST_TIMEOUT_MS = 8000

/** The service, wherever it listens at the time of a try. */
function serviceOf({ endpointFile }: ClientPlan): Transport {
  return transport({
    endpoint: SERVICE,
    fetch: (input, init) => fetch(String(input).replace(SERVICE, readFileSync(endpointFile, 'utf8')), init),
    retry: { deliveryTimeoutMs: DELIVERY_TIMEOUT_MS, requestTimeoutMs: REQUEST_TIMEOUT_MS },
  })
}

/** `node client-process.ts <plan>`: runs until it is killed, or told to end with SIGTERM, and then ends what it does. */
async function main(): Promise<void> {
  const plan: ClientPlan = JSON.parse(process.argv[2] ?? '')
  let isOver = false
  process.on('SIGTERM', () => {
    isOver = true
  })
  process.stdin.on('end', () => process.exit(1)).resume() // whoever started it is gone
  const random = seededRandom(plan.seed * 1_000_003 + plan.client * 10_007 + plan.life)
  const client = {
    plan,
    log: serviceOf(plan),
    history: historyWriter(plan.historyFile),
    random,
    isOver: () => isOver,
    pause: (maxMs: number) => wait(random.integer(0, maxMs)),
  }
  await (plan.kind === 'producer' ? runProducer(client) : runConsumer(client))
  process.exit(0)
}

await main()
