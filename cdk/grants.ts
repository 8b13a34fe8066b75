import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { NodeBucket } from './buckets.ts'
import type { Settings } from './settings.ts'

/** The Lambdas of a deployment: the groups of routes.ts that have a route. */
export type LambdaGroup = 'produce' | 'fetch' | 'admin' | 'rest'

/** What the code behind a group does, and so what its role allows. */
interface Grants {
  readonly table: readonly string[]
  readonly walObjects: readonly ('s3:PutObject' | 's3:GetObject')[]
  readonly incarnationObject: readonly ('s3:PutObject' | 's3:GetObject')[]
}

const READ_DOCUMENTS = ['dynamodb:GetItem', 'dynamodb:Query']
const WRITE_DOCUMENTS = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem']
/** The first start puts the object that names a bucket, and every start reads it. */
const REGISTER = ['s3:PutObject', 's3:GetObject'] as const

/**
 * The least that each group needs. Nobody may scan the table, read its index or stream, delete an object or touch the
 * segments: no code does yet.
 */
export const GRANTS: { readonly [group in LambdaGroup]: Grants } = {
  /** Appends update heads and put pages; a topic made on the way puts heads, and deletes them when another was faster. It never reads what it stored. */
  produce: {
    table: [...READ_DOCUMENTS, ...WRITE_DOCUMENTS],
    walObjects: ['s3:PutObject'],
    incarnationObject: REGISTER,
  },
  /** Only reads, and so cannot make the cluster: nothing can be read before another function has. */
  fetch: { table: READ_DOCUMENTS, walObjects: ['s3:GetObject'], incarnationObject: ['s3:GetObject'] },
  /** Makes, fences and deletes topics; records are none of its business. */
  admin: { table: [...READ_DOCUMENTS, ...WRITE_DOCUMENTS], walObjects: [], incarnationObject: REGISTER },
  /** The REST dialect produces and fetches. */
  rest: {
    table: [...READ_DOCUMENTS, ...WRITE_DOCUMENTS],
    walObjects: ['s3:PutObject', 's3:GetObject'],
    incarnationObject: REGISTER,
  },
}

/** The statements of a group's role. */
export function statements(
  group: LambdaGroup,
  settings: Settings,
  on: { readonly table: Table; readonly nodes: readonly NodeBucket[]; readonly logGroup: LogGroup },
): PolicyStatement[] {
  const grants = GRANTS[group]
  const documents = new PolicyStatement({ actions: [...grants.table], resources: [on.table.tableArn] })
  const log = new PolicyStatement({
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resources: [on.logGroup.logGroupArn],
  })
  const objects = settings.storageClass === 'express' ? sessions : plainObjects
  return [log, documents, ...objects(grants, on.nodes)]
}

/** Without s3:ListBucket an object that is not there is answered 403, and a lost one could not be told from a denial. */
function plainObjects(grants: Grants, nodes: readonly NodeBucket[]): PolicyStatement[] {
  const arns = nodes.map(({ arn }) => arn)
  return [
    new PolicyStatement({ actions: ['s3:ListBucket'], resources: arns }),
    new PolicyStatement({
      actions: [...grants.incarnationObject],
      resources: arns.map((arn) => `${arn}/incarnation`),
    }),
    ...(grants.walObjects.length === 0
      ? []
      : [
          new PolicyStatement({
            actions: [...grants.walObjects],
            resources: arns.map((arn) => `${arn}/wal/*`),
          }),
        ]),
  ]
}

/** A session is for a whole directory bucket: all that can be told apart is reading from writing. */
function sessions(grants: Grants, nodes: readonly NodeBucket[]): PolicyStatement[] {
  const writes = [...grants.walObjects, ...grants.incarnationObject].includes('s3:PutObject')
  return [
    new PolicyStatement({
      actions: ['s3express:CreateSession'],
      resources: nodes.map(({ arn }) => arn),
      ...(writes ? {} : { conditions: { StringEquals: { 's3express:SessionMode': 'ReadOnly' } } }),
    }),
  ]
}
