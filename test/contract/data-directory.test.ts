import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { openDataDirectory, openInMemory, storedNodes } from '../../shared/embedded/data-directory.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const HOLDER = fileURLToPath(new URL('../support/hold-data-directory.ts', import.meta.url))
const key = { pk: 'P#1', sk: 'HEAD' }
const { signal } = new AbortController()

test('a second process is refused at once, and kill -9 frees the directory with all that was answered', async () => {
  const path = temporaryFolder()
  const holder = await startHolder(path)
  expect(() => open(path, 3)).toThrow(
    expect.objectContaining({
      errorName: 'KAFKA_STORAGE_ERROR',
      message: `data directory is in use path=${path}`,
    }),
  )

  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const stores = open(path, 3)
  expect(await stores.documents.get(key, 'strong')).toEqual({ from: 'the first', ver: 1 })
  expect(await stores.nodes.get(2)?.get('wal/hour/object', undefined, signal)).toEqual(
    Uint8Array.from([1, 2]),
  )
  stores.close()
})

test('a second opener in one process is refused, and close frees the directory', async () => {
  const path = temporaryFolder()
  const first = open(path, 1)
  expect(() => open(path, 1)).toThrow('data directory is in use')
  await first.documents.put(key, { a: 1 }, 'absent')
  await first.nodes.get(0)?.put('x', [Uint8Array.from([7])], signal)
  first.close()

  const second = open(path, 1)
  expect(await second.documents.get(key, 'strong')).toEqual({ a: 1, ver: 1 })
  expect(await second.nodes.get(0)?.get('x', undefined, signal)).toEqual(Uint8Array.from([7]))
  second.close()
})

test('a directory tells how many nodes it was made with, and none where there is none', () => {
  const path = join(temporaryFolder(), 'new')
  expect(storedNodes(path)).toBe(0)
  open(path, 12).close()
  expect(storedNodes(path)).toBe(12)
})

test('fewer nodes than stored are refused, and the directory stays free for enough of them', () => {
  const path = temporaryFolder()
  open(path, 3).close()
  expect(() => open(path, 2)).toThrow(
    expect.objectContaining({
      errorName: 'INVALID_CONFIG',
      message: `fewer nodes than the data directory has, start with --nodes 3 path=${path} nodes=2`,
    }),
  )
  const stores = open(path, 4)
  expect([...stores.nodes.keys()]).toEqual([0, 1, 2, 3])
  expect(readdirSync(join(path, 'nodes')).toSorted()).toEqual(['0', '1', '2', '3'])
  stores.close()
})

test('what is no data directory is a storage error that names it', () => {
  const path = temporaryFolder()
  const file = join(path, 'file')
  writeFileSync(file, 'no folder')
  expect(() => open(file, 1)).toThrow(`data directory cannot be opened path=${file}`)
  writeFileSync(join(path, 'metadata.sqlite'), 'no database, but longer than the header of one'.repeat(99))
  expect(() => open(path, 1)).toThrow(`data directory cannot be opened path=${path}`)
})

test('disk durability keeps the same promises', async () => {
  const path = temporaryFolder()
  const stores = openDataDirectory({ path, nodes: 1, durability: 'disk' })
  expect((await stores.documents.put(key, {}, 'absent')).applied).toBe(true)
  stores.close()
})

test('two in-memory stores share nothing', async () => {
  const first = openInMemory({ nodes: 2 })
  const second = openInMemory({ nodes: 2 })
  await first.documents.put(key, {}, 'absent')
  await first.nodes.get(1)?.put('x', [], signal)
  expect(await second.documents.get(key, 'strong')).toBeUndefined()
  expect(await second.nodes.get(1)?.get('x', undefined, signal)).toBeUndefined()
  expect(await first.nodes.get(0)?.get('x', undefined, signal)).toBeUndefined()
})

test.each([
  { name: 'on disk', openStores: () => open(temporaryFolder(), 2) },
  { name: 'in memory', openStores: () => openInMemory({ nodes: 2 }) },
])(
  'a wiped node has nothing and goes on, and the other keeps what it has ($name)',
  async ({ openStores }) => {
    const stores = openStores()
    const [wiped, other] = [stores.nodes.get(0), stores.nodes.get(1)]
    for (const node of [wiped, other]) {
      await node?.putIfAbsent('incarnation', [Uint8Array.of(1)], signal)
      await node?.put('wal/hour/x', [Uint8Array.of(2)], signal)
    }
    await stores.wipe(0)
    expect(await wiped?.get('incarnation', undefined, signal)).toBeUndefined()
    expect(await wiped?.get('wal/hour/x', undefined, signal)).toBeUndefined()
    expect(await other?.get('incarnation', undefined, signal)).toEqual(Uint8Array.of(1))
    expect(await wiped?.copyFrom(other?.location ?? '', 'wal/hour/x', signal)).toBe(true)
    expect(await wiped?.putIfAbsent('incarnation', [Uint8Array.of(3)], signal)).toBe(true)
    await expect(stores.wipe(2)).rejects.toThrow('no such storage node node=2')
    stores.close()
  },
)

function open(path: string, nodes: number) {
  return openDataDirectory({ path, nodes, durability: 'process' })
}

async function startHolder(path: string): Promise<ChildProcess> {
  const holder = spawn(process.execPath, [HOLDER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    holder.kill('SIGKILL')
  })
  const [output] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')])
  expect(String(output)).toBe('open\n')
  return holder
}
