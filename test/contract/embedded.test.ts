import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { constants, DatabaseSync } from 'node:sqlite'
import { describe, expect, test, vi } from 'vitest'
import { set } from '../../shared/core/update-plan.ts'
import { openDataDirectory } from '../../shared/embedded/data-directory.ts'
import { fileObjectStore } from '../../shared/embedded/file-object-store.ts'
import { type MemoryBuckets, memoryObjectStore } from '../../shared/embedded/memory-object-store.ts'
import { sqliteDocumentStore } from '../../shared/embedded/sqlite-document-store.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { documentStoreContract } from './document-store.contract.ts'
import { objectStoreContract } from './object-store.contract.ts'

documentStoreContract('documents in a SQLite file', async () => {
  return openDataDirectory({ path: temporaryFolder(), nodes: 1, durability: 'process' }).documents
})
documentStoreContract('documents in SQLite in memory', async () => {
  return sqliteDocumentStore(new DatabaseSync(':memory:'))
})
objectStoreContract('objects in files', async () => [fileStore(), fileStore()])
objectStoreContract('objects in synced files', async () => [
  fileObjectStore(temporaryFolder(), { durability: 'disk' }),
  fileObjectStore(temporaryFolder(), { durability: 'disk' }),
])
objectStoreContract('objects in memory', async () => {
  const buckets: MemoryBuckets = new Map()
  return [memoryObjectStore(buckets, 'a'), memoryObjectStore(buckets, 'b')]
})

describe('documents when SQLite fails', () => {
  const key = { pk: 'P#1', sk: 'HEAD' }
  const plan = (size: number) => ({ checks: [], changes: [set(['a'], 'x'.repeat(size))] })

  test('a full database is a storage error, nothing is written, and the store goes on', async () => {
    const database = new DatabaseSync(':memory:')
    const store = sqliteDocumentStore(database)
    await store.update(key, plan(1))
    database.exec('PRAGMA max_page_count = 8')
    const full = { errorName: 'KAFKA_STORAGE_ERROR' }
    await expect(store.update(key, plan(100_000))).rejects.toMatchObject(full)
    expect(await store.get(key, 'strong')).toEqual({ a: 'x' })
    expect((await store.update(key, plan(2))).applied).toBe(true)
  })

  test('a failed commit has an unknown effect', async () => {
    const database = new DatabaseSync(':memory:')
    const store = sqliteDocumentStore(database)
    database.setAuthorizer((action, operation) =>
      action === constants.SQLITE_TRANSACTION && operation === 'COMMIT'
        ? constants.SQLITE_DENY
        : constants.SQLITE_OK,
    )
    await expect(store.update(key, plan(1))).rejects.toMatchObject({ errorName: 'REQUEST_TIMED_OUT' })
    database.setAuthorizer(null)
    expect((await store.update(key, plan(2))).applied).toBe(true)
  })

  test('a closed database is a storage error', async () => {
    const database = new DatabaseSync(':memory:')
    const store = sqliteDocumentStore(database)
    database.close()
    const closed = { errorName: 'KAFKA_STORAGE_ERROR' }
    await expect(store.get(key, 'strong')).rejects.toMatchObject(closed)
    await expect(store.update(key, plan(1))).rejects.toMatchObject(closed)
  })
})

test('a table made before anything could be due lists what is due, and does so when opened again', async () => {
  const database = new DatabaseSync(':memory:')
  database.exec(
    'CREATE TABLE documents (pk TEXT, sk TEXT, body TEXT NOT NULL, PRIMARY KEY (pk, sk)) WITHOUT ROWID',
  )
  const insert = database.prepare('INSERT INTO documents (pk, sk, body) VALUES (?, ?, ?)')
  const item = { dueShard: 3, dueAtMs: 1_790_000_000_000, ver: 1 }
  insert.run('P#1', 'HEAD', JSON.stringify(item))
  insert.run('P#2', 'HEAD', JSON.stringify({ dueShard: 3, ver: 1 }))
  const all = { untilMs: Number.MAX_SAFE_INTEGER, limit: 10 }
  const store = sqliteDocumentStore(database)
  const due = [{ key: { pk: 'P#1', sk: 'HEAD' }, dueAtMs: item.dueAtMs }]
  expect(await store.due(3, all)).toEqual(due)
  expect(await store.get({ pk: 'P#1', sk: 'HEAD' }, 'strong')).toEqual(item)
  await store.update({ pk: 'P#2', sk: 'HEAD' }, { checks: [], changes: [set(['dueAtMs'], 1)] })
  expect(await sqliteDocumentStore(database).due(3, all)).toEqual([
    { key: { pk: 'P#2', sk: 'HEAD' }, dueAtMs: 1 },
    ...due,
  ])
})

describe('objects in files', () => {
  const { signal } = new AbortController()
  const large = [new Uint8Array(1_000_000)]

  test.each(['', '/etc/passwd', '../x', 'a/../b', 'a//b', './a', 'a~b', 'a/', 'a\0'])(
    'the key %j is refused',
    async (key) => {
      const store = fileObjectStore(temporaryFolder(), { durability: 'process' })
      const refused = { errorName: 'UNKNOWN_SERVER_ERROR' }
      await expect(store.put(key, large, signal)).rejects.toMatchObject(refused)
      await expect(store.get(key, undefined, signal)).rejects.toMatchObject(refused)
    },
  )

  test('a put aborted on the way leaves no file', async () => {
    const folder = temporaryFolder()
    const store = fileObjectStore(folder, { durability: 'process' })
    const controller = new AbortController()
    const put = store.put('wal/x', large, controller.signal)
    controller.abort()
    await expect(put).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
    expect(readdirSync(join(folder, 'wal'))).toEqual([])
  })

  test('a repetition aborted on the way leaves the object of the first put', async () => {
    const store = fileObjectStore(temporaryFolder(), { durability: 'process' })
    await store.put('wal/x', large, signal)
    const controller = new AbortController()
    const put = store.put('wal/x', large, controller.signal)
    controller.abort()
    await expect(put).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
    expect(await store.get('wal/x', undefined, signal)).toHaveLength(1_000_000)
  })

  test('a full disk is a storage error', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'wal'))
    symlinkSync('/dev/full', join(folder, 'wal/x'))
    const store = fileObjectStore(folder, { durability: 'process' })
    await expect(store.put('wal/x', large, signal)).rejects.toMatchObject({
      errorName: 'KAFKA_STORAGE_ERROR',
      message: 'object not written key=wal/x cause=ENOSPC',
    })
  })

  test.each(['process', 'disk'] as const)(
    'a store whose folder was taken away fails, and does not begin anew (%s)',
    async (durability) => {
      const folder = join(temporaryFolder(), 'node')
      mkdirSync(folder)
      const store = fileObjectStore(folder, { durability })
      await store.put('wal/1/x', large, signal)
      rmSync(folder, { recursive: true })
      const failed = { errorName: 'KAFKA_STORAGE_ERROR' }
      await expect(store.put('wal/1/y', large, signal)).rejects.toMatchObject(failed)
      await expect(store.putIfAbsent('incarnation', large, signal)).rejects.toMatchObject(failed)
      expect(existsSync(folder)).toBe(false)
    },
  )

  test('putIfAbsent leaves no second file, won or lost', async () => {
    const folder = temporaryFolder()
    const store = fileObjectStore(folder, { durability: 'process' })
    await store.putIfAbsent('incarnation', large, signal)
    await store.putIfAbsent('incarnation', large, signal)
    expect(readdirSync(folder)).toEqual(['incarnation'])
  })

  test('a copy leaves no second file, made or aborted on the way', async () => {
    const [folder, source] = [temporaryFolder(), fileStore()]
    const store = fileObjectStore(folder, { durability: 'process' })
    await source.put('wal/x', large, signal)
    await source.put('wal/y', large, signal)
    await store.copyFrom(source.location, 'wal/x', signal)
    const controller = new AbortController()
    const copy = store.copyFrom(source.location, 'wal/y', controller.signal)
    const repetition = store.copyFrom(source.location, 'wal/x', controller.signal)
    const absent = store.copyFrom(source.location, 'wal/z', signal)
    controller.abort()
    expect(await Promise.allSettled([repetition, copy, absent])).toMatchObject([
      { status: 'rejected', reason: { errorName: 'KAFKA_STORAGE_ERROR' } },
      { status: 'rejected', reason: { errorName: 'KAFKA_STORAGE_ERROR' } },
      { status: 'fulfilled', value: false },
    ])
    expect(readdirSync(join(folder, 'wal'))).toEqual(['x'])
    expect(await store.get('wal/x', undefined, signal)).toHaveLength(1_000_000)
  })

  test('an object is whole at every moment while a copy takes its place', async () => {
    const [store, source] = [fileStore(), fileStore()]
    await source.put('wal/x', large, signal)
    await store.put('wal/x', large, signal)
    let copying = true
    const copies = Promise.all(
      Array.from({ length: 20 }, () => store.copyFrom(source.location, 'wal/x', signal)),
    ).finally(() => {
      copying = false
    })
    const lengths = new Set<number | undefined>()
    while (copying) lengths.add((await store.get('wal/x', undefined, signal))?.length)
    await copies
    expect(lengths).toEqual(new Set([1_000_000]))
  })

  test('a put that fails after a copy took the name leaves the copy', async () => {
    const [folder, source] = [temporaryFolder(), fileStore()]
    const store = fileObjectStore(folder, { durability: 'process' })
    await source.put('x', [Uint8Array.of(1)], signal)
    const controller = new AbortController()
    const put = store.put('x', [new Uint8Array(100_000_000)], controller.signal).catch(() => undefined)
    await vi.waitUntil(() => existsSync(join(folder, 'x')), { interval: 1 })
    await store.copyFrom(source.location, 'x', signal)
    controller.abort()
    await put
    expect(await store.get('x', undefined, signal)).toEqual(Uint8Array.of(1))
  })

  test('a copy into a folder that was taken away fails, and does not make it anew', async () => {
    const [folder, source] = [join(temporaryFolder(), 'node'), fileStore()]
    await source.put('wal/x', large, signal)
    const store = fileObjectStore(folder, { durability: 'process' })
    const copy = store.copyFrom(source.location, 'wal/x', signal)
    await expect(copy).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
    expect(existsSync(folder)).toBe(false)
  })
})

function fileStore() {
  return fileObjectStore(temporaryFolder(), { durability: 'process' })
}
