import type { Item, UpdatePlan } from '../../shared/core/update-plan.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import type { Action, DocumentStore, Due, Key } from '../../shared/store/document-store.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import type { FaultRates } from './configuration.ts'
import type { Scheduler } from './scheduler.ts'

/** Counts of what befell the calls of a run, by the fault's name. */
export type Exercised = Record<string, number>

/** A process as the ports see it: whoever crashed is told nothing more, whoever is frozen only later. */
export interface Process {
  readonly name: string
  readonly crashed: boolean
  readonly frozenUntilMs: number
}

/** What befalls a storage node. */
export type NodeState = 'well' | 'fails' | 'hangs'

/** All that ports of one run have in common. */
export interface Wires {
  readonly scheduler: Scheduler
  /** Changes when the cluster is healed: to be read at each call. */
  readonly rates: FaultRates
  readonly exercised: Exercised
  /** State of a node as one process sees it: a network may be cut for one of them only. */
  stateOf(nodeId: number, process: Process): NodeState
  /** Called when a document was written, with what it was before, and the plan where it was written by one. */
  onWrite(key: Key, before: Item | undefined, after: Item | undefined, plan?: UpdatePlan): void
  /** Called when a plan was refused by what stands in the document. */
  onRefused(key: Key): void
}

/** Time-outs of the adapters: what a lost answer takes. */
const DOCUMENT_TIMEOUT_MS = 3000

/** Of the object that names a bucket, the only one read as a whole, all hangs on two reads in a row. */
const WHOLE_OBJECTS_RARER = 4
/** A removal of several documents that comes late meets what was made anew meanwhile: few runs have more than one. */
const REMOVALS_LATER = 20

/** Counts a fault, and tells the trace which call it befell. */
function befell({ scheduler, exercised }: Wires, call: string, fault: string): void {
  exercised[fault] = (exercised[fault] ?? 0) + 1
  scheduler.note(`fault: ${fault}: ${call}`)
}

/** How an answer comes: at once, or after the process has thawed; never when it crashed. */
function settle(wires: Wires, process: Process, what: string, deliver: () => void): void {
  const { scheduler } = wires
  if (process.crashed) return
  const leftMs = process.frozenUntilMs - scheduler.nowMs()
  if (leftMs <= 0) {
    deliver()
    return
  }
  const elections = wires.exercised.elections ?? 0
  scheduler.after(leftMs, `${what} thaws`, () => {
    if ((wires.exercised.elections ?? 0) > elections) {
      befell(wires, what, 'F7 thaw after an election')
    }
    settle(wires, process, what, deliver)
  })
}

/** Latency of one way: mostly short, now and then as long as a bad day has it. */
function latencyMs({ scheduler, rates }: Wires): number {
  const slow = scheduler.chance(rates.slow)
  return scheduler.random.integer(1, slow ? 400 : 8)
}

/** The document store as `process` reaches it. */
export function simulatedDocuments(wires: Wires, process: Process, store: DocumentStore): DocumentStore {
  const { scheduler } = wires
  const stale = new Map<string, Item | undefined>()
  const staleDue = new Map<number, readonly Due[]>()

  const read = <T>(what: string, run: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const name = `${process.name} ${what}`
      scheduler.after(latencyMs(wires), `${name} apply`, () => {
        if (scheduler.chance(wires.rates.readFails)) {
          befell(wires, name, 'read fails')
          const error = new KafkaError('KAFKA_STORAGE_ERROR', `simulated: ${what} failed`)
          scheduler.after(latencyMs(wires), `${name} fails`, () =>
            settle(wires, process, name, () => reject(error)),
          )
          return
        }
        const answer = run()
        scheduler.after(latencyMs(wires), `${name} deliver`, () =>
          settle(wires, process, name, () => resolve(answer)),
        )
      })
    })

  const write = <T>(what: string, run: () => Promise<T>): Promise<T> => writeLater(what, 1, run)

  /** A write that is applied late so many times more often. */
  const writeLater = <T>(what: string, moreOften: number, run: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const name = `${process.name} ${what}`
      const fails = (delayMs: number, error: KafkaError) =>
        scheduler.after(delayMs, `${name} ${error.errorName}`, () =>
          settle(wires, process, name, () => reject(error)),
        )
      const unknown = () =>
        fails(DOCUMENT_TIMEOUT_MS, new KafkaError('REQUEST_TIMED_OUT', `simulated: no answer to ${what}`))
      const isLost = scheduler.chance(wires.rates.requestLost)
      const isLate = !isLost && scheduler.chance(Math.ceil(wires.rates.lateApply / moreOften))
      if (isLost || isLate) unknown()
      if (isLate) scheduler.note(`fault: F3 will be applied late: ${name}`)
      if (isLost) {
        befell(wires, name, 'F1 request lost')
        return
      }
      const delayMs = isLate ? scheduler.random.integer(1000, 60_000) : latencyMs(wires)
      scheduler.after(delayMs, `${name} apply`, () => {
        if (isLate) {
          befell(wires, name, 'F3 applied late')
          void run()
          return
        }
        if (scheduler.chance(wires.rates.throttled)) {
          befell(wires, name, 'F5 throttled')
          fails(latencyMs(wires), new KafkaError('KAFKA_STORAGE_ERROR', `simulated: ${what} throttled`))
          return
        }
        const first = run()
        const isTwice = scheduler.chance(wires.rates.appliedTwice)
        if (isTwice) befell(wires, name, 'F4 executed twice')
        const answer = isTwice ? first.then(run) : first
        if (scheduler.chance(wires.rates.answerLost)) {
          befell(wires, name, 'F2 answer lost')
          unknown()
          return
        }
        scheduler.after(latencyMs(wires), `${name} deliver`, () =>
          settle(wires, process, name, () => resolve(answer)),
        )
      })
    })

  /** Runs a write and tells of it; the store beneath answers within the same turn. */
  const told = async <T extends { readonly applied: boolean }>(
    key: Key,
    run: () => Promise<T>,
    plan?: UpdatePlan,
  ): Promise<T> => {
    const before = await store.get(key, 'strong')
    const verdict = await run()
    if (verdict.applied) wires.onWrite(key, before, await store.get(key, 'strong'), plan)
    else if (plan !== undefined) wires.onRefused(key)
    return verdict
  }

  /** Runs a transaction and tells of each of its writes once all are there. */
  const toldOfAll = async (actions: readonly Action[]) => {
    const read = () => Promise.all(actions.map(({ key }) => store.get(key, 'strong')))
    const before = await read()
    const verdict = await store.transact(actions)
    if (!verdict.applied) return verdict
    const after = await read()
    for (const [at, action] of actions.entries()) {
      if (action.action === 'check' || before[at] === after[at]) continue
      wires.onWrite(action.key, before[at], after[at], action.action === 'update' ? action.plan : undefined)
    }
    return verdict
  }

  return {
    get: (key, consistency) =>
      read(`get ${key.pk} ${key.sk} ${consistency}`, async () => {
        const id = `${key.pk}/${key.sk}`
        const now = await store.get(key, 'strong')
        if (consistency === 'strong') return now
        const isStale = stale.has(id) && scheduler.chance(wires.rates.staleRead)
        if (isStale) befell(wires, `${process.name} get ${key.pk} ${key.sk}`, 'F12 stale read')
        const answer = isStale ? stale.get(id) : now
        if (!isStale) stale.set(id, now)
        return answer
      }),
    list: (pk, query) => read(`list ${pk} ${query.from}`, () => store.list(pk, query)),
    due: (shard, query) =>
      read(`due ${shard}`, async () => {
        const now = await store.due(shard, query)
        const before = staleDue.get(shard)
        staleDue.set(shard, now)
        if (before === undefined || !scheduler.chance(wires.rates.staleRead)) return now
        befell(wires, `${process.name} due ${shard}`, 'F12 stale index')
        return before
      }),
    put: (key, item, expected) =>
      write(`put ${key.pk} ${key.sk}`, () => told(key, () => store.put(key, item, expected))),
    delete: (key, checks) =>
      write(`delete ${key.pk} ${key.sk}`, () => told(key, () => store.delete(key, checks))),
    update: (key, plan) =>
      write(`update ${key.pk} ${key.sk}`, () => told(key, () => store.update(key, plan), plan)),
    transact: (actions) => {
      const keys = actions.map(({ action, key }) => `${action} ${key.pk} ${key.sk}`).join(', ')
      let first: ReturnType<typeof toldOfAll> | undefined
      // Its token makes a transaction that comes twice one.
      const isRemoval = actions.some(({ action }) => action === 'delete')
      return writeLater(`transact ${keys}`, isRemoval ? REMOVALS_LATER : 1, () => {
        first ??= toldOfAll(actions)
        return first
      })
    },
  }
}

/** A storage node as `process` reaches it. */
export function simulatedNode(
  wires: Wires,
  process: Process,
  {
    nodeId,
    store,
    locations,
  }: { nodeId: number; store: ObjectStore; locations: ReadonlyMap<string, number> },
): ObjectStore {
  const { scheduler } = wires
  const nameOf = (what: string) => `${process.name} node ${nodeId} ${what}`

  /** `source` is another node that the call depends on. */
  const call = <T>(
    what: string,
    options: { signal: AbortSignal | undefined; source?: number | undefined; run: () => Promise<T> },
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const { signal, source, run } = options
      const name = nameOf(what)
      const failed = () => new KafkaError('KAFKA_STORAGE_ERROR', `simulated: ${what} failed node=${nodeId}`)
      let isOver = false
      const end = (deliver: () => void) => {
        if (isOver) return
        isOver = true
        settle(wires, process, name, deliver)
      }
      signal?.addEventListener('abort', () => end(() => reject(failed())))
      if (signal?.aborted === true) {
        end(() => reject(failed()))
        return
      }
      scheduler.after(latencyMs(wires), `${name} apply`, () => {
        const states = [nodeId, ...(source === undefined ? [] : [source])].map((id) =>
          wires.stateOf(id, process),
        )
        if (states.includes('hangs')) {
          befell(wires, name, 'F10 node hangs')
          // A call without a time-out of its own ends when its connection does.
          if (signal === undefined) scheduler.after(5000, `${name} reset`, () => end(() => reject(failed())))
          return
        }
        const isLost = scheduler.chance(wires.rates.objectLost)
        const lands = !isLost || scheduler.chance(2)
        if (states.includes('fails') || isLost) {
          const lost = lands ? 'object answer lost' : 'object call lost'
          befell(wires, name, states.includes('fails') ? 'F10 node fails' : lost)
          if (!states.includes('fails') && lands) void run().catch(() => undefined)
          scheduler.after(latencyMs(wires), `${name} fails`, () => end(() => reject(failed())))
          return
        }
        if (isOver && !scheduler.chance(2)) return // aborted on its way, and did not arrive
        const answer = run()
        scheduler.after(latencyMs(wires), `${name} deliver`, () => end(() => resolve(answer)))
      })
    })

  return {
    location: store.location,
    put: (key, chunks, signal) =>
      call(`put ${key}`, { signal, run: () => store.put(key, chunks, new AbortController().signal) }),
    putIfAbsent: (key, chunks, signal) => {
      const run = async () => {
        const isFirst = await store.putIfAbsent(key, chunks, new AbortController().signal)
        if (!scheduler.chance(wires.rates.putIfAbsentTwice)) return isFirst
        // It met another PUT of the same key, or itself: the adapter asks again, and is told that there is one.
        befell(wires, nameOf(`put-if-absent ${key}`), 'F16 put-if-absent met another')
        return store.putIfAbsent(key, chunks, new AbortController().signal)
      }
      return call(`put-if-absent ${key}`, { signal, run })
    },
    get: (key, range, signal) =>
      call(`get ${key}`, {
        signal,
        run: async () => {
          const bytes = await store.get(key, range, new AbortController().signal)
          const oneIn = wires.rates.corrupt * (range === undefined ? WHOLE_OBJECTS_RARER : 1)
          if (bytes === undefined || bytes.length === 0 || !scheduler.chance(oneIn)) return bytes
          const damaged = range === undefined ? 'F15 corrupt or short object' : 'F15 corrupt or short bytes'
          befell(wires, nameOf(`get ${key}`), damaged)
          const at = scheduler.random.integer(0, bytes.length - 1)
          if (scheduler.chance(2)) return bytes.subarray(0, at)
          return bytes.with(at, (bytes[at] ?? 0) ^ (1 << scheduler.random.integer(0, 7)))
        },
      }),
    copyFrom: (location, key, signal) =>
      call(`copy ${key}`, {
        signal,
        source: locations.get(location),
        run: () => store.copyFrom(location, key, new AbortController().signal),
      }),
  }
}
