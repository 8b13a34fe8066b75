import { fromBase64url } from '../protocol/base64url.ts'
import { ulidText, ulidTimeMs } from './ulid.ts'

/** A batch of one partition, to go into a WAL object. */
export interface WalBatch {
  readonly topicId: string
  readonly partitionIndex: number
  readonly bytes: Uint8Array
}

/** An immutable object of record batches, as it is put to every replica of its partitions. */
export interface WalObject {
  readonly key: string
  readonly chunks: readonly Uint8Array[]
  /** Byte position of batch i. */
  readonly positions: readonly number[]
}

/** `SLW` and the version of the layout. */
const MAGIC_AND_VERSION = 0x534c5701
const ENTRY_BYTES = 28

/**
 * Lays out a WAL object without copying the batches.
 *
 * `batches | footer entries (16 bytes topicId | u32be partition | u32be position | u32be length) | u32be entry count |
 * u32be footer length | u32be magic and version`
 */
export function layOutWalObject(objectId: Uint8Array, batches: readonly WalBatch[]): WalObject {
  const footer = new Uint8Array(batches.length * ENTRY_BYTES + 12)
  const view = new DataView(footer.buffer)
  const positions: number[] = []
  let position = 0
  for (const [entry, batch] of batches.entries()) {
    const at = entry * ENTRY_BYTES
    footer.set(fromBase64url(batch.topicId), at)
    view.setUint32(at + 16, batch.partitionIndex)
    view.setUint32(at + 20, position)
    view.setUint32(at + 24, batch.bytes.length)
    positions.push(position)
    position += batch.bytes.length
  }
  const end = batches.length * ENTRY_BYTES
  view.setUint32(end, batches.length)
  view.setUint32(end + 4, footer.length)
  view.setUint32(end + 8, MAGIC_AND_VERSION)
  return { key: walKey(objectId), chunks: [...batches.map((batch) => batch.bytes), footer], positions }
}

/** `wal/<yyyymmddhh>/<ulid>`; the hour is the ULID's own, in UTC, so that the key follows from the id. */
export function walKey(objectId: Uint8Array): string {
  return `wal/${utcHour(ulidTimeMs(objectId))}/${ulidText(objectId)}`
}

/** `2026112107` for the hour that `timeMs` is in. */
function utcHour(timeMs: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: calendar arithmetic on a given time, not a clock
  return new Date(timeMs).toISOString().slice(0, 13).replace(/[-T]/g, '')
}
