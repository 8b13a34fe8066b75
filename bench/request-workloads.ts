import type { Emulators } from '../local/emulators.ts'
import { startHandler } from './handler-environment.ts'
import { fetchOne, recordsOf, sender } from './handler-requests.ts'
import { countRequests, type RequestCounts } from './request-counts.ts'
import type { ServiceCall } from './service-call.ts'

/** Appends to one partition of three replicas: each producer sends one batch after the other to a handler of its own. */
export interface ProduceWorkload {
  readonly topic: string
  readonly producers: number
  /** Of all producers together. */
  readonly appends: number
  readonly acks: -1 | 1
  readonly isIdempotent: boolean
}

/** What was counted once every handler had appended its first batch, and what those first ones called. */
export interface ProduceCounts {
  readonly warm: RequestCounts
  readonly cold: RequestCounts
}

/** What fetches called: by where the fetched batches stood, and with nothing to fetch. */
export interface FetchCounts {
  /** Of a batch that the head still holds. */
  readonly inTail: RequestCounts
  /** Of a batch that an append just moved from the head to an index page. */
  readonly justPaged: RequestCounts
  /** At the end of the log, for two seconds. */
  readonly longPoll: RequestCounts
}

/** Where and how all of them run. */
export interface Setting {
  readonly emulators: Emulators
  readonly latencyMs: number
  readonly batchBytes: number
}

const LONG_POLL_MS = 2000
const PAGE_ENTRIES = 8

/** Runs a produce workload; rejects when a batch is not acknowledged. */
export async function countProduce(setting: Setting, workload: ProduceWorkload): Promise<ProduceCounts> {
  const { emulators } = setting
  const handlers = await Promise.all(
    Array.from({ length: workload.producers }, () => startHandler(emulators, setting)),
  )
  try {
    const senders = handlers.map((handler, index) =>
      sender(handler, setting.batchBytes, { ...workload, producer: index }),
    )
    for (const handler of handlers) handler.takeCalls()
    const cold: (readonly ServiceCall[])[] = []
    for (const send of senders) cold.push(await send())
    const warm: (readonly ServiceCall[])[] = []
    let begun = 0
    const run = async (send: () => Promise<readonly ServiceCall[]>) => {
      while (begun < workload.appends) {
        begun += 1
        warm.push(await send())
      }
    }
    await Promise.all(senders.map(run))
    return { warm: countRequests(warm), cold: countRequests(cold) }
  } finally {
    await Promise.all(handlers.map((handler) => handler.stop()))
  }
}

/** Appends batches, fetches each of them by another handler, and polls at the end of the log. */
export async function countFetch(
  setting: Setting,
  { topic, fetches, longPolls }: { topic: string; fetches: number; longPolls: number },
): Promise<FetchCounts> {
  const [writer, reader] = await Promise.all([
    startHandler(setting.emulators, setting),
    startHandler(setting.emulators, setting),
  ])
  try {
    const send = sender(writer, setting.batchBytes, { topic, acks: -1, isIdempotent: false, producer: 0 })
    const recordCount = recordsOf(setting.batchBytes).length
    const fetchAt = (fetchOffset: number, maxWaitMs: number) =>
      fetchOne(reader, { topic, fetchOffset, maxWaitMs })
    await send()
    await fetchAt(0, 0)
    const inTail: (readonly ServiceCall[])[] = []
    const justPaged: (readonly ServiceCall[])[] = []
    for (let batch = 1; batch <= fetches; batch += 1) {
      await send()
      const { calls, batches } = await fetchAt(batch * recordCount, 0)
      if (batches !== 1) throw new Error(`batch was not fetched batch=${batch} fetched=${batches}`)
      const isPaged = (batch + 1) % PAGE_ENTRIES === 0
      if (isPaged) justPaged.push(calls)
      else inTail.push(calls)
    }
    const polls: (readonly ServiceCall[])[] = []
    for (let poll = 0; poll < longPolls; poll += 1) {
      polls.push((await fetchAt((fetches + 1) * recordCount, LONG_POLL_MS)).calls)
    }
    return {
      inTail: countRequests(inTail),
      justPaged: countRequests(justPaged),
      longPoll: countRequests(polls),
    }
  } finally {
    await Promise.all([writer.stop(), reader.stop()])
  }
}
