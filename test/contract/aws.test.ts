import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Emulators, startEmulators } from '../../local/emulators.ts'
import { dynamoClient, s3Client } from '../../shared/aws/clients.ts'
import { dynamoDocumentStore } from '../../shared/aws/dynamo-document-store.ts'
import { s3ObjectStore } from '../../shared/aws/s3-object-store.ts'
import { wipeBucket } from '../../shared/aws/wipe-bucket.ts'
import { canRun } from '../support/requires.ts'
import { documentStoreContract } from './document-store.contract.ts'
import { objectStoreContract } from './object-store.contract.ts'

if (canRun('contracts on DynamoDB Local and an S3 emulator', ['java', 'python3'])) {
  let emulators: Emulators
  let stores: ReturnType<typeof storesOn>

  beforeAll(async () => {
    emulators = await startEmulators({ nodes: 3 })
    stores = storesOn(emulators)
  })
  afterAll(() => emulators.stop())

  documentStoreContract('documents in DynamoDB Local', async () => stores.documents)
  objectStoreContract('objects in buckets', async () => [stores.node(0), stores.node(1)])

  test('a wiped bucket is empty, can be wiped again and goes on', async () => {
    const { signal } = new AbortController()
    const node = stores.node(2)
    await node.putIfAbsent('incarnation', [Uint8Array.of(1)], signal)
    await node.put('wal/2026-01-01T00/x', [Uint8Array.of(2)], signal)
    await wipeBucket(stores.s3, node.location)
    expect(await node.get('incarnation', undefined, signal)).toBeUndefined()
    expect(await node.get('wal/2026-01-01T00/x', undefined, signal)).toBeUndefined()
    await wipeBucket(stores.s3, node.location)
    expect(await node.putIfAbsent('incarnation', [Uint8Array.of(3)], signal)).toBe(true)
  })
}

function storesOn({ dynamo, s3, tableName, buckets }: Emulators) {
  const client = s3Client({ ...s3, pathStyle: true })
  return {
    documents: dynamoDocumentStore(dynamoClient(dynamo), tableName),
    s3: client,
    node: (nodeId: number) => s3ObjectStore(client, buckets[nodeId] ?? ''),
  }
}
