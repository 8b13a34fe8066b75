import type { Item } from '../../shared/core/update-plan.ts'
import { KafkaError } from '../../shared/protocol/kafka-error.ts'
import type { DocumentStore, Key, Verdict } from '../../shared/store/document-store.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import type { Call, Place } from './explore-calls.ts'

/** Makes a call that is answered when its turn comes. */
export type Ask = <T>(
  call: Pick<Call, 'what' | 'touched' | 'isWrite' | 'place'> & {
    readonly signal?: AbortSignal
    readonly run: () => Promise<T>
  },
) => Promise<T>

/** Told of every document write, with the document before and after. */
export type OnWrite = (key: Key, before: Item | undefined, after: Item | undefined) => void

/** The document store as a process reaches it through `ask`. */
export function exploredDocuments(ask: Ask, store: DocumentStore, onWrite: OnWrite): DocumentStore {
  const told = async (key: Key, run: () => Promise<Verdict>): Promise<Verdict> => {
    const before = await store.get(key, 'strong')
    const verdict = await run()
    if (verdict.applied) onWrite(key, before, await store.get(key, 'strong'))
    return verdict
  }
  const write = (what: string, key: Key, run: () => Promise<Verdict>) =>
    ask({
      what: `${what} ${nameOf(key)}`,
      touched: { id: idOf(key) },
      isWrite: true,
      place: 'ifShared',
      run: () => told(key, run),
    })
  return {
    get: (key, consistency) =>
      ask({
        what: `read ${nameOf(key)}`,
        touched: { id: idOf(key) },
        isWrite: false,
        place: 'ifShared',
        run: () => store.get(key, consistency),
      }),
    list: (pk, query) => {
      const [from, to] = [`${pk} ${query.from}`, `${pk} ${query.to}`]
      const touched = { text: from, covers: (id: string) => id >= from && id <= to }
      const run = () => store.list(pk, query)
      return ask({ what: `list ${query.from}`, touched, isWrite: false, place: 'ifShared', run })
    },
    due: (shard, query) =>
      ask({
        what: `due ${shard}`,
        touched: shard === HEAD_SHARD ? HEADS : NOTHING,
        isWrite: false,
        place: 'ifShared',
        run: () => store.due(shard, query),
      }),
    put: (key, item, expected) => write('put', key, () => store.put(key, item, expected)),
    update: (key, plan) => write('update', key, () => store.update(key, plan)),
    delete: (key, checks) => write('delete', key, () => store.delete(key, checks)),
    transact: (actions) =>
      ask({
        what: 'transact',
        touched: { text: 'everything', covers: () => true },
        isWrite: true,
        place: 'ifShared',
        run: () => store.transact(actions),
      }),
  }
}

/** The shard in which the head of a topic's partition 0 is due, whose first replica is on node 0. */
const HEAD_SHARD = 0
const NOTHING = { text: 'nothing', covers: () => false }
const HEADS = { text: 'heads', covers: (id: string) => id.endsWith(' HEAD') }

function idOf({ pk, sk }: Key): string {
  return `${pk} ${sk}`
}

/** Without the ids, which are the same in every run. */
function nameOf({ sk }: Key): string {
  return sk.replace(/(?<=#)0+(?=\d)/g, '')
}

/** A storage node as a process reaches it, unless it is cut off from it or from the one that it copies from. */
export function exploredNode(
  ask: Ask,
  options: {
    readonly nodeId: number
    readonly store: ObjectStore
    readonly place: Place
    /** Locations that the process cannot reach. */
    readonly cutOff: ReadonlySet<string>
    /** Whether a PUT of the process takes so long that it is given up. */
    readonly isSlow: boolean
  },
): ObjectStore {
  const { nodeId, store, place, cutOff, isSlow } = options
  const never = new AbortController().signal
  const call = <T>(
    what: string,
    options: { readonly isWrite: boolean; readonly signal?: AbortSignal; readonly run: () => Promise<T> },
    ...locations: string[]
  ): Promise<T> => {
    const { isWrite, signal, run } = options
    return ask({
      what: `${what} on node ${nodeId}`,
      touched: { id: `node ${nodeId}` },
      isWrite,
      place,
      ...(signal === undefined ? {} : { signal }),
      run: async () => {
        const gone = [store.location, ...locations].find((location) => cutOff.has(location))
        if (gone !== undefined) throw new KafkaError('KAFKA_STORAGE_ERROR', `cut off from ${gone}`)
        return run()
      },
    })
  }
  const short = (key: string) => (key.startsWith('wal/') ? 'object' : key)
  return {
    location: store.location,
    put: (key, chunks, signal) =>
      isSlow
        ? givenUp(signal, nodeId)
        : call(`put ${short(key)}`, { isWrite: true, signal, run: () => store.put(key, chunks, never) }),
    putIfAbsent: (key, chunks, signal) => {
      const run = () => store.putIfAbsent(key, chunks, never)
      return call(`put ${short(key)} if absent`, { isWrite: true, signal, run })
    },
    get: (key, range, signal) =>
      call(`get ${short(key)}`, { isWrite: false, signal, run: () => store.get(key, range, never) }),
    copyFrom: (location, key, signal) => {
      const run = () => store.copyFrom(location, key, never)
      return call(`copy ${short(key)} from ${location}`, { isWrite: true, signal, run }, location)
    },
  }
}

function givenUp(signal: AbortSignal, nodeId: number): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(new KafkaError('KAFKA_STORAGE_ERROR', `put given up on node ${nodeId}`))
    if (signal.aborted) give()
    else signal.addEventListener('abort', give)
  })
}
