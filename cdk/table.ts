import { RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import type { Construct } from 'constructs'
import { TABLE } from '../shared/aws/tables.ts'
import type { Settings } from './settings.ts'

const TYPES = { S: AttributeType.STRING, N: AttributeType.NUMBER } as const

/**
 * The one table of all documents, billed by request: idle it costs its storage. It is encrypted with a key that AWS owns,
 * since a customer's would be billed for every request.
 */
export function table(scope: Construct, settings: Settings): Table {
  const { partitionKey, sortKey, index } = TABLE
  const isKept = settings.removal === 'retain'
  const made = new Table(scope, 'Table', {
    partitionKey: attribute(partitionKey),
    sortKey: attribute(sortKey),
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.DEFAULT,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: settings.pitr },
    deletionProtection: isKept,
    removalPolicy: isKept ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  })
  made.addGlobalSecondaryIndex({
    indexName: index.name,
    partitionKey: attribute(index.partitionKey),
    sortKey: attribute(index.sortKey),
    projectionType: ProjectionType[index.projection],
  })
  return made
}

function attribute({ name, type }: { readonly name: string; readonly type: keyof typeof TYPES }) {
  return { name, type: TYPES[type] }
}
