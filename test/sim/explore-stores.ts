import { applyPlan, holds } from '../../shared/core/apply-plan.ts'
import type { Item, UpdatePlan } from '../../shared/core/update-plan.ts'
import { throwIfAborted } from '../../shared/embedded/object-key.ts'
import { assert, KafkaError } from '../../shared/protocol/kafka-error.ts'
import { afterAction, allows, isVersion, withNextVersion } from '../../shared/store/apply-action.ts'
import { assertActions } from '../../shared/store/assert-actions.ts'
import type { DocumentStore, Entry, Key, Verdict } from '../../shared/store/document-store.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'
import { fingerprint, nameOf, theItem } from './explore-names.ts'

/** Everything that is stored at some time. Nobody changes it: a write makes another one, so any number of worlds share it. */
export interface Contents {
  readonly documents: ReadonlyMap<string, Entry>
  /** The objects of each storage node. */
  readonly buckets: readonly Bucket[]
}

type Bucket = ReadonlyMap<string, Uint8Array>

/** The stores that all worlds have: what is in them is set before each call. */
export interface ExploredStores {
  contents: Contents
  readonly documents: DocumentStore
  readonly nodes: ReadonlyMap<number, ObjectStore>
  /** A storage node loses everything. */
  wipe(nodeId: number): void
}

/** Stores of `nodeCount` storage nodes, all empty. */
export function newExploredStores(nodeCount: number): ExploredStores {
  const ids = Array.from({ length: nodeCount }, (_, nodeId) => nodeId)
  const stores: ExploredStores = {
    contents: { documents: new Map(), buckets: ids.map(() => new Map()) },
    documents: documentsOf(() => stores),
    nodes: new Map(ids.map((nodeId) => [nodeId, nodeOf(() => stores, nodeId)])),
    wipe: (nodeId) => setBucket(stores, nodeId, new Map()),
  }
  return stores
}

const named = new WeakMap<object, number>()

/** The same name, the same contents. */
export function nameOfContents({ documents, buckets }: Contents): string {
  return `${nameOfMap(documents, ({ item }) => item)} ${buckets.map((bucket) => nameOfMap(bucket, (bytes) => bytes))}`
}

function nameOfMap<T>(map: ReadonlyMap<string, T>, see: (value: T) => unknown): number {
  const known = named.get(map)
  if (known !== undefined) return known
  const parts = [...map].map(([key, value]) => nameOf(`${key} ${fingerprint(see(value))}`))
  const name = nameOf(parts.sort((a, b) => a - b).join())
  named.set(map, name)
  return name
}

function documentsOf(stores: () => ExploredStores): DocumentStore {
  const read = (key: Key) => stores().contents.documents.get(idOf(key))?.item
  const write = (changes: readonly (readonly [Key, Item | undefined])[]) => {
    const { documents, buckets } = stores().contents
    const next = new Map(documents)
    for (const [key, item] of changes) {
      if (item === undefined) next.delete(idOf(key))
      else next.set(idOf(key), { key, item: theItem(item) })
    }
    stores().contents = { documents: next, buckets }
  }
  const save = (key: Key, item: Item): Verdict => {
    write([[key, item]])
    return { applied: true, item: theItem(item) }
  }
  const inOrder = () =>
    [...stores().contents.documents.values()].sort((a, b) => (a.key.sk < b.key.sk ? -1 : 1))
  return {
    get: async (key) => read(key),
    list: async (pk, { from, to, limit, direction }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `list without a limit limit=${limit}`)
      const found = inOrder().filter(({ key }) => key.pk === pk && key.sk >= from && key.sk <= to)
      return (direction === 'descending' ? found.reverse() : found).slice(0, limit)
    },
    due: async (shard, { untilMs, limit }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `due without a limit limit=${limit}`)
      const due = inOrder().flatMap(({ key, item: { dueShard, dueAtMs } }) =>
        dueShard === shard && typeof dueAtMs === 'number' && dueAtMs <= untilMs ? [{ key, dueAtMs }] : [],
      )
      return due.sort((a, b) => a.dueAtMs - b.dueAtMs).slice(0, limit)
    },
    put: async (key, item, expected) => {
      const before = read(key)
      if (!isVersion(before, expected)) return { applied: false, item: before }
      return save(key, withNextVersion(item, expected))
    },
    delete: async (key, checks) => {
      const before = read(key)
      if (!holds(before, checks)) return { applied: false, item: before }
      write([[key, undefined]])
      return { applied: true, item: before ?? {} }
    },
    update: async (key, plan) => {
      const verdict = updated(read(key) ?? EMPTY, plan)
      if (verdict.applied) write([[key, verdict.item]])
      return verdict
    },
    transact: async (actions) => {
      assertActions(actions)
      const refused = actions.flatMap((action, at) => (allows(action, read(action.key)) ? [] : [at]))
      if (refused.length > 0) return { applied: false, refused }
      write(
        actions.flatMap((action) =>
          action.action === 'check' ? [] : [[action.key, afterAction(action, read(action.key))] as const],
        ),
      )
      return { applied: true }
    },
  }
}

const EMPTY: Item = {}
const plans = new WeakMap<Item, WeakMap<UpdatePlan, Verdict>>()

/** What a plan makes of a document: always the same, so it is found out once. */
function updated(before: Item, plan: UpdatePlan): Verdict {
  const known = plans.get(before)?.get(plan)
  if (known !== undefined) return known
  const { applied, item } = applyPlan(before === EMPTY ? undefined : before, plan)
  const verdict = applied ? { applied, item: theItem(item) } : { applied, item }
  const ofItem = plans.get(before) ?? new WeakMap<UpdatePlan, Verdict>()
  plans.set(before, ofItem.set(plan, verdict))
  return verdict
}

function idOf({ pk, sk }: Key): string {
  return `${pk} ${sk}`
}

function nodeOf(stores: () => ExploredStores, nodeId: number): ObjectStore {
  const bucketOf = (id: number): Bucket => stores().contents.buckets[id] ?? new Map()
  const set = (key: string, bytes: Uint8Array) =>
    setBucket(stores(), nodeId, new Map(bucketOf(nodeId)).set(key, bytes))
  return {
    location: locationOf(nodeId),
    put: async (key, chunks, signal) => {
      throwIfAborted(signal)
      set(key, Buffer.concat(chunks))
    },
    putIfAbsent: async (key, chunks) => {
      if (bucketOf(nodeId).has(key)) return false
      set(key, Buffer.concat(chunks))
      return true
    },
    get: async (key, range, signal) => {
      throwIfAborted(signal)
      const bytes = bucketOf(nodeId).get(key)
      if (bytes === undefined || (range !== undefined && range.end > bytes.length)) return undefined
      return new Uint8Array(bytes.subarray(range?.start, range?.end))
    },
    copyFrom: async (source, key, signal) => {
      throwIfAborted(signal)
      const from = [...stores().nodes.keys()].find((id) => locationOf(id) === source)
      if (from === undefined)
        throw new KafkaError('KAFKA_STORAGE_ERROR', `object not copied key=${key} location=${source}`)
      const bytes = bucketOf(from).get(key)
      if (bytes !== undefined) set(key, bytes)
      return bytes !== undefined
    },
  }
}

function setBucket(stores: ExploredStores, nodeId: number, bucket: Bucket): void {
  const { documents, buckets } = stores.contents
  stores.contents = { documents, buckets: buckets.with(nodeId, bucket) }
}

function locationOf(nodeId: number): string {
  return `memory-${nodeId}`
}
