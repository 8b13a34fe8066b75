import { onTestFinished } from 'vitest'
import { Stratolog, type Transport, type TransportOptions } from '../../client/index.ts'
import { HANDLERS } from '../../functions/handlers.ts'
import { httpService } from '../../functions/http.ts'
import { type TestDeps, type TestOptions, testDeps } from './test-deps.ts'

/** A request as consumers under test made it. */
export interface SeenRequest {
  readonly api: string
  readonly body: Readonly<Record<string, unknown>>
  readonly atMs: number
}

/** A whole service in this process whose clock is the consumers' as well: time passes only while everybody waits. */
export interface ConsumerService {
  readonly deps: TestDeps
  /** Requests so far, of all clients. */
  readonly seen: SeenRequest[]
  /** A client of its own. `cut` decides whether a request is lost on its way; one that it waits for is late. */
  client(options?: Pick<TransportOptions, 'clientId' | 'onTry'> & { readonly cut?: Cut }): Stratolog
  /** Appends records to a partition, a batch for each call. */
  append(topic: string, partition: number, records: readonly string[]): Promise<void>
  createTopic(name: string, partitions: number): Promise<void>
  /** Resolves as soon as it holds; time passes meanwhile. Rejects after a minute by the service's clock. */
  until(holds: () => boolean): Promise<void>
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>
}

type Cut = (api: string) => boolean | Promise<boolean>

/** How long `until` waits. */
const UNTIL_MS = 60_000

/** Starts one. Records are written `key=value`, or `value` without a key. */
export async function consumerService(options: TestOptions = {}): Promise<ConsumerService> {
  const deps = await testDeps(options)
  const answer = httpService(deps, { hosts: 'loopback', corsOrigins: [] }, HANDLERS)
  const seen: SeenRequest[] = []
  const over = new AbortController()
  onTestFinished(() => over.abort())
  const { clock } = deps
  clock.turnsPerSleep(10) // an answer takes a few turns to be read

  const fetchWith = (cut: Cut): typeof fetch => {
    return async (input, init) => {
      const path = new URL(String(input)).pathname
      const api = path.replace('/v1/', '')
      const body = new TextDecoder().decode(init?.body as Uint8Array)
      seen.push({ api, body: JSON.parse(body), atMs: clock.nowMs() })
      if (await cut(api)) throw new TypeError('fetch failed')
      const headers = { ...(init?.headers as Record<string, string>), host: 'localhost' }
      const request = { method: 'POST', path, query: new URLSearchParams(), headers }
      const response = await answer({ ...request, body: new TextEncoder().encode(body) })
      if (init?.signal?.aborted) throw init.signal.reason
      const bytes = Buffer.concat(response.body)
      return new Response(bytes, { status: response.status, headers: { ...response.headers } })
    }
  }

  const sleep = async (ms: number, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted()
    // Whoever sleeps when the test is over never wakes: nothing of it goes on behind the next one.
    if (over.signal.aborted) await new Promise(() => {})
    await clock.sleep(ms, signal)
    signal?.throwIfAborted()
  }

  const client: ConsumerService['client'] = ({ clientId, onTry, cut = () => false } = {}) =>
    new Stratolog({
      endpoint: 'http://localhost',
      clientId,
      onTry,
      fetch: fetchWith(cut),
      deps: { now: clock.nowMs, sleep, random: () => 0.5 },
    })

  const transport: Transport = client().transport
  return {
    deps,
    seen,
    client,
    append: async (topic, partition, records) => {
      const rows = records.map((text) => {
        const [value, key] = text.split('=').reverse()
        return { key: key === undefined ? null : btoa(key), value: btoa(value ?? '') }
      })
      const partitions = [{ partitionIndex: partition, records: rows }]
      const answer = await transport.call('produce', { topics: [{ name: topic, partitions }] })
      const row = answer.topics[0]?.partitions[0]
      if (row?.errorCode !== 0) throw new Error(`append failed row=${JSON.stringify(row)}`)
    },
    createTopic: async (name, partitions) => {
      const answer = await transport.call('create-topics', { topics: [{ name, numPartitions: partitions }] })
      if (answer.topics[0]?.errorCode !== 0) throw new Error(`no topic ${JSON.stringify(answer)}`)
    },
    until: async (holds) => {
      const endMs = clock.nowMs() + UNTIL_MS
      while (!holds()) {
        if (clock.nowMs() > endMs) throw new Error(`it never held: ${holds}`)
        await clock.sleep(10)
      }
    },
    pass: (ms) => clock.sleep(ms),
  }
}
