import type { UpdatePlan } from '../shared/core/update-plan.ts'
import type { DocumentStore, Key } from '../shared/store/document-store.ts'
import type { ObjectStore } from '../shared/store/object-store.ts'

/** The same stores, each call of which is told to `onCall` by what is called for what: `GetItem head`, `PUT wal`. */
export function countingStores(
  { documents, nodes }: { documents: DocumentStore; nodes: ReadonlyMap<number, ObjectStore> },
  onCall: (operation: string) => void,
): { readonly documents: DocumentStore; readonly nodes: ReadonlyMap<number, ObjectStore> } {
  const told = <Answer>(operation: string, run: () => Answer): Answer => {
    onCall(operation)
    return run()
  }
  return {
    documents: {
      get: (key, consistency) => told(`GetItem ${subject(key)}`, () => documents.get(key, consistency)),
      list: (pk, query) => told(`Query ${subject({ pk, sk: query.from })}`, () => documents.list(pk, query)),
      due: (shard, query) => told('Query due', () => documents.due(shard, query)),
      put: (key, item, expected) => told(`PutItem ${subject(key)}`, () => documents.put(key, item, expected)),
      delete: (key, checks) => told(`DeleteItem ${subject(key)}`, () => documents.delete(key, checks)),
      update: (key, plan) =>
        told(`UpdateItem ${key.sk === 'HEAD' ? `head: ${headCommand(plan)}` : subject(key)}`, () =>
          documents.update(key, plan),
        ),
      transact: (actions) => told('TransactWriteItems', () => documents.transact(actions)),
    },
    nodes: new Map([...nodes].map(([nodeId, node]) => [nodeId, countingNode(node, told)])),
  }
}

function countingNode(
  node: ObjectStore,
  told: <Answer>(operation: string, run: () => Answer) => Answer,
): ObjectStore {
  return {
    location: node.location,
    put: (key, chunks, signal) => told(`PUT ${folderOf(key)}`, () => node.put(key, chunks, signal)),
    putIfAbsent: (key, chunks, signal) =>
      told(`PUT ${folderOf(key)}`, () => node.putIfAbsent(key, chunks, signal)),
    get: (key, range, signal) => told(`GET ${folderOf(key)}`, () => node.get(key, range, signal)),
    copyFrom: (location, key, signal) =>
      told(`COPY ${folderOf(key)}`, () => node.copyFrom(location, key, signal)),
  }
}

function folderOf(key: string): string {
  return key.replace(/\/.*/, '')
}

function subject({ pk, sk }: Key): string {
  return pk === 'TOPICS' ? 'topic' : sk.replace(/#.*/, '').toLowerCase()
}

/** Which command a stored head's update is, by the letters that it changes. */
function headCommand({ changes }: UpdatePlan): string {
  const sets = new Set(changes.flatMap(({ change, path }) => (change === 'remove' ? [] : [path[0]])))
  const removes = new Set(changes.flatMap(({ change, path }) => (change === 'remove' ? [path[0]] : [])))
  if (removes.has('l')) return 'fence'
  if (sets.has('l')) return 'electLeader'
  if (sets.has('t')) return 'append'
  if (sets.has('r')) return 'replaceReplica'
  if (sets.has('j') && !sets.has('i')) return 'joinReplica'
  if (sets.has('hs') && sets.has('i') && sets.has('dueAtMs')) return 'changeIsr'
  if (sets.has('hs') || removes.has('hs')) return 'fillHole'
  if (sets.size === 0 && removes.has('t')) return 'trim'
  return 'settleDue'
}
