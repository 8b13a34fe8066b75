import { applyPlan, holds } from '../../shared/core/apply-plan.ts'
import { order } from '../../shared/core/compare-values.ts'
import type { Item } from '../../shared/core/update-plan.ts'
import { assert } from '../../shared/protocol/kafka-error.ts'
import { afterAction, allows, isVersion, withNextVersion } from '../../shared/store/apply-action.ts'
import { assertActions } from '../../shared/store/assert-actions.ts'
import type { DocumentStore, Due, Entry, Key } from '../../shared/store/document-store.ts'

/** DynamoDB's bound on a document. */
const MAX_ITEM_BYTES = 400 * 1024

/** Documents that are only remembered, and can all be seen. */
export interface MemoryDocuments extends DocumentStore {
  /** A document, at once. */
  peek(key: Key): Item | undefined
  /** Every document of one partition key, or of all. */
  all(pk?: string): readonly Entry[]
}

/**
 * A document store without any storage: a run writes and reads millions of documents, which SQLite would parse each time.
 * Every method does its work within one turn of the event loop. Documents are shared with whoever gets them, so they are
 * frozen.
 */
export function memoryDocuments(): MemoryDocuments {
  const partitions = new Map<string, Map<string, Item>>()
  const due = new Map<number, Map<Item, Key>>()

  const read = ({ pk, sk }: Key) => partitions.get(pk)?.get(sk)

  const unlist = (item: Item | undefined) => {
    if (item !== undefined && typeof item.dueShard === 'number') due.get(item.dueShard)?.delete(item)
  }

  const save = (key: Key, item: Item): Item => {
    const body = JSON.stringify(item)
    assert(body.length <= MAX_ITEM_BYTES, `document too large sk=${key.sk}`)
    const stored = frozen({ ...item }) as Item
    const documents = partitions.get(key.pk) ?? new Map<string, Item>()
    partitions.set(key.pk, documents)
    unlist(documents.get(key.sk))
    documents.set(key.sk, stored)
    const { dueShard, dueAtMs } = stored
    if (typeof dueShard === 'number' && typeof dueAtMs === 'number') {
      const listed = due.get(dueShard) ?? new Map<Item, Key>()
      due.set(dueShard, listed.set(stored, key))
    }
    return stored
  }

  const remove = ({ pk, sk }: Key) => {
    unlist(read({ pk, sk }))
    partitions.get(pk)?.delete(sk)
  }

  return {
    get: async (key) => read(key),

    list: async (pk, { from, to, limit, direction }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `list without a limit limit=${limit}`)
      const sks = [...(partitions.get(pk)?.keys() ?? [])]
        .filter((sk) => compare(sk, from) >= 0 && compare(sk, to) <= 0)
        .sort(compare)
      if (direction === 'descending') sks.reverse()
      return sks.slice(0, limit).flatMap((sk) => {
        const item = read({ pk, sk })
        return item === undefined ? [] : [{ key: { pk, sk }, item }]
      })
    },

    due: async (shard, { untilMs, limit }) => {
      assert(Number.isSafeInteger(limit) && limit > 0, `due without a limit limit=${limit}`)
      const found: Due[] = []
      for (const [{ dueAtMs }, key] of due.get(shard) ?? []) {
        if (typeof dueAtMs === 'number' && dueAtMs <= untilMs) found.push({ key, dueAtMs })
      }
      return found.sort((a, b) => a.dueAtMs - b.dueAtMs).slice(0, limit)
    },

    put: async (key, item, expected) => {
      const before = read(key)
      if (!isVersion(before, expected)) return { applied: false, item: before }
      return { applied: true, item: save(key, withNextVersion(item, expected)) }
    },

    delete: async (key, checks) => {
      const before = read(key)
      if (!holds(before, checks)) return { applied: false, item: before }
      remove(key)
      return { applied: true, item: before ?? {} }
    },

    update: async (key, plan) => {
      const outcome = applyPlan(read(key), plan)
      return outcome.applied ? { applied: true, item: save(key, outcome.item) } : outcome
    },

    transact: async (actions) => {
      assertActions(actions)
      const refused = actions.flatMap((action, index) => (allows(action, read(action.key)) ? [] : [index]))
      if (refused.length > 0) return { applied: false, refused }
      // A malformed plan throws before anything is written.
      const writes = actions.flatMap((action) =>
        action.action === 'check' ? [] : [{ key: action.key, item: afterAction(action, read(action.key)) }],
      )
      for (const { key, item } of writes) {
        if (item === undefined) remove(key)
        else save(key, item)
      }
      return { applied: true }
    },

    peek: read,

    all: (only) =>
      [...partitions].flatMap(([pk, documents]) =>
        only === undefined || pk === only
          ? [...documents].map(([sk, item]) => ({ key: { pk, sk }, item }))
          : [],
      ),
  }
}

/** By UTF-8 bytes. */
const compare = (a: string, b: string): number => order(a, b) ?? 0

/** Nobody may change what others were given; what is frozen already is so all the way down. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}
