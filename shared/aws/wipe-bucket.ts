import { DeleteObjectsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { KafkaError } from '../protocol/kafka-error.ts'
import { withDeadline } from './deadline.ts'
import { orStorageError } from './s3-errors.ts'

/** Time-out of one call: a thousand objects at once take longer than one. */
const CALL_MS = 30_000

/**
 * Removes every object of a bucket, which stays: a storage node that lost its data. What is put meanwhile may stay too. For
 * development only.
 *
 * @throws KafkaError KAFKA_STORAGE_ERROR when not all of them were removed
 */
export async function wipeBucket(client: S3Client, bucket: string): Promise<void> {
  await orStorageError(`bucket not wiped bucket=${bucket}`, async () => {
    let after: string | undefined
    do {
      const list = new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: after })
      const page = await withDeadline(CALL_MS, (abortSignal) => client.send(list, { abortSignal }))
      const keys = (page.Contents ?? []).flatMap(({ Key }) => Key ?? [])
      if (keys.length > 0) await deleteObjects(client, bucket, keys)
      after = page.NextContinuationToken
    } while (after !== undefined)
  })
}

async function deleteObjects(client: S3Client, bucket: string, keys: readonly string[]): Promise<void> {
  const command = new DeleteObjectsCommand({
    Bucket: bucket,
    Delete: { Objects: keys.map((key) => ({ Key: key })), Quiet: true },
  })
  const { Errors = [] } = await withDeadline(CALL_MS, (abortSignal) => client.send(command, { abortSignal }))
  const [first] = Errors
  if (first === undefined) return
  const facts = `bucket=${bucket} objects=${Errors.length} key=${first.Key} cause=${first.Code}`
  throw new KafkaError('KAFKA_STORAGE_ERROR', `objects not deleted ${facts}`)
}
