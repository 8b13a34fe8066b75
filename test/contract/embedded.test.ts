import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { constants, DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { set } from '../../shared/core/update-plan.ts'
import { openDataDirectory } from '../../shared/embedded/data-directory.ts'
import { fileObjectStore } from '../../shared/embedded/file-object-store.ts'
import { memoryObjectStore } from '../../shared/embedded/memory-object-store.ts'
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
objectStoreContract('objects in files', async () =>
  fileObjectStore(temporaryFolder(), { durability: 'process' }),
)
objectStoreContract('objects in synced files', async () =>
  fileObjectStore(temporaryFolder(), { durability: 'disk' }),
)
objectStoreContract('objects in memory', async () => memoryObjectStore(new Map(), 'memory'))

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
      await expect(store.putIfAbsent('incarnation', large)).rejects.toMatchObject(failed)
      expect(existsSync(folder)).toBe(false)
    },
  )

  test('putIfAbsent leaves no second file, won or lost', async () => {
    const folder = temporaryFolder()
    const store = fileObjectStore(folder, { durability: 'process' })
    await store.putIfAbsent('incarnation', large)
    await store.putIfAbsent('incarnation', large)
    expect(readdirSync(folder)).toEqual(['incarnation'])
  })
})
