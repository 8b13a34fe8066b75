import type { Item, UpdatePlan } from '../../shared/core/update-plan.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import type { DocumentStore, Key, Verdict } from '../../shared/store/document-store.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import type { Call, Place } from './explore-calls.ts'
import type { ExploredStores } from './explore-stores.ts'

/** Makes a call, which is answered when its turn comes. */
export type Ask = <T>(call: CallOf<T>, signal?: AbortSignal) => Promise<T>

/** A call that is answered with a `T`. */
export type CallOf<T> = Call & { readonly run: () => Promise<T> }

/** Told of every document write, with the document before and after, and the plan where it was written by one. */
export type OnWrite = (key: Key, before: Item | undefined, after: Item | undefined, plan?: UpdatePlan) => void

/** The calls that the store's methods make. They outlive the process that made them, so they know nothing of it. */
export type DocumentCalls = {
  readonly [Name in keyof DocumentStore]: DocumentStore[Name] extends (
    ...parts: infer Parts
  ) => Promise<infer Value>
    ? (...parts: Parts) => CallOf<Value>
    : never
}

/** The shard in which the head of a topic's partition 0 is due, whose first replica is on node 0. */
const HEAD_SHARD = 0
const READ = { isWrite: false, place: 'ifShared', canFail: false } as const
const NOTHING = { text: 'nothing', covers: () => false }
const HEADS = { text: 'heads', covers: (id: string) => id.endsWith(' HEAD') }

/** Calls to the document store. */
export function documentCalls(store: DocumentStore, onWrite: OnWrite): DocumentCalls {
  const told = async (key: Key, run: () => Promise<Verdict>, plan?: UpdatePlan): Promise<Verdict> => {
    const before = await store.get(key, 'strong')
    const verdict = await run()
    if (verdict.applied) onWrite(key, before, await store.get(key, 'strong'), plan)
    return verdict
  }
  const write = (
    what: string,
    key: Key,
    run: () => Promise<Verdict>,
    plan?: UpdatePlan,
  ): CallOf<Verdict> => ({
    what: `${what} ${shortOf(key)}`,
    touched: { id: idOf(key) },
    isWrite: true,
    place: 'ifShared',
    canFail: true,
    run: () => told(key, run, plan),
  })
  return {
    get: (key, consistency) => ({
      what: `read ${shortOf(key)}`,
      touched: { id: idOf(key) },
      ...READ,
      run: () => store.get(key, consistency),
    }),
    list: (pk, query) => {
      const [from, to] = [`${pk} ${query.from}`, `${pk} ${query.to}`]
      const touched = { text: `${from} ${to}`, covers: (id: string) => id >= from && id <= to }
      const run = () => store.list(pk, query)
      return { what: `list ${query.from}`, touched, ...READ, run }
    },
    due: (shard, query) => ({
      what: `due ${shard}`,
      touched: shard === HEAD_SHARD ? HEADS : NOTHING,
      ...READ,
      run: () => store.due(shard, query),
    }),
    put: (key, item, expected) => write('put', key, () => store.put(key, item, expected)),
    update: (key, plan) => write('update', key, () => store.update(key, plan), plan),
    delete: (key, checks) => write('delete', key, () => store.delete(key, checks)),
    transact: (actions) => ({
      what: 'transact',
      touched: { text: 'everything', covers: () => true },
      isWrite: true,
      place: 'ifShared',
      canFail: true,
      run: () => store.transact(actions),
    }),
  }
}

function idOf({ pk, sk }: Key): string {
  return `${pk} ${sk}`
}

/** Without the ids, which are the same in every run. */
function shortOf({ sk }: Key): string {
  return sk.replace(/(?<=#)0+(?=\d)/g, '')
}

/** The document store as a process reaches it through `ask`. */
export function exploredDocuments(ask: Ask, calls: DocumentCalls): DocumentStore {
  return {
    get: (...parts) => ask(calls.get(...parts)),
    list: (...parts) => ask(calls.list(...parts)),
    due: (...parts) => ask(calls.due(...parts)),
    put: (...parts) => ask(calls.put(...parts)),
    update: (...parts) => ask(calls.update(...parts)),
    delete: (...parts) => ask(calls.delete(...parts)),
    transact: (...parts) => ask(calls.transact(...parts)),
  }
}

export interface ExploredNode {
  readonly nodeId: number
  readonly store: ObjectStore
  readonly place: Place
}

export interface NodeReach {
  /** Locations that the process cannot reach. */
  readonly cutOff: ReadonlySet<string>
  /** Whether a PUT of the process takes so long that it is given up. */
  readonly isSlow: boolean
}

/** A storage node as a process reaches it, unless it is cut off from it or from the one that it copies from. */
export function exploredNode(ask: Ask, node: ExploredNode, { cutOff, isSlow }: NodeReach): ObjectStore {
  const calls = nodeCalls(node)
  const { store, nodeId } = node
  const call = <T>(made: CallOf<T>, signal?: AbortSignal, ...locations: string[]) => {
    const gone = [store.location, ...locations].find((location) => cutOff.has(location))
    return ask(gone === undefined ? made : failing(made, gone), signal)
  }
  return {
    location: store.location,
    put: (key, chunks, signal) => (isSlow ? givenUp(signal, nodeId) : call(calls.put(key, chunks), signal)),
    putIfAbsent: (key, chunks) => call(calls.putIfAbsent(key, chunks)),
    get: (key, range, signal) => call(calls.get(key, range), signal),
    copyFrom: (location, key, signal) => call(calls.copyFrom(location, key), signal, location),
  }
}

function failing<T>(call: CallOf<T>, location: string): CallOf<T> {
  const run = async () => {
    throw new KafkaError('KAFKA_STORAGE_ERROR', `cut off from ${location}`)
  }
  return { ...call, isWrite: false, run }
}

type Chunks = Parameters<ObjectStore['put']>[1]

/**
 * Calls to a storage node. Objects are never changed, and nobody knows of one before it is stored: only who wipes the node
 * is dependent on them. Its `incarnation` is the one object that several may store.
 */
function nodeCalls({ nodeId, store, place }: ExploredNode) {
  const never = new AbortController().signal
  const call = <T>(what: string, key: string, run: () => Promise<T>): CallOf<T> => ({
    what: `${what} on node ${nodeId}`,
    touched: { id: key.startsWith('wal/') ? `node ${nodeId} objects` : `node ${nodeId} ${key}` },
    isWrite: false,
    place,
    canFail: false,
    run,
  })
  const short = (key: string) => (key.startsWith('wal/') ? 'object' : key)
  return {
    put: (key: string, chunks: Chunks) => call(`put ${short(key)}`, key, () => store.put(key, chunks, never)),
    putIfAbsent: (key: string, chunks: Chunks) => ({
      ...call(`put ${short(key)} if absent`, key, () => store.putIfAbsent(key, chunks, never)),
      isWrite: true,
    }),
    get: (key: string, range: Parameters<ObjectStore['get']>[1]) =>
      call(`get ${short(key)}`, key, () => store.get(key, range, never)),
    copyFrom: (location: string, key: string) =>
      call(`copy ${short(key)} from ${location}`, key, () => store.copyFrom(location, key, never)),
  }
}

/** A storage node loses everything. */
export function wiping(stores: ExploredStores, nodeId: number): Call {
  const covers = (id: string) => id.startsWith(`node ${nodeId} `)
  return {
    what: `node ${nodeId} is wiped`,
    touched: { text: `node ${nodeId}`, covers },
    isWrite: true,
    place: 'ifShared',
    canFail: false,
    run: async () => stores.wipe(nodeId),
  }
}

function givenUp(signal: AbortSignal, nodeId: number): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(new KafkaError('KAFKA_STORAGE_ERROR', `put given up on node ${nodeId}`))
    if (signal.aborted) give()
    else signal.addEventListener('abort', give)
  })
}
