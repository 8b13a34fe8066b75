import { CreateTableCommand } from '@aws-sdk/client-dynamodb'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { type ClientOptions, dynamoClient, s3Client } from '../shared/aws/clients.ts'
import { TABLE } from '../shared/aws/tables.ts'
import { startDynamoDbLocal } from './dynamodb-local.ts'
import { startMiniStack } from './ministack.ts'

/** DynamoDB Local and an S3 emulator, with the table and one bucket per storage node. */
export interface Emulators {
  readonly dynamo: ClientOptions
  readonly s3: ClientOptions
  readonly tableName: string
  /** Bucket of storage node i. */
  readonly buckets: readonly string[]
  /** What a process is to have in its environment to work on them. */
  readonly environment: Readonly<Record<string, string>>
  /** Ends both; what they held is gone. They end with this process too, however that comes. */
  stop(): Promise<void>
}

const REGION = 'us-east-1'
/** Any will do here; those that are found elsewhere must not be sent to an emulator. */
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' }
const TABLE_NAME = 'stratolog'

/**
 * Starts both emulators and makes what a cluster of so many storage nodes needs.
 *
 * Rejects when Java 17 or Python 3 is missing, with the cause.
 */
export async function startEmulators({ nodes }: { nodes: number }): Promise<Emulators> {
  const started = await Promise.allSettled([
    startDynamoDbLocal(),
    startMiniStack({ services: ['s3'], access: 'open', protocol: 'http' }),
  ])
  const stop = async () => {
    await Promise.all(started.map((each) => (each.status === 'fulfilled' ? each.value.stop() : undefined)))
  }
  const [dynamoDb, miniStack] = started
  try {
    if (dynamoDb.status === 'rejected') throw dynamoDb.reason
    if (miniStack.status === 'rejected') throw miniStack.reason
    const dynamo = { endpoint: dynamoDb.value.endpoint, region: REGION, credentials: CREDENTIALS }
    const s3 = { endpoint: miniStack.value.endpoint, region: REGION, credentials: CREDENTIALS }
    const buckets = Array.from({ length: nodes }, (_, nodeId) => `stratolog-node-${nodeId}`)
    await createTable(dynamo, TABLE_NAME)
    await createBuckets(s3, buckets)
    const environment = {
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      STRATOLOG_TABLE: TABLE_NAME,
      STRATOLOG_NODES: buckets.map((bucket, nodeId) => `emulated-${nodeId}=${bucket}`).join(),
    }
    return { dynamo, s3, tableName: TABLE_NAME, buckets, environment, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function createTable(options: ClientOptions, tableName: string): Promise<void> {
  const client = dynamoClient(options)
  try {
    await client.send(tableCommand(tableName))
  } finally {
    client.destroy()
  }
}

function tableCommand(tableName: string): CreateTableCommand {
  const { partitionKey, sortKey, index } = TABLE
  const attributes = [partitionKey, sortKey, index.partitionKey, index.sortKey]
  return new CreateTableCommand({
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: attributes.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    KeySchema: keySchema(TABLE),
    GlobalSecondaryIndexes: [
      {
        IndexName: index.name,
        KeySchema: keySchema(index),
        Projection: { ProjectionType: index.projection },
      },
    ],
  })
}

function keySchema(key: { readonly partitionKey: { name: string }; readonly sortKey: { name: string } }) {
  return [
    { AttributeName: key.partitionKey.name, KeyType: 'HASH' as const },
    { AttributeName: key.sortKey.name, KeyType: 'RANGE' as const },
  ]
}

async function createBuckets(options: ClientOptions, buckets: readonly string[]): Promise<void> {
  const client = s3Client({ ...options, pathStyle: true })
  try {
    for (const bucket of buckets) await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } finally {
    client.destroy()
  }
}
