import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { throwIfAborted } from './object-key.ts'
import { type Durability, errorCode, makeFolders, syncFile, syncFolder } from './write-file.ts'

/** In the thread pool, where the kernel moves the bytes, or shares them where the file system can. */
const copy = promisify(fs.copyFile)
const stat = promisify(fs.stat)
const rm = promisify(fs.rm)

/**
 * Copies the file `source` to `path` by way of the new file `unfinished`, which takes the name with all its bytes: so what is
 * at `path` already is never damaged. Folders are made where needed, but never `root`.
 *
 * Answers whether there is a file `source`.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when `signal` aborts; an Error of node:fs otherwise
 */
export async function copyFile(
  { source, path, unfinished }: { source: string; path: string; unfinished: string },
  options: { readonly root: string; readonly durability: Durability; readonly signal: AbortSignal },
): Promise<boolean> {
  const { root, durability, signal } = options
  if (!(await isFile(source))) return false
  try {
    await copyInto(root, { source, unfinished, durability })
    if (durability === 'disk') await syncFile(unfinished)
    throwIfAborted(signal)
    // Within one turn of the event loop, for the sake of a put of the same file that fails (`writeFile`).
    fs.renameSync(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  if (durability === 'disk') await syncFolder(dirname(path))
  throwIfAborted(signal)
  return true
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false
    throw error
  }
}

async function copyInto(
  root: string,
  files: { source: string; unfinished: string; durability: Durability },
): Promise<void> {
  const { source, unfinished, durability } = files
  const once = () => copy(source, unfinished, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE)
  try {
    await once()
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    await makeFolders(root, dirname(unfinished), durability)
    await once()
  }
}
