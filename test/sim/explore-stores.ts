import { DatabaseSync } from 'node:sqlite'
import { type MemoryBuckets, memoryObjectStore } from '../../shared/embedded/memory-object-store.ts'
import { sqliteDocumentStore } from '../../shared/embedded/sqlite-document-store.ts'
import type { DocumentStore } from '../../shared/store/document-store.ts'
import type { ObjectStore } from '../../shared/store/object-store.ts'

/** The embedded stores in memory, which can be set back to an earlier state any number of times. */
export interface ExploredStores {
  readonly documents: DocumentStore
  readonly nodes: ReadonlyMap<number, ObjectStore>
  /** A storage node loses everything. */
  wipe(nodeId: number): void
  /** Everything that is stored, as text: the same text, the same contents. */
  contents(): string
  snapshot(): Snapshot
  restore(snapshot: Snapshot): void
}

/** What was stored at some time. Nobody changes stored bytes, so buckets share them. */
export interface Snapshot {
  readonly rows: readonly Row[]
  readonly buckets: readonly (readonly [string, ReadonlyMap<string, Uint8Array>])[]
}

interface Row {
  readonly pk: string
  readonly sk: string
  readonly dueShard: number | null
  readonly dueAtMs: number | null
  readonly body: string
}

/** Stores of `nodeCount` storage nodes, all empty. */
export function newExploredStores(nodeCount: number): ExploredStores {
  const database = new DatabaseSync(':memory:')
  const documents = sqliteDocumentStore(database)
  const buckets: MemoryBuckets = new Map()
  const ids = Array.from({ length: nodeCount }, (_, nodeId) => nodeId)
  const nodes = new Map(ids.map((nodeId) => [nodeId, memoryObjectStore(buckets, locationOf(nodeId))]))
  const select = database.prepare('SELECT pk, sk, dueShard, dueAtMs, body FROM documents ORDER BY pk, sk')
  const remove = database.prepare('DELETE FROM documents')
  const insert = database.prepare(
    'INSERT INTO documents (pk, sk, dueShard, dueAtMs, body) VALUES (?, ?, ?, ?, ?)',
  )
  const rows = () => select.all() as unknown as readonly Row[]
  return {
    documents,
    nodes,
    wipe: (nodeId) => buckets.get(locationOf(nodeId))?.clear(),
    contents: () =>
      [
        ...rows().map(({ pk, sk, body }) => `${pk} ${sk} ${body}`),
        // All objects but the one that names its bucket have names that are used once.
        ...[...buckets].map(([location, objects]) => {
          const name = objects.get('incarnation')
          return `${location} ${name === undefined ? '' : String(name)} ${[...objects.keys()].sort()}`
        }),
      ].join('\n'),
    snapshot: () => ({
      rows: rows(),
      buckets: [...buckets].map(([location, objects]) => [location, new Map(objects)] as const),
    }),
    restore: (snapshot) => {
      database.exec('BEGIN')
      remove.run()
      for (const { pk, sk, dueShard, dueAtMs, body } of snapshot.rows)
        insert.run(pk, sk, dueShard, dueAtMs, body)
      database.exec('COMMIT')
      for (const [location, stored] of snapshot.buckets) {
        const objects = buckets.get(location)
        objects?.clear()
        for (const [key, bytes] of stored) objects?.set(key, bytes)
      }
    },
  }
}

function locationOf(nodeId: number): string {
  return `memory-${nodeId}`
}
