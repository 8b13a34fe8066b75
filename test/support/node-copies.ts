import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { LogBatch } from './raw-client.ts'
import { walFolders } from './wal-folders.ts'

/** baseOffset, length and partitionLeaderEpoch: what the service may write into a batch stands in front of this. */
const SAME_IN_EVERY_COPY = 16

/**
 * Says which batches of the log are not held by every node folder. Works for a log whose objects hold one batch each:
 * an object begins with its batch.
 */
export async function batchesWithoutCopies(
  dataDirectory: string,
  log: readonly LogBatch[],
): Promise<string[]> {
  const missing: string[] = []
  for (const [node, files] of (await walFolders(dataDirectory)).entries()) {
    const held = new Set<string>()
    for (const { path } of files.values()) held.add(fingerprint(firstBatch(await readFile(path))))
    for (const { baseOffset, bytes } of log) {
      if (!held.has(fingerprint(bytes))) missing.push(`no copy on node=${node} of offset=${baseOffset}`)
    }
  }
  return missing
}

/** As long as the batch at the start of an object says it is; a torn object is shorter. */
function firstBatch(object: Buffer): Buffer {
  return object.length < SAME_IN_EVERY_COPY ? object : object.subarray(0, 12 + object.readInt32BE(8))
}

function fingerprint(batch: Uint8Array): string {
  return createHash('sha256').update(batch.subarray(SAME_IN_EVERY_COPY)).digest('base64')
}
