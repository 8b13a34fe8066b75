import type { ObjectStore } from '../store/object-store.ts'
import { assertObjectKey, throwIfAborted } from './object-key.ts'

/** A storage node in memory, for tests and for `dev --in-memory`. It keeps and hands out copies, like a disk. */
export function memoryObjectStore(): ObjectStore {
  const objects = new Map<string, Uint8Array>()
  return {
    put: async (key, chunks, signal) => {
      assertObjectKey(key)
      throwIfAborted(signal)
      objects.set(key, Buffer.concat(chunks))
    },

    putIfAbsent: async (key, chunks) => {
      assertObjectKey(key)
      if (objects.has(key)) return false
      objects.set(key, Buffer.concat(chunks))
      return true
    },

    get: async (key, range, signal) => {
      assertObjectKey(key)
      throwIfAborted(signal)
      const bytes = objects.get(key)
      if (bytes === undefined || (range !== undefined && range.end > bytes.length)) return undefined
      return new Uint8Array(bytes.subarray(range?.start, range?.end))
    },
  }
}
