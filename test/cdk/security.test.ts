import { expect, test } from 'vitest'
import { LAMBDA_GROUPS } from '../../cdk/functions.ts'
import { WILDCARD_REASONS } from '../../cdk/nag.ts'
import { EXPRESS, type Resource, resourcesOf, roleStatements, statementsOf, synth } from '../support/synth.ts'

const standard = synth().template
const express = synth(EXPRESS).template
const BOTH = [
  { name: 'standard', template: standard },
  { name: 'express', template: express },
]

/** What roles may do, by group and store: a new grant shows here. */
const GRANTED = {
  produce: {
    table: ['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    wal: ['PutObject'],
    incarnation: ['GetObject', 'PutObject'],
    mode: 'ReadWrite',
  },
  fetch: {
    table: ['GetItem', 'Query'],
    wal: ['GetObject'],
    incarnation: ['GetObject'],
    mode: 'ReadOnly',
  },
  admin: {
    table: ['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    wal: [],
    incarnation: ['GetObject', 'PutObject'],
    mode: 'ReadWrite',
  },
  rest: {
    table: ['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'],
    wal: ['GetObject', 'PutObject'],
    incarnation: ['GetObject', 'PutObject'],
    mode: 'ReadWrite',
  },
} as const

test.each(LAMBDA_GROUPS)('the role of %s may do what its code does, and no more', (group) => {
  const statements = roleStatements(standard).get(group) ?? []
  const allowed = (ending: string) =>
    statements
      .filter(({ resources }) => resources.every((resource) => resource.includes(ending)))
      .flatMap(({ actions }) => actions.map((action) => action.slice(action.indexOf(':') + 1)))
      .sort()
  const { table, wal, incarnation } = GRANTED[group]
  expect(allowed('"Table')).toEqual(table)
  expect(allowed('/wal/*')).toEqual(wal)
  expect(allowed('/incarnation')).toEqual(incarnation)
  const others = statements
    .flatMap(({ actions }) => actions)
    .filter((action) => !/^dynamodb:|Object$/.test(action))
  expect(others.sort()).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents', 's3:ListBucket'])
})

test.each(LAMBDA_GROUPS)('the role of %s opens sessions of its mode on directory buckets', (group) => {
  const statements = roleStatements(express).get(group) ?? []
  const sessions = statements.filter(({ actions }) => actions.includes('s3express:CreateSession'))
  expect(sessions).toHaveLength(1)
  expect(sessions[0]?.resources).toHaveLength(3)
  expect(sessions[0]?.condition).toEqual(
    GRANTED[group].mode === 'ReadOnly'
      ? { StringEquals: { 's3express:SessionMode': 'ReadOnly' } }
      : undefined,
  )
  expect(statements.flatMap(({ actions }) => actions).filter((action) => action.startsWith('s3:'))).toEqual(
    [],
  )
})

test.each(BOTH)('$name: no grant is for more than was named, but for a stated reason', ({ template }) => {
  const endings = Object.keys(WILDCARD_REASONS)
  for (const [group, statements] of roleStatements(template)) {
    for (const { effect, actions, resources } of statements) {
      expect(effect).toBe('Allow')
      expect(actions.filter((action) => action.includes('*'))).toEqual([])
      const wild = resources.filter((resource) => resource.includes('*'))
      const unexplained = wild.filter((resource) => !endings.some((ending) => resource.includes(ending)))
      expect(unexplained, group).toEqual([])
    }
  }
})

test.each(BOTH)('$name: roles are for Lambda only and have no policy of AWS', ({ template }) => {
  const roles = Object.values(resourcesOf(template, 'AWS::IAM::Role'))
  expect(roles).toHaveLength(LAMBDA_GROUPS.length)
  for (const { Properties } of roles) {
    expect(Properties.ManagedPolicyArns).toBeUndefined()
    const trust = statementsOf(Properties.AssumeRolePolicyDocument)
    expect(trust.map(({ principal }) => principal)).toEqual([{ Service: 'lambda.amazonaws.com' }])
  }
  expect(resourcesOf(template, 'AWS::IAM::Policy')).toEqual({})
})

test.each(BOTH)('$name: only this API may call the functions', ({ template }) => {
  const permissions = Object.values(resourcesOf(template, 'AWS::Lambda::Permission'))
  expect(permissions).toHaveLength(LAMBDA_GROUPS.length)
  for (const { Properties } of permissions) {
    expect(Properties).toMatchObject({
      Action: 'lambda:InvokeFunction',
      Principal: 'apigateway.amazonaws.com',
    })
    expect(JSON.stringify(Properties.SourceArn)).toContain('execute-api')
  }
})

test.each(BOTH)(
  '$name: plain buckets are encrypted, private and reached by TLS only',
  ({ name, template }) => {
    const buckets = Object.entries(resourcesOf(template, 'AWS::S3::Bucket'))
    expect(buckets).toHaveLength(name === 'standard' ? 4 : 1)
    const policies = Object.values(resourcesOf(template, 'AWS::S3::BucketPolicy'))
    for (const [id, { Properties }] of buckets) {
      expect(Properties).toMatchObject({
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      })
      expectTlsOnly(policies, id, { action: 's3:*', versionKey: 's3:TlsVersion' })
    }
  },
)

test('directory buckets are named by zone, encrypted, tidied and reached by TLS only', () => {
  const buckets = Object.entries(resourcesOf(express, 'AWS::S3Express::DirectoryBucket'))
  const policies = Object.values(resourcesOf(express, 'AWS::S3Express::BucketPolicy'))
  expect(buckets.map(([, { Properties }]) => Properties.LocationName)).toEqual(EXPRESS.zones?.split(','))
  for (const [id, { Properties }] of buckets) {
    const base = ['stratolog-', { Ref: 'AWS::AccountId' }]
    expect(Properties).toMatchObject({
      BucketName: { 'Fn::Join': ['', [...base, `--${String(Properties.LocationName)}--x-s3`]] },
      DataRedundancy: 'SingleAvailabilityZone',
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      LifecycleConfiguration: {
        Rules: [{ Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }],
      },
    })
    expectTlsOnly(policies, id, { action: 's3express:*', versionKey: 's3express:TlsVersion' })
  }
})

/** A policy that denies `action` without TLS and below TLS 1.2, and allows nothing. */
function expectTlsOnly(
  policies: readonly Resource[],
  bucketId: string,
  { action, versionKey }: { readonly action: string; readonly versionKey: string },
): void {
  const policy = policies.find(
    ({ Properties }) => JSON.stringify(Properties.Bucket) === `{"Ref":"${bucketId}"}`,
  )
  const statements = statementsOf(policy?.Properties.PolicyDocument)
  expect(statements.map(({ effect, actions }) => [effect, actions])).toEqual([
    ['Deny', [action]],
    ['Deny', [action]],
  ])
  expect(statements.map(({ principal }) => principal)).toEqual([{ AWS: '*' }, { AWS: '*' }])
  const conditions = JSON.stringify(statements.map(({ condition }) => condition))
  expect(conditions).toContain('{"Bool":{"aws:SecureTransport":"false"}}')
  expect(conditions).toContain(`{"NumericLessThan":{"${versionKey}":`)
}
