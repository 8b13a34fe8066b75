import { Stack } from 'aws-cdk-lib'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { type Conditions, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import { TABLE } from '../shared/aws/tables.ts'
import type { NodeBucket } from './buckets.ts'
import { GRANTS, type Grants, type LambdaGroup } from './grants.ts'
import type { Settings } from './settings.ts'
import { taskFunctionArn } from './task-functions.ts'

/** The partition key of the cluster's own documents. */
const CLUSTER = 'CLUSTER'
/** The partition keys of consumer groups: what each has, and their list. */
const GROUPS = ['G#*', 'GROUPS']

/** The statements of a group's role. */
export function statements(
  group: LambdaGroup,
  settings: Settings,
  on: { readonly table: Table; readonly nodes: readonly NodeBucket[]; readonly logGroup: LogGroup },
): PolicyStatement[] {
  const grants = GRANTS[group]
  const log = new PolicyStatement({
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resources: [on.logGroup.logGroupArn],
  })
  const objects = settings.storageClass === 'express' ? sessions : plainObjects
  return [
    log,
    ...documents(grants, on.table),
    ...objects(grants, on.nodes),
    ...invocations(grants, Stack.of(on.table)),
  ]
}

function documents(grants: Grants, { tableArn }: Table): PolicyStatement[] {
  return [
    ...statement(grants.table, [tableArn]),
    ...statement(grants.clusterDocuments, [tableArn], {
      'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [CLUSTER] },
    }),
    ...statement(grants.groupDocuments, [tableArn], {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': GROUPS },
    }),
    ...statement(grants.dueIndex, [`${tableArn}/index/${TABLE.index.name}`]),
  ]
}

/** By name, not by function: those that invoke each other could not be made otherwise. */
function invocations({ invokes }: Grants, stack: Stack): PolicyStatement[] {
  return statement(
    invokes.length === 0 ? [] : ['lambda:InvokeFunction'],
    invokes.map((group) => taskFunctionArn(stack, group)),
  )
}

/** None for no actions. */
function statement(
  actions: readonly string[],
  resources: readonly string[],
  conditions: Conditions = {},
): PolicyStatement[] {
  if (actions.length === 0) return []
  return [new PolicyStatement({ actions: [...actions], resources: [...resources], conditions })]
}

/** Without s3:ListBucket an object that is not there is answered 403, and a lost one could not be told from a denial. */
function plainObjects(grants: Grants, nodes: readonly NodeBucket[]): PolicyStatement[] {
  const arns = nodes.map(({ arn }) => arn)
  const each = (key: string) => arns.map((arn) => `${arn}/${key}`)
  return [
    ...statement(['s3:ListBucket'], arns),
    ...statement(grants.incarnationObject, each('incarnation')),
    ...statement(grants.canaryObject, each('canary')),
    ...statement(grants.walObjects, each('wal/*')),
  ]
}

/** A session is for a whole directory bucket: all that can be told apart is reading from writing. */
function sessions(grants: Grants, nodes: readonly NodeBucket[]): PolicyStatement[] {
  const { walObjects, incarnationObject, canaryObject } = grants
  const writes = [...walObjects, ...incarnationObject, ...canaryObject].includes('s3:PutObject')
  const conditions: Conditions = writes ? {} : { StringEquals: { 's3express:SessionMode': 'ReadOnly' } }
  return statement(
    ['s3express:CreateSession'],
    nodes.map(({ arn }) => arn),
    conditions,
  )
}
