import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, rmSync, writev, writevSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { throwIfAborted } from './object-key.ts'

/** What a confirmed write survives: the end of the process (kill -9), or of the machine (power loss). */
export type Durability = 'process' | 'disk'

/**
 * Bodies up to this size are written on the event loop. Three copies of 1 KiB took 135 µs that way and 370 to 420 µs
 * through the thread pool, of 64 KiB 650 and 800 µs; of 1 MiB it was 8.5 and 6.1 ms, the copies running in parallel
 * (medians on 2 cores). Opening and closing stay on the event loop: each hop costs more than the call.
 */
export const SYNC_BYTES = 64 * 1024

const writevInPool = promisify(writev)

/**
 * Writes `chunks` to the file and creates its folder where needed. A file that this call created is gone again when the
 * call fails. One that was there, from an earlier attempt with the same bytes, is overwritten in place and never
 * truncated first or removed: it may be confirmed already.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when `signal` aborts; an Error of node:fs otherwise
 */
export async function writeFile(
  path: string,
  chunks: readonly Uint8Array[],
  { durability, signal }: { durability: Durability; signal: AbortSignal | undefined },
): Promise<void> {
  const { file, created } = openToWrite(path, durability)
  try {
    try {
      const bytes = await writeAll(file, chunks, signal)
      if (!created) ftruncateSync(file, bytes)
      if (durability === 'disk') fsyncSync(file)
    } finally {
      closeSync(file)
    }
    if (durability === 'disk') syncFolder(dirname(path))
    throwIfAborted(signal)
  } catch (error) {
    if (created) rmSync(path, { force: true })
    throw error
  }
}

/** Makes the names of the files in a folder survive power loss. */
export function syncFolder(folder: string): void {
  const file = openSync(folder, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The code of an Error of node:fs, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function openToWrite(path: string, durability: Durability): { file: number; created: boolean } {
  try {
    return { file: openSync(path, 'wx'), created: true }
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return { file: openSync(path, 'r+'), created: false }
    if (errorCode(error) !== 'ENOENT') throw error
  }
  // The first object of an hour: asking the file system beats remembering which folders exist.
  makeFolder(dirname(path), durability)
  return { file: openSync(path, 'wx'), created: true }
}

function makeFolder(folder: string, durability: Durability): void {
  const first = mkdirSync(folder, { recursive: true })
  if (durability !== 'disk' || first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made))
}

async function writeAll(
  file: number,
  chunks: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  let left = chunks
  for (let written = 0; written < bytes; ) {
    throwIfAborted(signal)
    const count = bytes <= SYNC_BYTES ? writevSync(file, left) : (await writevInPool(file, left)).bytesWritten
    written += count
    if (written < bytes) left = without(left, count)
  }
  return bytes
}

/** The chunks without their first `count` bytes. */
function without(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count
  return chunks.flatMap((chunk) => {
    const part = chunk.subarray(skip)
    skip = Math.max(0, skip - chunk.length)
    return part.length > 0 ? [part] : []
  })
}
