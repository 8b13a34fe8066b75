import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A WAL object of one node folder. */
export interface WalFile {
  readonly path: string
  readonly inode: number
  readonly links: number
}

/** The WAL objects of every node of a data directory: by node, then by key below `wal`. */
export async function walFolders(dataDirectory: string): Promise<Map<string, WalFile>[]> {
  const nodes = await readdir(join(dataDirectory, 'nodes'))
  return Promise.all(nodes.sort().map((node) => walFiles(join(dataDirectory, 'nodes', node, 'wal'))))
}

async function walFiles(folder: string): Promise<Map<string, WalFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = new Map<string, WalFile>()
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const { ino, nlink } = await stat(path)
    files.set(path.slice(folder.length + 1), { path, inode: ino, links: nlink })
  }
  return files
}
