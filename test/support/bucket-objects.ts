import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import type { Emulators } from '../../local/emulators.ts'
import { s3Client } from '../../shared/aws/clients.ts'

/** The WAL objects of each storage node's bucket. */
export async function walObjectsOf({ s3, buckets }: Emulators): Promise<Buffer[][]> {
  const client = s3Client({ ...s3, pathStyle: true })
  try {
    return await Promise.all(buckets.map((bucket) => walObjects(client, bucket)))
  } finally {
    client.destroy()
  }
}

async function walObjects(client: S3Client, bucket: string): Promise<Buffer[]> {
  const objects: Buffer[] = []
  let after: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: 'wal/', ContinuationToken: after }),
    )
    for (const { Key } of page.Contents ?? []) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }))
      objects.push(Buffer.from((await Body?.transformToByteArray()) ?? []))
    }
    after = page.NextContinuationToken
  } while (after !== undefined)
  return objects
}
