import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import { FunctionUrlAuthType } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { nodeBuckets, segmentsBucket } from './buckets.ts'
import { HTTP_GROUPS, type Lambdas, lambdas } from './functions.ts'
import { httpApi } from './http-api.ts'
import { acknowledgeFindings } from './nag.ts'
import type { Settings } from './settings.ts'
import { table } from './table.ts'

/** All of a deployment, part by part. */
export class StratologStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps & { readonly settings: Settings }) {
    super(scope, id, props)
    const { settings } = props
    const documents = table(this, settings)
    const nodes = nodeBuckets(this, settings)
    const segments = segmentsBucket(this, settings)
    const functions = lambdas(this, settings, { table: documents, nodes })
    const api = httpApi(this, settings, functions)

    output(this, 'Endpoint', api.apiEndpoint)
    output(this, 'TableName', documents.tableName)
    output(this, 'NodeBuckets', nodes.map(({ zone, bucketName }) => `${zone}=${bucketName}`).join(','))
    output(this, 'SegmentsBucket', segments.bucketName)
    if (settings.functionUrls) addFunctionUrls(this, settings, functions)
    acknowledgeFindings(this, settings, nodes)
  }
}

function addFunctionUrls(stack: Stack, settings: Settings, functions: Lambdas): void {
  const authType = settings.auth === 'iam' ? FunctionUrlAuthType.AWS_IAM : FunctionUrlAuthType.NONE
  for (const group of HTTP_GROUPS) {
    output(stack, `${group}Url`, functions[group].addFunctionUrl({ authType }).url)
  }
}

function output(stack: Stack, id: string, value: string): void {
  new CfnOutput(stack, id, { value })
}
