import { Match } from 'aws-cdk-lib/assertions'
import { expect, test } from 'vitest'
import { HTTP_GROUPS, LAMBDA_GROUPS } from '../../cdk/functions.ts'
import { ROUTES } from '../../functions/routes.ts'
import { EXPRESS, nagFindings, type Resource, resourcesOf, synth } from '../support/synth.ts'

const standard = synth()
const express = synth(EXPRESS)
/** Resources of a deployment; each costs time to deploy, and 500 are the most. */
const MAX_RESOURCES = 80

const BOTH = [
  { name: 'standard', template: standard.template },
  { name: 'express', template: express.template },
]

/** The group a route leads to: route → integration → function. */
function groupsByRoute(template: (typeof BOTH)[number]['template']): Map<string, string> {
  const integrations = resourcesOf(template, 'AWS::ApiGatewayV2::Integration')
  const functions = Object.keys(resourcesOf(template, 'AWS::Lambda::Function'))
  return new Map(
    Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Route')).map(({ Properties }) => {
      const target = JSON.stringify(Properties.Target)
      const integration = Object.entries(integrations).find(([id]) => target.includes(`"${id}"`))
      const uri = JSON.stringify(integration?.[1].Properties.IntegrationUri)
      const owner = functions.find((id) => uri.includes(`"${id}"`)) ?? ''
      return [String(Properties.RouteKey), owner.replace(/[0-9A-F]{8}$/, '').toLowerCase()]
    }),
  )
}

test.each(BOTH)('$name: every route leads to its group, everything else to rest', ({ template }) => {
  const expected = ROUTES.map((route) => [`${route.method} ${route.path}`, route.function as string] as const)
  expect(groupsByRoute(template)).toEqual(new Map([...expected, ['$default', 'rest']]))
})

test('every route wants a signature', () => {
  standard.template.allResourcesProperties('AWS::ApiGatewayV2::Route', { AuthorizationType: 'AWS_IAM' })
})

test('the HTTP API is throttled', () => {
  const { template } = synth({ requestsPerSecond: '20', burstRequests: '10' })
  template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
    StageName: '$default',
    DefaultRouteSettings: { ThrottlingRateLimit: 20, ThrottlingBurstLimit: 10 },
  })
})

test.each(LAMBDA_GROUPS)('the function %s', (group) => {
  const expected: Readonly<Record<string, unknown>> = {
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    Handler: 'index.handler',
    Description: `Stratolog: ${group}`,
    LoggingConfig: {
      LogFormat: 'JSON',
      ApplicationLogLevel: 'WARN',
      SystemLogLevel: 'WARN',
      LogGroup: { Ref: Match.anyValue() },
    },
    Environment: {
      Variables: {
        STRATOLOG_TABLE: { Ref: Match.anyValue() },
        STRATOLOG_NODES: Match.anyValue(),
        STRATOLOG_CONFIG: '',
      },
    },
  }
  standard.template.hasResourceProperties('AWS::Lambda::Function', expected)
})

test.each([
  { group: 'controller', timeout: 60 },
  { group: 'background', timeout: 120 },
])(
  '$group is tried again for a few minutes, and may invoke itself for as long as it takes',
  ({ group, timeout }) => {
    const { template } = standard
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: `Stratolog-${group}`,
      Timeout: timeout,
      RecursiveLoop: 'Allow',
    })
    const functions = resourcesOf(template, 'AWS::Lambda::Function')
    const id = Object.keys(functions).find(
      (each) => functions[each]?.Properties.FunctionName === `Stratolog-${group}`,
    )
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: id },
      Qualifier: '$LATEST',
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 300,
    })
  },
)

test('the controller is woken every minute', () => {
  standard.template.hasResourceProperties('AWS::Scheduler::Schedule', {
    ScheduleExpression: 'rate(1 minute)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Input: '{"tick":true}',
      RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
    },
  })
})

test('logs end', () => {
  synth({ logRetentionDays: '3' }).template.allResourcesProperties('AWS::Logs::LogGroup', {
    RetentionInDays: 3,
  })
})

test('the table is billed by request, has the index and can be restored', () => {
  standard.template.hasResourceProperties('AWS::DynamoDB::Table', {
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: 'DUE',
        KeySchema: [
          { AttributeName: 'dueShard', KeyType: 'HASH' },
          { AttributeName: 'dueAtMs', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    DeletionProtectionEnabled: true,
  })
  synth({ pitr: 'false' }).template.hasResourceProperties('AWS::DynamoDB::Table', {
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false },
  })
})

const STORES = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::S3Express::DirectoryBucket']
const storesOf = (context: Readonly<Record<string, string>>): Resource[] =>
  STORES.flatMap((type) => Object.values(resourcesOf(synth(context).template, type)))

test.each([
  { context: {}, policy: 'Retain' },
  { context: EXPRESS, policy: 'Retain' },
  { context: { removal: 'destroy' }, policy: 'Delete' },
  { context: { ...EXPRESS, removal: 'destroy' }, policy: 'Delete' },
])('with $context the table and the buckets are left to $policy', ({ context, policy }) => {
  const stores = storesOf(context)
  expect(stores).toHaveLength(5)
  for (const { DeletionPolicy, UpdateReplacePolicy, Properties } of stores) {
    expect([DeletionPolicy, UpdateReplacePolicy]).toEqual([policy, policy])
    if (Properties.BillingMode !== undefined) {
      expect(Properties.DeletionProtectionEnabled).toBe(policy === 'Retain')
    }
  }
})

test('outputs name what a client and an operator need', () => {
  const names = Object.keys(standard.template.findOutputs('*'))
  expect(names.sort()).toEqual(['Endpoint', 'NodeBuckets', 'SegmentsBucket', 'TableName'])
})

test('a Function URL per Lambda that answers requests is made when asked for, and wants a signature', () => {
  const { template } = synth({ functionUrls: 'true' })
  template.resourceCountIs('AWS::Lambda::Url', HTTP_GROUPS.length)
  template.allResourcesProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM' })
  standard.template.resourceCountIs('AWS::Lambda::Url', 0)
})

test.each([
  { name: 'standard', context: {} },
  { name: 'express', context: EXPRESS },
  { name: 'express with everything', context: { ...EXPRESS, functionUrls: 'true', pitr: 'false' } },
])('cdk-nag finds nothing that has no reason: $name', ({ context }) => {
  expect(nagFindings(context)).toEqual([])
})

test.each(BOTH)('$name: the number of resources', ({ name, template }) => {
  const { Resources } = template.toJSON() as { Resources: Readonly<Record<string, Resource>> }
  const count = Object.keys(Resources).length
  console.info(`${name}: ${count} resources`)
  expect(count).toBeLessThanOrEqual(MAX_RESOURCES)
})
