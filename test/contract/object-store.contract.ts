import { beforeEach, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../shared/store/object-store.ts'

/**
 * What every ObjectStore promises. `makeStore` opens one for each test; it may keep the objects of others, as every test
 * has keys of its own.
 */
export function objectStoreContract(name: string, makeStore: () => Promise<ObjectStore>): void {
  describe(name, () => {
    const { signal } = new AbortController()
    let store: ObjectStore
    let key: string
    const read = async (range?: [number, number]) => {
      const bytes = await store.get(key, range && { start: range[0], end: range[1] }, signal)
      return bytes && Array.from(bytes)
    }

    beforeEach(async () => {
      store = await makeStore()
      key = `wal/2026-01-01T00/${crypto.randomUUID()}`
    })

    test('there is no object before it is put', async () => {
      expect(await read()).toBeUndefined()
      expect(await read([0, 1])).toBeUndefined()
    })

    test('an object is the concatenation of its chunks', async () => {
      await store.put(key, [bytesOf(1, 2), bytesOf(), bytesOf(3)], signal)
      expect(await read()).toEqual([1, 2, 3])
    })

    test('an object can be empty', async () => {
      await store.put(key, [], signal)
      expect(await read()).toEqual([])
    })

    test('a folder is no object', async () => {
      await store.put(`${key}/below`, [bytesOf(1)], signal)
      expect(await read()).toBeUndefined()
    })

    test('nothing stands below an object', async () => {
      await store.put(key, [bytesOf(1)], signal)
      expect(await store.get(`${key}/below`, undefined, signal)).toBeUndefined()
    })

    test('a put repeated is harmless', async () => {
      await store.put(key, [bytesOf(1, 2, 3)], signal)
      await store.put(key, [bytesOf(1), bytesOf(2, 3)], signal)
      expect(await read()).toEqual([1, 2, 3])
    })

    test('what was put and what was read are copies', async () => {
      const chunk = bytesOf(1, 2)
      await store.put(key, [chunk], signal)
      chunk.fill(9)
      const bytes = await store.get(key, undefined, signal)
      bytes?.fill(8)
      expect(await read()).toEqual([1, 2])
    })

    test('a range includes its start and not its end', async () => {
      await store.put(key, [bytesOf(0, 1, 2, 3, 4)], signal)
      expect(await read([1, 3])).toEqual([1, 2])
      expect(await read([0, 5])).toEqual([0, 1, 2, 3, 4])
      expect(await read([4, 5])).toEqual([4])
    })

    test('an object that ends before the range does is as good as none', async () => {
      await store.put(key, [bytesOf(0, 1, 2)], signal)
      expect(await read([2, 4])).toBeUndefined()
      expect(await read([3, 4])).toBeUndefined()
      expect(await read([7, 9])).toBeUndefined()
    })

    test('a large object of many chunks comes back whole and in ranges', async () => {
      const chunks = Array.from({ length: 3000 }, (_, index) => new Uint8Array(1000).fill(index % 251))
      await store.put(key, chunks, signal)
      const whole = Buffer.concat(chunks)
      expect(whole.equals((await store.get(key, undefined, signal)) ?? bytesOf())).toBe(true)
      const part = await store.get(key, { start: 999_500, end: 1_999_500 }, signal)
      expect(whole.subarray(999_500, 1_999_500).equals(part ?? bytesOf())).toBe(true)
    })

    test('an aborted call rejects', async () => {
      const gone = { errorName: 'KAFKA_STORAGE_ERROR' }
      await store.put(key, [bytesOf(1)], signal)
      await expect(store.put(`${key}-2`, [bytesOf(1)], AbortSignal.abort())).rejects.toMatchObject(gone)
      await expect(store.get(key, undefined, AbortSignal.abort())).rejects.toMatchObject(gone)
    })

    test('putIfAbsent stores the first object and leaves it alone after', async () => {
      expect(await store.putIfAbsent(key, [bytesOf(1), bytesOf(2)])).toBe(true)
      expect(await store.putIfAbsent(key, [bytesOf(3)])).toBe(false)
      expect(await read()).toEqual([1, 2])
    })

    test('of ten at once exactly one stores, and its bytes are what is read', async () => {
      const stored = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          store.putIfAbsent(key, [new Uint8Array(100_000).fill(index)]),
        ),
      )
      expect(stored.filter((winner) => winner)).toHaveLength(1)
      const bytes = await store.get(key, undefined, signal)
      expect(bytes?.length).toBe(100_000)
      expect(bytes?.every((byte) => byte === stored.indexOf(true))).toBe(true)
    })
  })
}

function bytesOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes)
}
