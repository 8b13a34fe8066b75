import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { LogBatch } from './raw-client.ts'
import { walFolders } from './wal-folders.ts'

/** baseOffset, length and partitionLeaderEpoch: what the service may write into a batch stands in front of this. */
const SAME_IN_EVERY_COPY = 16

/** The WAL objects of each node folder of a data directory. */
export async function walFilesOf(dataDirectory: string): Promise<Buffer[][]> {
  const nodes: Buffer[][] = []
  for (const files of await walFolders(dataDirectory)) {
    const objects: Buffer[] = []
    for (const { path } of files.values()) objects.push(await readFile(path))
    nodes.push(objects)
  }
  return nodes
}

/**
 * Says which batches of the log are not held by every node, of which each has these WAL objects. Works for a log whose
 * objects hold one batch each: an object begins with its batch.
 */
export function batchesWithoutCopies(
  nodes: readonly (readonly Buffer[])[],
  log: readonly LogBatch[],
): string[] {
  return nodes.flatMap((objects, node) => {
    const held = new Set(objects.map((object) => fingerprint(firstBatch(object))))
    return log
      .filter(({ bytes }) => !held.has(fingerprint(bytes)))
      .map(({ baseOffset }) => `no copy on node=${node} of offset=${baseOffset}`)
  })
}

/** As long as the batch at the start of an object says it is; a torn object is shorter. */
function firstBatch(object: Buffer): Buffer {
  return object.length < SAME_IN_EVERY_COPY ? object : object.subarray(0, 12 + object.readInt32BE(8))
}

function fingerprint(batch: Uint8Array): string {
  return createHash('sha256').update(batch.subarray(SAME_IN_EVERY_COPY)).digest('base64')
}
