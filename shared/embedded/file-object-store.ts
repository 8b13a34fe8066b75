import { closeSync, fstatSync, linkSync, openSync, read, readSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { KafkaError } from '../protocol/kafka-error.ts'
import type { ByteRange, ObjectStore } from '../store/object-store.ts'
import { copyFile } from './copy-file.ts'
import { assertObjectKey, throwIfAborted } from './object-key.ts'
import { type Durability, errorCode, syncFolder, writeFile } from './write-file.ts'

const readInPool = promisify(read)

/** Longest range that is read on the event loop. */
const SYNC_BYTES = 64 * 1024

/** Makes the names of unfinished files differ within this process; the process id does so between two. */
let unfinishedFiles = 0

/**
 * A storage node in a folder, which must be there: each object is a file. A `put` writes its file in place, so what a killed process leaves
 * behind can be part of an object; like any unconfirmed object nothing refers to it. Two puts of one key must not overlap.
 */
export function fileObjectStore(directory: string, options: { durability: Durability }): ObjectStore {
  const { durability } = options
  return {
    location: directory,

    put: (key, chunks, signal) =>
      onFile('object not written', directory, key, async (path) => {
        throwIfAborted(signal)
        await writeFile(path, chunks, { root: directory, durability, signal })
      }),

    putIfAbsent: (key, chunks, signal) =>
      onFile('object not written', directory, key, async (path) => {
        throwIfAborted(signal)
        // A link takes the name with all its bytes or not at all.
        const unfinished = unfinishedFile(path)
        await writeFile(unfinished, chunks, { root: directory, durability, signal })
        try {
          return await linkIfAbsent(unfinished, path, durability)
        } finally {
          rmSync(unfinished, { force: true })
        }
      }),

    get: (key, range, signal) =>
      onFile('object not read', directory, key, async (path) => {
        throwIfAborted(signal)
        const file = openIfThere(path)
        if (file === undefined) return undefined
        try {
          return await readRange(file, range)
        } finally {
          closeSync(file)
        }
      }),

    copyFrom: (location, key, signal) =>
      onFile('object not copied', directory, key, async (path) => {
        throwIfAborted(signal)
        const files = { source: join(location, key), path, unfinished: unfinishedFile(path) }
        if (await copyFile(files, { root: directory, durability, signal })) return true
        // A node that is not there fails, which is another thing than having no such object.
        statSync(location)
        return false
      }),
  }
}

/** A name for a file that is not whole yet; no key holds a `~`. */
function unfinishedFile(path: string): string {
  return `${path}~${process.pid}.${unfinishedFiles++}`
}

async function onFile<Answer>(
  fact: string,
  directory: string,
  key: string,
  work: (path: string) => Promise<Answer>,
): Promise<Answer> {
  assertObjectKey(key)
  try {
    return await work(join(directory, key))
  } catch (error) {
    if (error instanceof KafkaError) throw error
    const cause = errorCode(error) ?? 'unknown'
    throw new KafkaError('KAFKA_STORAGE_ERROR', `${fact} key=${key} cause=${cause}`, { cause: error })
  }
}

async function linkIfAbsent(unfinished: string, path: string, durability: Durability): Promise<boolean> {
  try {
    linkSync(unfinished, path)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
  if (durability === 'disk') await syncFolder(dirname(path))
  return true
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** A range up to `SYNC_BYTES` comes from the page cache faster than the thread pool answers. */
async function readRange(file: number, range: ByteRange | undefined): Promise<Uint8Array | undefined> {
  const stats = fstatSync(file)
  const { start, end } = range ?? { start: 0, end: stats.size }
  if (!stats.isFile() || end > stats.size) return undefined
  const bytes = new Uint8Array(end - start)
  for (let done = 0; done < bytes.length; ) {
    const next = { offset: done, length: bytes.length - done, position: start + done }
    const count =
      bytes.length <= SYNC_BYTES
        ? readSync(file, bytes, next)
        : (await readInPool(file, bytes, next.offset, next.length, next.position)).bytesRead
    if (count === 0) return undefined
    done += count
  }
  return bytes
}
