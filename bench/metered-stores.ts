import type { Item } from '../shared/core/update-plan.ts'
import type { Action, DocumentStore, Key, Verdict } from '../shared/store/document-store.ts'
import type { ObjectStore } from '../shared/store/object-store.ts'
import { itemSize } from '../test/support/item-size.ts'

/** What calls of DynamoDB and S3 used, as AWS bills it. */
export interface Used {
  /** Calls of DynamoDB. */
  calls: number
  /** Those of the index of due work are in it. */
  writeUnits: number
  readUnits: number
  gets: number
  retrievedBytes: number
}

const WRITE_UNIT_BYTES = 1024
const READ_UNIT_BYTES = 4096
/** A transaction prepares and then writes. */
const TRANSACTION_FACTOR = 2

/**
 * The same stores, of which each call adds what it uses to what `used` then answers, and takes as long as `pause` does. Units
 * by the sizes of the documents, as "DynamoDB read and write operations" has them: a write counts the larger of the
 * document before and after it, a refused one the one that is there, and the index a unit for each entry that comes or goes.
 */
export function meteredStores(
  { documents, nodes }: { documents: DocumentStore; nodes: ReadonlyMap<number, ObjectStore> },
  used: () => Used,
  pause: () => Promise<void>,
): { readonly documents: DocumentStore; readonly nodes: ReadonlyMap<number, ObjectStore> } {
  const called = async (key: Key | undefined) => {
    await pause()
    used().calls += 1
    return key && documents.get(key, 'strong')
  }
  const wrote = async (key: Key, write: () => Promise<Verdict>, isDelete = false): Promise<Verdict> => {
    const before = await called(key)
    const verdict = await write()
    const after = verdict.applied && !isDelete ? verdict.item : undefined
    used().writeUnits += verdict.applied
      ? writeUnits(key, before, after) + indexUnits(before, after)
      : writeUnits(key, verdict.item, undefined)
    return verdict
  }
  const read = (bytes: number, price: 1 | 0.5) => {
    used().readUnits += price * Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES))
  }
  return {
    documents: {
      get: async (key, consistency) => {
        await called(undefined)
        const item = await documents.get(key, consistency)
        read(sizeOf(key, item), consistency === 'strong' ? 1 : 0.5)
        return item
      },
      list: async (pk, query) => {
        await called(undefined)
        const entries = await documents.list(pk, query)
        read(
          entries.reduce((sum, { key, item }) => sum + sizeOf(key, item), 0),
          1,
        )
        return entries
      },
      due: async (shard, query) => {
        await called(undefined)
        read(0, 0.5)
        return documents.due(shard, query)
      },
      put: (key, item, expected) => wrote(key, () => documents.put(key, item, expected)),
      update: (key, plan) => wrote(key, () => documents.update(key, plan)),
      delete: (key, checks) => wrote(key, () => documents.delete(key, checks), true),
      transact: async (actions) => {
        await called(undefined)
        const stored = () => Promise.all(actions.map(({ key }: Action) => documents.get(key, 'strong')))
        const before = await stored()
        const verdict = await documents.transact(actions)
        const after = verdict.applied ? await stored() : before
        for (const [at, { key }] of actions.entries()) {
          used().writeUnits += TRANSACTION_FACTOR * writeUnits(key, before[at], after[at])
          used().writeUnits += TRANSACTION_FACTOR * indexUnits(before[at], after[at])
        }
        return verdict
      },
    },
    nodes: new Map(
      [...nodes].map(([nodeId, node]) => [
        nodeId,
        {
          ...node,
          get: async (key, range, signal) => {
            await pause()
            const bytes = await node.get(key, range, signal)
            used().gets += 1
            used().retrievedBytes += bytes?.length ?? 0
            return bytes
          },
        } satisfies ObjectStore,
      ]),
    ),
  }
}

const sizeOf = (key: Key, item: Item | undefined): number =>
  item === undefined ? 0 : itemSize({ ...key, ...item })

function writeUnits(key: Key, before: Item | undefined, after: Item | undefined): number {
  return Math.max(1, Math.ceil(Math.max(sizeOf(key, before), sizeOf(key, after)) / WRITE_UNIT_BYTES))
}

/** An entry of the index that moves is taken out and put in again. */
function indexUnits(before: Item | undefined, after: Item | undefined): number {
  const entry = (item: Item | undefined) =>
    item?.dueShard === undefined || item.dueAtMs === undefined ? '' : `${item.dueShard}/${item.dueAtMs}`
  if (entry(before) === entry(after)) return 0
  return (entry(before) === '' ? 0 : 1) + (entry(after) === '' ? 0 : 1)
}
