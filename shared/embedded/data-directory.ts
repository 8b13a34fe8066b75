import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { assert, KafkaError } from '../protocol/kafka-error.ts'
import type { DocumentStore } from '../store/document-store.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { fileObjectStore } from './file-object-store.ts'
import { type MemoryBuckets, memoryObjectStore } from './memory-object-store.ts'
import { sqliteDocumentStore } from './sqlite-document-store.ts'
import { wipeFolder } from './wipe-folder.ts'
import type { Durability } from './write-file.ts'

/** SQLite's primary result code of a database that someone else has locked. */
const SQLITE_BUSY = 5

/** Where embedded data is, on how many storage nodes, and what a confirmed write survives. */
export interface DataDirectory {
  readonly path: string
  readonly nodes: number
  readonly durability: Durability
}

/** The embedded stores; `close` gives the data directory free. */
export interface EmbeddedStores {
  readonly documents: DocumentStore
  /** Storage node by id, from 0. */
  readonly nodes: ReadonlyMap<number, ObjectStore>
  /** Removes everything that storage node `nodeId` has, its `incarnation` too. For development only. */
  wipe(nodeId: number): Promise<void>
  close(): void
}

/**
 * Opens, or makes, the data directory of one process: documents in `metadata.sqlite`, objects in `nodes/<id>/`.
 * The process holds it until `close` or its end, however that comes.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when another process holds it, or it cannot be made or read
 * @throws KafkaError INVALID_CONFIG when it was made with more nodes: objects of theirs would be out of reach
 */
export function openDataDirectory({ path, nodes, durability }: DataDirectory): EmbeddedStores {
  const ids = nodeIds(nodes)
  return orStorageError(path, () => {
    mkdirSync(join(path, 'nodes'), { recursive: true })
    const database = lockedDatabase(join(path, 'metadata.sqlite'), durability)
    try {
      const stored = storedNodes(path)
      if (nodes < stored) {
        const fact = `fewer nodes than the data directory has, start with --nodes ${stored}`
        throw new KafkaError('INVALID_CONFIG', `${fact} path=${path} nodes=${nodes}`)
      }
      // The highest first: a start that is killed in between has said how many there are.
      for (const id of ids.toReversed()) mkdirSync(nodeFolder(path, id), { recursive: true })
      return {
        documents: sqliteDocumentStore(database),
        nodes: new Map(ids.map((id) => [id, fileObjectStore(nodeFolder(path, id), { durability })])),
        wipe: async (nodeId) => {
          assert(ids.includes(nodeId), `no such storage node node=${nodeId}`)
          await wipeFolder(nodeFolder(path, nodeId))
        },
        close: () => database.close(),
      }
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** The number of storage nodes that a data directory was made with; 0 when there is none. */
export function storedNodes(path: string): number {
  const folder = join(path, 'nodes')
  if (!existsSync(folder)) return 0
  const entries = readdirSync(folder, { withFileTypes: true })
  const ids = entries.filter((entry) => entry.isDirectory() && /^\d+$/.test(entry.name))
  return Math.max(0, ...ids.map(({ name }) => Number(name) + 1))
}

/** The same stores in memory, gone with the process: for tests and for `dev --in-memory`. */
export function openInMemory({ nodes }: { nodes: number }): EmbeddedStores {
  const database = new DatabaseSync(':memory:')
  const buckets: MemoryBuckets = new Map()
  const stores = nodeIds(nodes).map((id) => [id, memoryObjectStore(buckets, `memory-${id}`)] as const)
  return {
    documents: sqliteDocumentStore(database),
    nodes: new Map(stores),
    wipe: async (nodeId) => {
      const objects = buckets.get(`memory-${nodeId}`)
      assert(objects !== undefined, `no such storage node node=${nodeId}`)
      objects.clear()
    },
    close: () => database.close(),
  }
}

/**
 * A write-ahead log makes a commit one append, which survives kill -9 unsynced. The exclusive lock is the operating
 * system's, so it ends with the process. A longer log than SQLite's 1,000 pages means fewer checkpoints, the only syncs.
 */
function lockedDatabase(path: string, durability: Durability): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = ${durability === 'disk' ? 'FULL' : 'NORMAL'}`)
    database.exec('PRAGMA wal_autocheckpoint = 10000')
    database.exec('BEGIN EXCLUSIVE; COMMIT')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function nodeIds(nodes: number): readonly number[] {
  assert(Number.isSafeInteger(nodes) && nodes > 0, `node count is not positive nodes=${nodes}`)
  return Array.from({ length: nodes }, (_, id) => id)
}

function nodeFolder(path: string, id: number): string {
  return join(path, 'nodes', String(id))
}

function orStorageError<Answer>(path: string, open: () => Answer): Answer {
  try {
    return open()
  } catch (error) {
    if (error instanceof KafkaError) throw error
    const fact = isBusy(error) ? 'data directory is in use' : 'data directory cannot be opened'
    throw new KafkaError('KAFKA_STORAGE_ERROR', `${fact} path=${path}`, { cause: error })
  }
}

function isBusy(error: unknown): boolean {
  // The low byte is the primary code, the rest says more about it.
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}
