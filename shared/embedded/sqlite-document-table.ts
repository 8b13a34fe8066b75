import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Item } from '../core/update-plan.ts'
import { assert } from '../protocol/kafka-error.ts'
import type { DocumentStore, Due, Entry, Key } from '../store/document-store.ts'

/** DynamoDB's bound on a document, so that what fits here fits there. It is held against the JSON, which is about as long. */
const MAX_ITEM_BYTES = 400 * 1024

/**
 * `sk` is ordered by SQLite's BINARY collation, which is the order of its UTF-8 bytes. What is due stands in columns of its
 * own: an index on the JSON would parse it again at every write (71 kB: 602 µs instead of 339, without an index 326).
 */
const TABLE = `CREATE TABLE IF NOT EXISTS documents (
  pk TEXT, sk TEXT, dueShard INTEGER, dueAtMs INTEGER, body TEXT NOT NULL, PRIMARY KEY (pk, sk)
) WITHOUT ROWID`

/** Sparse, like DynamoDB's: only documents with both attributes. */
const INDEX = `CREATE INDEX IF NOT EXISTS due ON documents (dueShard, dueAtMs)
  WHERE dueShard IS NOT NULL AND dueAtMs IS NOT NULL`

/** A table that was made before anything could be listed as due. */
const ADD_DUE = `BEGIN;
  ALTER TABLE documents ADD COLUMN dueShard INTEGER;
  ALTER TABLE documents ADD COLUMN dueAtMs INTEGER;
  UPDATE documents SET dueShard = json_extract(body, '$.dueShard'), dueAtMs = json_extract(body, '$.dueAtMs');
  COMMIT`

/** Makes the table where it is missing and prepares its statements, which throw what SQLite throws. */
export function documentTable(database: DatabaseSync) {
  database.exec(TABLE)
  if (!hasDue(database)) database.exec(ADD_DUE)
  database.exec(INDEX)
  const select = database.prepare('SELECT body FROM documents WHERE pk = ? AND sk = ?')
  const upsert = database.prepare(
    'INSERT OR REPLACE INTO documents (pk, sk, dueShard, dueAtMs, body) VALUES (?, ?, ?, ?, ?)',
  )
  const remove = database.prepare('DELETE FROM documents WHERE pk = ? AND sk = ?')
  const range = 'SELECT sk, body FROM documents WHERE pk = ? AND sk BETWEEN ? AND ? ORDER BY sk'
  const lists = {
    ascending: database.prepare(`${range} ASC LIMIT ?`),
    descending: database.prepare(`${range} DESC LIMIT ?`),
  }
  const selectDue = database.prepare(
    'SELECT pk, sk, dueAtMs FROM documents WHERE dueShard = ? AND dueAtMs <= ? ORDER BY dueAtMs LIMIT ?',
  )
  return {
    read(key: Key): Item | undefined {
      const row = select.get(key.pk, key.sk)
      return row === undefined ? undefined : parsed(row)
    },
    save(key: Key, item: Item): void {
      const body = JSON.stringify(item)
      const bytes = Buffer.byteLength(body)
      assert(
        bytes <= MAX_ITEM_BYTES,
        `document too large sk=${key.sk} bytes=${bytes} maxBytes=${MAX_ITEM_BYTES}`,
      )
      upsert.run(key.pk, key.sk, numberOrNull(item.dueShard), numberOrNull(item.dueAtMs), body)
    },
    remove(key: Key): void {
      remove.run(key.pk, key.sk)
    },
    list(pk: string, query: Parameters<DocumentStore['list']>[1]): readonly Entry[] {
      const rows = lists[query.direction].all(pk, query.from, query.to, query.limit)
      return rows.map((row) => ({ key: { pk, sk: String(row.sk) }, item: parsed(row) }))
    },
    due(shard: number, { untilMs, limit }: Parameters<DocumentStore['due']>[1]): readonly Due[] {
      const rows = selectDue.all(shard, untilMs, limit)
      return rows.map(({ pk, sk, dueAtMs }) => ({
        key: { pk: String(pk), sk: String(sk) },
        dueAtMs: Number(dueAtMs),
      }))
    },
  }
}

function hasDue(database: DatabaseSync): boolean {
  const columns = database.prepare('PRAGMA table_info(documents)').all()
  return columns.some(({ name }) => name === 'dueAtMs')
}

function parsed({ body }: Record<string, SQLOutputValue>): Item {
  return JSON.parse(String(body)) as Item
}

function numberOrNull(value: Item[string] | undefined): number | null {
  return typeof value === 'number' ? value : null
}
