import { afterAll, beforeAll } from 'vitest'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { dynamoClient, s3Client } from '../../shared/aws/clients.ts'
import { dynamoDocumentStore } from '../../shared/aws/dynamo-document-store.ts'
import { s3ObjectStore } from '../../shared/aws/s3-object-store.ts'
import { canRun } from '../support/requires.ts'
import { documentStoreContract } from './document-store.contract.ts'
import { objectStoreContract } from './object-store.contract.ts'

if (canRun('contracts on DynamoDB Local and an S3 emulator', ['java', 'python3'])) {
  let emulators: Emulators
  let stores: ReturnType<typeof storesOn>

  beforeAll(async () => {
    emulators = await startEmulators({ nodes: 1 })
    stores = storesOn(emulators)
  })
  afterAll(() => emulators.stop())

  documentStoreContract('documents in DynamoDB Local', async () => stores.documents)
  objectStoreContract('objects in a bucket', async () => stores.objects)
}

function storesOn({ dynamo, s3, tableName, buckets }: Emulators) {
  return {
    documents: dynamoDocumentStore(dynamoClient(dynamo), tableName),
    objects: s3ObjectStore(s3Client({ ...s3, pathStyle: true }), buckets[0] ?? ''),
  }
}
