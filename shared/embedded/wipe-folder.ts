import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Removes everything in a folder, which stays: a storage node that lost its data. For development only. */
export async function wipeFolder(folder: string): Promise<void> {
  const names = await readdir(folder)
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true, force: true })))
}
