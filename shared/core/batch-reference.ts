import { fromBase64url, toBase64url } from '../protocol/base64url.ts'
import { assert, KafkaError } from '../protocol/kafka-error.ts'

/** Where a batch's bytes are and what an index needs to know of it; everything but its base offset. */
export interface BatchReference {
  /** ULID of the WAL object, 16 bytes. */
  readonly objectId: Uint8Array
  /** Byte position of the batch in the object, and its length in bytes. */
  readonly position: number
  readonly length: number
  readonly recordCount: number
  /** Epoch of the leader that took the batch: with the lineage it tells whether the batch counts. */
  readonly leaderEpoch: number
  readonly maxTimestamp: number
  /** Who wrote it, for a batch with a sequence. */
  readonly sequence: BatchSequence | undefined
}

/** The identity of an idempotent producer's batch (KIP-98). */
export interface BatchSequence {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

const VERSION = 1
/** Kind of entry: 0 is a batch of records. */
const RECORDS = 0
/** The longest a safe integer is as an unsigned varint. */
const MAX_VARINT_BYTES = 8
/** A safe integer, or with one added where 0 stands for none. */
const MAX_NUMBER = Number.MAX_SAFE_INTEGER
const MAX_NULLABLE = Number.MAX_SAFE_INTEGER + 1

/**
 * A reference as text, the key of a tail or page entry.
 *
 * base64url of: `u8 version | 16 bytes object ULID | uvarint position | length | recordCount | leaderEpoch | kind |
 * maxTimestamp + 1 | producerId + 1 | producerEpoch + 1 | baseSequence + 1`, where 0 = none.
 */
export function packReference(reference: BatchReference): string {
  const bytes: number[] = [VERSION, ...reference.objectId]
  const { sequence } = reference
  writeUvarint(bytes, reference.position)
  writeUvarint(bytes, reference.length)
  writeUvarint(bytes, reference.recordCount)
  writeUvarint(bytes, reference.leaderEpoch)
  writeUvarint(bytes, RECORDS)
  writeUvarint(bytes, Math.max(reference.maxTimestamp, -1) + 1)
  writeUvarint(bytes, (sequence?.producerId ?? -1) + 1)
  writeUvarint(bytes, (sequence?.producerEpoch ?? -1) + 1)
  writeUvarint(bytes, (sequence?.baseSequence ?? -1) + 1)
  return toBase64url(bytes)
}

/**
 * The reference that `packReference` made `text` of.
 *
 * @throws KafkaError UNKNOWN_SERVER_ERROR when a stored reference is not one
 */
export function unpackReference(text: string): BatchReference {
  const bytes = fromBase64url(text)
  assert(
    bytes.length >= 17 && bytes[0] === VERSION,
    `batch reference of an unknown version reference=${text}`,
  )
  const input = { bytes, position: 17 }
  const position = readUvarint(input, MAX_NUMBER)
  const length = readUvarint(input, MAX_NUMBER)
  const recordCount = readUvarint(input, MAX_NUMBER)
  const leaderEpoch = readUvarint(input, MAX_NUMBER)
  const kind = readUvarint(input, MAX_NUMBER)
  assert(kind === RECORDS, `batch reference of an unknown kind kind=${kind}`)
  const maxTimestamp = readUvarint(input, MAX_NULLABLE) - 1
  const producerId = readUvarint(input, MAX_NULLABLE) - 1
  const producerEpoch = readUvarint(input, MAX_NULLABLE) - 1
  const baseSequence = readUvarint(input, MAX_NULLABLE) - 1
  assert(input.position === bytes.length, `batch reference has bytes left over reference=${text}`)
  const isWhole = producerId < 0 === producerEpoch < 0 && producerId < 0 === baseSequence < 0
  assert(isWhole, `batch reference has a part of a sequence reference=${text}`)
  const sequence = producerId < 0 ? undefined : { producerId, producerEpoch, baseSequence }
  return {
    objectId: bytes.slice(1, 17),
    position,
    length,
    recordCount,
    leaderEpoch,
    maxTimestamp,
    sequence,
  }
}

function writeUvarint(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
}

/** A number of up to `max`, in the one form that `writeUvarint` gives it. */
function readUvarint(input: { readonly bytes: Uint8Array; position: number }, max: number): number {
  let value = 0
  let scale = 1
  for (let read = 0; read < MAX_VARINT_BYTES; read += 1) {
    const byte = input.bytes[input.position]
    assert(byte !== undefined, 'batch reference ends in the middle of a number')
    input.position += 1
    const part = (byte & 127) * scale
    assert(part <= max - value, 'batch reference holds a number that is too large')
    assert(byte > 0 || read === 0, 'batch reference holds a number that ends in zeros')
    value += part
    if (byte < 128) return value
    scale *= 128
  }
  throw new KafkaError('UNKNOWN_SERVER_ERROR', 'batch reference holds a number that is too long')
}
