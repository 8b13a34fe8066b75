import * as fs from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { throwIfAborted } from './object-key.ts'

/** What a confirmed write survives: the end of the process (kill -9), or of the machine (power loss). */
export type Durability = 'process' | 'disk'

/**
 * Every call goes through the thread pool: making a file waits for the file system's journal, and on the event loop all
 * other requests would wait with it (8 produces of 1 KiB at once: 5,900 against 660 to 3,700 files a second and node).
 * The callback functions cost a third less than those of node:fs/promises.
 */
const open = promisify(fs.open)
const writev = promisify(fs.writev)
const ftruncate = promisify(fs.ftruncate)
const fsync = promisify(fs.fsync)
const close = promisify(fs.close)
const mkdir = promisify(fs.mkdir)

/**
 * Writes `chunks` to the file and creates its folder where needed, but never `root`: a storage node whose folder was
 * taken away must fail, not begin anew without what it held. A file that this call created is gone again when the
 * call fails. One that was there, from an earlier attempt with the same bytes, is overwritten in place and never
 * truncated first or removed: it may be confirmed already.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when `signal` aborts; an Error of node:fs otherwise
 */
export async function writeFile(
  path: string,
  chunks: readonly Uint8Array[],
  options: {
    readonly root: string
    readonly durability: Durability
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { durability, signal } = options
  const { file, created } = await openToWrite(path, options)
  try {
    const bytes = await writeAll(file, chunks, signal)
    if (!created) await ftruncate(file, bytes)
    if (durability === 'disk') {
      await fsync(file)
      await syncFolder(dirname(path))
    }
    throwIfAborted(signal)
  } catch (error) {
    if (created) removeUnlessReplaced(path, file)
    throw error
  } finally {
    await close(file)
  }
}

/** Makes the names of the files in a folder survive power loss. */
export async function syncFolder(folder: string): Promise<void> {
  await syncFile(folder)
}

/** Makes the bytes of a file, or the names in a folder, survive power loss. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await fsync(file)
  } finally {
    await close(file)
  }
}

/** Makes the folders from below `root`, which must be there, down to `folder`. */
export async function makeFolders(root: string, folder: string, durability: Durability): Promise<void> {
  let made = root
  for (const name of relative(root, folder)
    .split(sep)
    .filter((part) => part !== '')) {
    made = join(made, name)
    try {
      await mkdir(made)
      if (durability === 'disk') await syncFolder(dirname(made))
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
}

/** The code of an Error of node:fs, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

async function openToWrite(
  path: string,
  { root, durability }: { readonly root: string; readonly durability: Durability },
): Promise<{ file: number; created: boolean }> {
  try {
    return { file: await open(path, 'wx'), created: true }
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return { file: await open(path, 'r+'), created: false }
    if (errorCode(error) !== 'ENOENT') throw error
  }
  // The first object of an hour: asking the file system beats remembering which folders exist.
  await makeFolders(root, dirname(path), durability)
  return { file: await open(path, 'wx'), created: true }
}

/**
 * Removes the open `file`, unless a copy has taken its name since (`copyFile`): that one may be confirmed already. It is one
 * turn of the event loop, as the copy's rename is, so neither can come in between.
 */
function removeUnlessReplaced(path: string, file: number): void {
  const named = fs.lstatSync(path, { throwIfNoEntry: false })
  if (named?.ino === fs.fstatSync(file).ino) fs.rmSync(path, { force: true })
}

async function writeAll(file: number, chunks: readonly Uint8Array[], signal: AbortSignal): Promise<number> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  let left = chunks
  for (let written = 0; written < bytes; ) {
    throwIfAborted(signal)
    const count = (await writev(file, left)).bytesWritten
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
