import { Readable } from 'node:stream'
import { CopyObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { LIMITS } from '../protocol/limits.ts'
import type { ByteRange, ObjectStore } from '../store/object-store.ts'
import { orAborted } from './deadline.ts'
import { isNamed, orStorageError } from './s3-errors.ts'

/**
 * One storage node in an S3 bucket, a directory bucket or another. `client` must send each call once (`s3Client`): a body is
 * a stream, which cannot be sent again. Whoever calls tries again, and does so on another connection.
 */
export function s3ObjectStore(client: S3Client, bucket: string): ObjectStore {
  return {
    location: bucket,

    put: (key, chunks, signal) =>
      orStorageError(`object not written key=${key}`, () =>
        orAborted(signal, async (abortSignal) => {
          await client.send(putCommand(bucket, key, chunks), { abortSignal })
        }),
      ),

    putIfAbsent: (key, chunks, signal) =>
      orStorageError(`object not written key=${key}`, () =>
        orAborted(signal, (abortSignal) => putIfAbsent({ client, bucket, key }, chunks, abortSignal)),
      ),

    get: (key, range, signal) =>
      orStorageError(`object not read key=${key}`, () =>
        orAborted(signal, (abortSignal) => getRange({ client, bucket, key }, range, abortSignal)),
      ),

    copyFrom: (location, key, signal) =>
      orStorageError(`object not copied key=${key}`, () =>
        orAborted(signal, (abortSignal) => copyObject({ client, bucket, key }, location, abortSignal)),
      ),
  }
}

interface S3Object {
  readonly client: S3Client
  readonly bucket: string
  readonly key: string
}

async function putIfAbsent(
  { client, bucket, key }: S3Object,
  chunks: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      await client.send(putCommand(bucket, key, chunks, '*'), { abortSignal: signal })
      return true
    } catch (error) {
      if (isNamed(error, 'PreconditionFailed')) return false
      // Another PUT of this key was under way: the next answer says how it ended.
      const isRace = isNamed(error, 'ConditionalRequestConflict')
      if (!isRace || tries >= LIMITS.conditionalPutTries) throw error
    }
  }
}

/** The chunks go out one after the other, without a copy that holds them all. */
function putCommand(bucket: string, key: string, chunks: readonly Uint8Array[], ifNoneMatch?: '*') {
  return new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: Readable.from(chunks),
    ContentLength: chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0),
    IfNoneMatch: ifNoneMatch,
  })
}

async function getRange(
  object: S3Object,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (range === undefined || range.start < range.end) return getBytes(object, range, signal)
  // No header asks for no bytes: the byte before them shows whether the object is long enough.
  const before = range.end === 0 ? undefined : { start: range.end - 1, end: range.end }
  return (await getBytes(object, before, signal)) && new Uint8Array(0)
}

async function getBytes(
  { client, bucket, key }: S3Object,
  range: ByteRange | undefined,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    Range: range && `bytes=${range.start}-${range.end - 1}`,
  })
  try {
    const { Body } = await client.send(command, { abortSignal: signal })
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array(0)
    return range !== undefined && bytes.length < range.end - range.start ? undefined : bytes
  } catch (error) {
    if (isNamed(error, 'NoSuchKey') || isNamed(error, 'InvalidRange')) return undefined
    throw error
  }
}

/** S3 copies by itself. It may answer 200 and only then fail, which the SDK reads as a failure. */
async function copyObject(
  { client, bucket, key }: S3Object,
  location: string,
  signal: AbortSignal,
): Promise<boolean> {
  const command = new CopyObjectCommand({ Bucket: bucket, Key: key, CopySource: `${location}/${key}` })
  try {
    await client.send(command, { abortSignal: signal })
    return true
  } catch (error) {
    if (isNamed(error, 'NoSuchKey')) return false
    throw error
  }
}
