import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import { newConnections } from './connections.ts'
import { sessionProvider } from './s3-sessions.ts'

/** Where a client finds AWS. What is left out comes from the environment, as everywhere in AWS's SDKs. */
export type ClientOptions = Pick<DynamoDBClientConfig, 'endpoint' | 'region' | 'credentials'>

const FRESH_CONNECTIONS = { name: 'freshConnections', step: 'finalizeRequest', priority: 'low' } as const

/** The SDK would say of every failed put that it cannot send a stream again. That is the service's to do, and to log. */
const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/**
 * A DynamoDB client for `dynamoDocumentStore`. It sends each call once: a conditional write that was applied and is sent
 * again would be answered as refused.
 */
export function dynamoClient(options: ClientOptions = {}): DynamoDBClient {
  const connections = newConnections()
  const client = new DynamoDBClient({ ...options, maxAttempts: 1, requestHandler: connections.handler })
  client.middlewareStack.add(connections.middleware, FRESH_CONNECTIONS)
  return client
}

/**
 * An S3 client for `s3ObjectStore`, for directory buckets and others. It sends each call once, on one connection, without
 * checksums of its own: every batch carries one. Bodies are not announced with `Expect`, which would cost a round trip.
 */
export function s3Client(options: ClientOptions & { readonly pathStyle: boolean }): S3Client {
  const { pathStyle, ...where } = options
  const connections = newConnections()
  const client: S3Client = new S3Client({
    ...where,
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    logger: QUIET,
    requestHandler: connections.handler,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    s3ExpressIdentityProvider: sessionProvider((command, signal) =>
      client.send(command, { abortSignal: signal }),
    ),
  })
  client.middlewareStack.add(connections.middleware, FRESH_CONNECTIONS)
  return client
}
