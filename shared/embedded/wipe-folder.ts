import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Removes everything in a folder, which stays: a storage node that lost its data. For development only. What is being
 * written meanwhile is lost too, or stands in the empty folder: everything there is taken away at once, then removed.
 */
export async function wipeFolder(folder: string): Promise<void> {
  const names = await readdir(folder)
  await Promise.all(
    names.map(async (name) => {
      // No key holds a `~`.
      const wiped = join(folder, `${name}~wiped`)
      await rm(wiped, { recursive: true, force: true })
      await rename(join(folder, name), wiped)
      await rm(wiped, { recursive: true, force: true })
    }),
  )
}
