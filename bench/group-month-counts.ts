import { AsyncLocalStorage } from 'node:async_hooks'
import { Stratolog } from '../client/index.ts'
import { HANDLERS } from '../functions/handlers.ts'
import { httpService } from '../functions/http.ts'
import { ROUTES } from '../functions/routes.ts'
import { newCaches } from '../shared/service/caches.ts'
import { controllerTick } from '../shared/service/controller.ts'
import { createTopics } from '../shared/service/create-topics.ts'
import type { Deps } from '../shared/service/deps.ts'
import { type TestDeps, testDeps } from '../test/support/test-deps.ts'
import { meteredStores, type Used } from './metered-stores.ts'
import { LAMBDA_ASSUMED } from './prices.ts'

/** A stable group, and what comes into its topic meanwhile. */
export interface GroupLoad {
  readonly members: number
  /** Of one topic, shared by the members. */
  readonly partitions: number
  /** To each partition, each in a batch of its own; 0: nothing moves. */
  readonly recordsPerSecond: number
  readonly fetchMaxWaitMs: number
  /** How long it is watched, by the model's clock. */
  readonly seconds: number
}

/** What requests of one kind, all together, used in that time. */
export interface GroupUse extends Used {
  readonly requests: number
  readonly lambdaMs: number
}

/** By kind of request, and `controller`: what its ticks used beyond those of a cluster without groups. */
export type GroupUses = ReadonlyMap<string, GroupUse>

const TOPIC = 'orders'
const GROUP = 'billing'
const RECORD_BYTES = 1000
const TICK_MS = 60_000
/** Until a group is stable, its consumers are as patient as they get, and its topic is settled. */
const WARM_UP_MS = 600_000
const SETTLE_MS = 2 * 3_600_000
/** A tick that finds nothing to do: four looks at the index, one at the storage nodes, and a GET of each. */
const QUIET_TICK = { readUnits: 3, gets: 3 } as const

/**
 * Runs members of the SDK, with their defaults otherwise, in a stable group, against the services in this process over the embedded store
 * in memory, on a model clock: an environment for each Lambda, and every call takes as long as is assumed of AWS.
 */
export async function countGroup(load: GroupLoad): Promise<GroupUses> {
  const plain = await testDeps()
  const { clock } = plain
  clock.turnsPerSleep(10) // an answer takes a few turns to be read
  const meter = newMeter()
  const metered = { ...plain, ...meteredStores(plain, meter.used, () => clock.sleep(LAMBDA_ASSUMED.callMs)) }
  const fetch = meteredFetch(metered, meter)
  const over = new AbortController()
  const client = () =>
    new Stratolog({
      endpoint: 'http://localhost',
      fetch,
      deps: {
        now: clock.nowMs,
        random: Math.random,
        sleep: async (ms, signal) => {
          signal?.throwIfAborted()
          // Whoever sleeps when all was counted never wakes.
          if (over.signal.aborted) await new Promise(() => {})
          await clock.sleep(ms, signal)
          signal?.throwIfAborted()
        },
      },
    })
  await newTopic(plain, load.partitions)
  const produce = () => append(client(), load.partitions)
  await produce()
  const controller = { ...metered, caches: newCaches(), environmentId: 'controller' }
  const tick = () => meter.of('controller', () => controllerTick(controller))
  for (let ms = 0; ms < SETTLE_MS; ms += TICK_MS) {
    clock.set(clock.nowMs() + TICK_MS)
    await tick()
  }

  const { fetchMaxWaitMs } = load
  const consumers = Array.from({ length: load.members }, () =>
    client().consumer({ groupId: GROUP, fetchMaxWaitMs }),
  )
  for (const consumer of consumers) {
    await consumer.subscribe({ topics: [TOPIC] })
    await consumer.run({ eachRecord: () => {} })
    await clock.sleep(1234)
  }
  const pass = async (ms: number) => {
    const endMs = clock.nowMs() + ms
    const every = async (intervalMs: number, run: () => Promise<unknown>) => {
      while (clock.nowMs() < endMs) {
        await clock.sleep(Math.min(intervalMs, Math.max(1, endMs - clock.nowMs())))
        await run()
      }
    }
    const { recordsPerSecond } = load
    await Promise.all([
      every(TICK_MS, tick),
      ...(recordsPerSecond === 0 ? [] : [every(1000 / recordsPerSecond, produce)]),
    ])
  }
  await pass(WARM_UP_MS)
  meter.reset()
  await pass(load.seconds * 1000)
  const uses = meter.uses()
  over.abort()
  const owned = consumers.map((consumer) => consumer.assignment().length)
  if (owned.reduce((sum, count) => sum + count, 0) !== load.partitions) throw new Error(`not stable ${owned}`)
  return uses
}

/** What is used is noted for the request that uses it, whatever else goes on. */
function newMeter() {
  type Mutable = { -readonly [Field in keyof GroupUse]: GroupUse[Field] }
  const nothing = (): Mutable => ({
    requests: 0,
    lambdaMs: 0,
    calls: 0,
    writeUnits: 0,
    readUnits: 0,
    gets: 0,
    retrievedBytes: 0,
  })
  const current = new AsyncLocalStorage<string>()
  let byKind = new Map<string, Mutable>()
  const use = (kind: string): Mutable => {
    const found = byKind.get(kind) ?? nothing()
    byKind.set(kind, found)
    return found
  }
  return {
    used: (): Used => use(current.getStore() ?? 'nobody'),
    of: async <Answer>(kind: string, run: () => Promise<Answer>): Promise<Answer> =>
      current.run(kind, async () => {
        const answer = await run()
        use(kind).requests += 1
        return answer
      }),
    took: (kind: string, ms: number) => {
      use(kind).lambdaMs += LAMBDA_ASSUMED.ownMs + ms
    },
    reset: () => {
      byKind = new Map()
    },
    uses: (): GroupUses => {
      const { controller = nothing(), produce: _, ...others } = Object.fromEntries(byKind)
      const ticks = controller.requests
      const more = {
        ...controller,
        requests: 0,
        readUnits: controller.readUnits - ticks * QUIET_TICK.readUnits,
        gets: controller.gets - ticks * QUIET_TICK.gets,
        retrievedBytes: 0,
      }
      return new Map([...Object.entries(others), ['controller', more]])
    },
  }
}

/** Requests go to the environment of the Lambda that serves them in a deployment. */
function meteredFetch(deps: TestDeps | Deps, meter: ReturnType<typeof newMeter>): typeof fetch {
  const served = new Map(
    [...new Set(ROUTES.map((route) => route.function))].map((name) => [
      name,
      httpService(
        { ...deps, caches: newCaches(), environmentId: name },
        { hosts: 'loopback', corsOrigins: [] },
        HANDLERS,
      ),
    ]),
  )
  const lambdaOf = new Map<string, (typeof ROUTES)[number]['function']>(
    ROUTES.map((route) => [route.path, route.function]),
  )
  return (input, init) => {
    const path = new URL(String(input)).pathname
    const kind = path.replace('/v1/', '')
    const answer = served.get(lambdaOf.get(path) ?? 'admin')
    if (answer === undefined) throw new Error(`no Lambda path=${path}`)
    return meter.of(kind, async () => {
      const beganAtMs = deps.clock.nowMs()
      const headers = { ...(init?.headers as Record<string, string>), host: 'localhost' }
      const body = init?.body as Uint8Array
      const response = await answer({ method: 'POST', path, query: new URLSearchParams(), headers, body })
      meter.took(kind, deps.clock.nowMs() - beganAtMs)
      if (init?.signal?.aborted) throw init.signal.reason
      return new Response(Buffer.concat(response.body), {
        status: response.status,
        headers: { ...response.headers },
      })
    })
  }
}

async function newTopic(deps: Deps, numPartitions: number): Promise<void> {
  const topic = { name: TOPIC, numPartitions, replicationFactor: 3, assignments: [], configs: [] }
  const { topics } = await createTopics(deps, { topics: [topic], validateOnly: false })
  if (topics[0]?.errorCode !== 0) throw new Error(`no topic ${JSON.stringify(topics)}`)
}

async function append({ transport }: Stratolog, partitions: number): Promise<void> {
  const records = [{ key: null, value: Buffer.alloc(RECORD_BYTES).toString('base64') }]
  const rows = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, records }))
  const answer = await transport.call('produce', { topics: [{ name: TOPIC, partitions: rows }] })
  const failed = answer.topics[0]?.partitions.find(({ errorCode }) => errorCode !== 0)
  if (failed !== undefined) throw new Error(`append failed ${JSON.stringify(failed)}`)
}
