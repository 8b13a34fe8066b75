import { beforeEach, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../shared/store/object-store.ts'

/**
 * What every ObjectStore promises. `makeStores` opens two nodes of one kind for each test; they may keep the objects of
 * others, as every test has keys of its own.
 */
export function objectStoreContract(
  name: string,
  makeStores: () => Promise<readonly [ObjectStore, ObjectStore]>,
): void {
  describe(name, () => {
    const { signal } = new AbortController()
    let store: ObjectStore
    let source: ObjectStore
    let key: string
    const read = async (range?: [number, number]) => {
      const bytes = await store.get(key, range && { start: range[0], end: range[1] }, signal)
      return bytes && Array.from(bytes)
    }

    beforeEach(async () => {
      ;[store, source] = await makeStores()
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
      const named = store.putIfAbsent(`${key}-3`, [bytesOf(1)], AbortSignal.abort())
      await expect(named).rejects.toMatchObject(gone)
      expect(await store.get(`${key}-3`, undefined, signal)).toBeUndefined()
    })

    test('putIfAbsent stores the first object and leaves it alone after', async () => {
      expect(await store.putIfAbsent(key, [bytesOf(1), bytesOf(2)], signal)).toBe(true)
      expect(await store.putIfAbsent(key, [bytesOf(3)], signal)).toBe(false)
      expect(await read()).toEqual([1, 2])
    })

    test('of ten at once exactly one stores, and its bytes are what is read', async () => {
      const stored = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          store.putIfAbsent(key, [new Uint8Array(100_000).fill(index)], signal),
        ),
      )
      expect(stored.filter((winner) => winner)).toHaveLength(1)
      const bytes = await store.get(key, undefined, signal)
      expect(bytes?.length).toBe(100_000)
      expect(bytes?.every((byte) => byte === stored.indexOf(true))).toBe(true)
    })

    describe('copyFrom', () => {
      const copy = () => store.copyFrom(source.location, key, signal)

      test('the object stands under the same key in both nodes, each of which can be the source', async () => {
        await source.put(key, [bytesOf(1, 2), bytesOf(3)], signal)
        expect(await copy()).toBe(true)
        expect(await read()).toEqual([1, 2, 3])
        expect(await source.get(key, { start: 1, end: 3 }, signal)).toEqual(bytesOf(2, 3))
        await store.put(`${key}-2`, [bytesOf(4)], signal)
        expect(await source.copyFrom(store.location, `${key}-2`, signal)).toBe(true)
        expect(await source.get(`${key}-2`, undefined, signal)).toEqual(bytesOf(4))
      })

      test('an object that the source has not is not copied, and one that was here stays', async () => {
        expect(await copy()).toBe(false)
        expect(await read()).toBeUndefined()
        await store.put(key, [bytesOf(1)], signal)
        expect(await copy()).toBe(false)
        expect(await read()).toEqual([1])
      })

      test('a folder is no object, and nothing stands below one', async () => {
        await source.put(`${key}/below`, [bytesOf(1)], signal)
        expect(await copy()).toBe(false)
        await source.put(`${key}-2`, [bytesOf(1)], signal)
        expect(await store.copyFrom(source.location, `${key}-2/below`, signal)).toBe(false)
      })

      test('a copy repeated is harmless, also ten times at once and over an object that was put', async () => {
        await source.put(key, [bytesOf(1, 2)], signal)
        await store.put(key, [bytesOf(1, 2)], signal)
        const copies = await Promise.all(Array.from({ length: 10 }, copy))
        expect(copies.every((copied) => copied)).toBe(true)
        expect(await read()).toEqual([1, 2])
      })

      test('what was copied is left alone when the source is written again', async () => {
        await source.put(key, [bytesOf(1, 2)], signal)
        await copy()
        await source.put(key, [bytesOf(3, 4)], signal)
        expect(await read()).toEqual([1, 2])
      })

      test('a large object and an empty one are copied whole', async () => {
        const large = Buffer.alloc(5_000_000, 'stratolog')
        await source.put(key, [large], signal)
        await source.put(`${key}-2`, [], signal)
        expect(await copy()).toBe(true)
        expect(await store.copyFrom(source.location, `${key}-2`, signal)).toBe(true)
        expect(large.equals((await store.get(key, undefined, signal)) ?? bytesOf())).toBe(true)
        expect(await store.get(`${key}-2`, undefined, signal)).toHaveLength(0)
      })

      test('a source that is not there is a failure, not an absent object', async () => {
        const nowhere = store.copyFrom(`${source.location}-that-never-was`, key, signal)
        await expect(nowhere).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
      })

      test('an aborted copy rejects', async () => {
        await source.put(key, [bytesOf(1)], signal)
        const aborted = store.copyFrom(source.location, key, AbortSignal.abort())
        await expect(aborted).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
        expect(await read()).toBeUndefined()
      })
    })
  })
}

function bytesOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes)
}
