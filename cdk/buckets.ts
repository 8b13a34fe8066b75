import { Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import { CfnBucketPolicy, CfnDirectoryBucket } from 'aws-cdk-lib/aws-s3express'
import type { Construct } from 'constructs'
import type { Settings } from './settings.ts'

/** The bucket of a storage node: its zone, which clients are told as its rack, and what names it. */
export interface NodeBucket {
  readonly zone: string
  readonly bucketName: string
  readonly arn: string
}

/** An upload that was given up is billed until it is aborted. */
const ABORT_AFTER_DAYS = 1
const MINIMUM_TLS = 1.2

/** A storage node per zone, in the order of their ids. */
export function nodeBuckets(scope: Construct, settings: Settings): readonly NodeBucket[] {
  return settings.zones.map((zone, nodeId) =>
    settings.storageClass === 'express'
      ? directoryBucket(scope, settings, { zone, nodeId })
      : { zone, ...namesOf(plainBucket(scope, `Node${nodeId}`, settings)) },
  )
}

/** The regional bucket of sealed segments. */
export function segmentsBucket(scope: Construct, settings: Settings): Bucket {
  return plainBucket(scope, 'Segments', settings)
}

function namesOf({ bucketName, bucketArn }: Bucket) {
  return { bucketName, arn: bucketArn }
}

/** Private, encrypted, reached by TLS only. Objects are immutable, so versions would only cost. */
function plainBucket(scope: Construct, id: string, settings: Settings): Bucket {
  return new Bucket(scope, id, {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: MINIMUM_TLS,
    lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(ABORT_AFTER_DAYS) }],
    removalPolicy: removalPolicy(settings),
  })
}

/** As `plainBucket`, in one zone. Directory buckets are never public, and have no versions. */
function directoryBucket(
  scope: Construct,
  settings: Settings,
  { zone, nodeId }: { readonly zone: string; readonly nodeId: number },
): NodeBucket {
  const bucketName = `${Stack.of(scope).stackName.toLowerCase()}-${Aws.ACCOUNT_ID}--${zone}--x-s3`
  const bucket = new CfnDirectoryBucket(scope, `Node${nodeId}`, {
    bucketName,
    dataRedundancy: 'SingleAvailabilityZone',
    locationName: zone,
    bucketEncryption: {
      serverSideEncryptionConfiguration: [{ serverSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
    },
    lifecycleConfiguration: {
      rules: [
        { status: 'Enabled', abortIncompleteMultipartUpload: { daysAfterInitiation: ABORT_AFTER_DAYS } },
      ],
    },
  })
  bucket.applyRemovalPolicy(removalPolicy(settings))
  new CfnBucketPolicy(scope, `Node${nodeId}Policy`, {
    bucket: bucket.ref,
    policyDocument: tlsOnly(bucket.attrArn),
  })
  return { zone, bucketName: bucket.ref, arn: bucket.attrArn }
}

function tlsOnly(arn: string): PolicyDocument {
  const deny = (conditions: Record<string, Record<string, string>>) =>
    new PolicyStatement({
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['s3express:*'],
      resources: [arn],
      conditions,
    })
  return new PolicyDocument({
    statements: [
      deny({ Bool: { 'aws:SecureTransport': 'false' } }),
      deny({ NumericLessThan: { 's3express:TlsVersion': String(MINIMUM_TLS) } }),
    ],
  })
}

function removalPolicy({ removal }: Settings): RemovalPolicy {
  return removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY
}
