import { KafkaError } from '../protocol/kafka-error.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { assertObjectKey, throwIfAborted } from './object-key.ts'

/** The objects of several storage nodes in memory, by location and key. */
export type MemoryBuckets = Map<string, Map<string, Uint8Array>>

/**
 * A storage node in memory, for tests and for `dev --in-memory`. It keeps and hands out copies, like a disk. It copies
 * from every location in `buckets`, to which it adds its own.
 */
export function memoryObjectStore(buckets: MemoryBuckets, location: string): ObjectStore {
  const objects = buckets.get(location) ?? new Map<string, Uint8Array>()
  buckets.set(location, objects)
  return {
    location,

    put: async (key, chunks, signal) => {
      assertObjectKey(key)
      throwIfAborted(signal)
      objects.set(key, Buffer.concat(chunks))
    },

    putIfAbsent: async (key, chunks, signal) => {
      assertObjectKey(key)
      throwIfAborted(signal)
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

    copyFrom: async (source, key, signal) => {
      assertObjectKey(key)
      throwIfAborted(signal)
      const bucket = buckets.get(source)
      if (bucket === undefined)
        throw new KafkaError('KAFKA_STORAGE_ERROR', `object not copied key=${key} location=${source}`)
      const bytes = bucket.get(key)
      // Nobody ever changes stored bytes, so two nodes may hold the same ones.
      if (bytes !== undefined) objects.set(key, bytes)
      return bytes !== undefined
    },
  }
}
