import { expect, test } from 'vitest'
import { HTTP_GROUPS, LAMBDA_GROUPS } from '../../cdk/functions.ts'
import { WILDCARD_REASONS } from '../../cdk/nag.ts'
import { CANARY_OBJECT, CLUSTER_META, GROUPS, groupPk, INCARNATION_OBJECT } from '../../shared/store/keys.ts'
import {
  EXPRESS,
  type Resource,
  resourcesOf,
  roleStatements,
  type Statement,
  statementsOf,
  synth,
} from '../support/synth.ts'

const standard = synth().template
const express = synth(EXPRESS).template
const BOTH = [
  { name: 'standard', template: standard },
  { name: 'express', template: express },
]

const ALL_DOCUMENTS = ['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem']
const MAKE_TOPICS = ['ConditionCheckItem', ...ALL_DOCUMENTS]
const BOTH_TASKS = ['background', 'controller']

/** What roles may do, by group and store: a new grant shows here. */
const GRANTED: { readonly [group in (typeof LAMBDA_GROUPS)[number]]: Granted } = {
  produce: {
    table: MAKE_TOPICS,
    wal: ['GetObject', 'PutObject'],
    incarnation: ['GetObject', 'PutObject'],
    invokes: BOTH_TASKS,
    mode: 'ReadWrite',
  },
  fetch: {
    table: ['GetItem', 'Query'],
    cluster: ['UpdateItem'],
    wal: ['GetObject'],
    incarnation: ['GetObject'],
    invokes: ['controller'],
    mode: 'ReadOnly',
  },
  group: {
    table: ['GetItem', 'Query'],
    groups: ['ConditionCheckItem', 'DeleteItem', 'PutItem', 'UpdateItem'],
    incarnation: ['GetObject'],
    invokes: ['controller'],
    mode: 'ReadOnly',
  },
  admin: {
    table: MAKE_TOPICS,
    incarnation: ['GetObject', 'PutObject'],
    canary: ['PutObject'],
    invokes: BOTH_TASKS,
    mode: 'ReadWrite',
  },
  rest: {
    table: MAKE_TOPICS,
    wal: ['GetObject', 'PutObject'],
    incarnation: ['GetObject', 'PutObject'],
    invokes: BOTH_TASKS,
    mode: 'ReadWrite',
  },
  controller: {
    table: ALL_DOCUMENTS,
    groups: ['ConditionCheckItem'],
    due: ['Query'],
    wal: ['GetObject'],
    incarnation: ['GetObject', 'PutObject'],
    canary: ['PutObject'],
    invokes: BOTH_TASKS,
    mode: 'ReadWrite',
  },
  background: {
    table: ['GetItem', 'Query', 'UpdateItem'],
    wal: ['GetObject', 'PutObject'],
    incarnation: ['GetObject'],
    invokes: BOTH_TASKS,
    mode: 'ReadWrite',
  },
}

interface Granted {
  readonly table: readonly string[]
  /** On documents of the cluster only. */
  readonly cluster?: readonly string[]
  /** On documents of consumer groups only. */
  readonly groups?: readonly string[]
  readonly due?: readonly string[]
  readonly wal?: readonly string[]
  readonly incarnation: readonly string[]
  readonly canary?: readonly string[]
  readonly invokes: readonly string[]
  readonly mode: 'ReadOnly' | 'ReadWrite'
}

test.each(LAMBDA_GROUPS)('the role of %s may do what its code does, and no more', (group) => {
  const statements = roleStatements(standard).get(group) ?? []
  const unconditional = statements.filter(({ condition }) => condition === undefined)
  const {
    table,
    cluster = [],
    groups = [],
    due = [],
    wal = [],
    incarnation,
    canary = [],
    invokes,
  } = GRANTED[group]
  expect(actionsOn(unconditional, /"Table[0-9A-F]{8}","Arn"\]\}$/)).toEqual(table)
  expect(actionsOn(unconditional, /\/index\/DUE"/)).toEqual(due)
  expect(actionsOn(unconditional, /\/wal\/\*"/)).toEqual(wal)
  expect(actionsOn(unconditional, new RegExp(`/${INCARNATION_OBJECT}"`))).toEqual(incarnation)
  expect(actionsOn(unconditional, new RegExp(`/${CANARY_OBJECT}"`))).toEqual(canary)
  const conditional = statements.filter(({ condition }) => condition !== undefined)
  const ofCluster = { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [CLUSTER_META.pk] } }
  const ofGroups = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [groupPk('*'), GROUPS] } }
  expect(actionsOn(conditional, /"Table/)).toEqual([...cluster, ...groups])
  expect(conditional.map(({ condition }) => condition)).toEqual([
    ...(cluster.length > 0 ? [ofCluster] : []),
    ...(groups.length > 0 ? [ofGroups] : []),
  ])
  expect(invokedBy(statements)).toEqual(invokes)
  const others = statements
    .flatMap(({ actions }) => actions)
    .filter((action) => !/^dynamodb:|^lambda:|Object$/.test(action))
  expect(others.sort()).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents', 's3:ListBucket'])
})

/** Actions of the statements whose resources all look so, without the service. */
function actionsOn(statements: readonly Statement[], resource: RegExp): string[] {
  return statements
    .filter(({ resources }) => resources.every((each) => resource.test(each)))
    .flatMap(({ actions }) => actions.map((action) => action.slice(action.indexOf(':') + 1)))
    .sort()
}

/** The groups of the functions that may be invoked, by their names. */
function invokedBy(statements: readonly Statement[]): string[] {
  const names = statements
    .filter(({ actions }) => actions.includes('lambda:InvokeFunction'))
    .flatMap(({ resources }) =>
      resources.map((each) => /:function:Stratolog-([a-z]+)"/.exec(each)?.[1] ?? each),
    )
  return names.sort()
}

test.each(LAMBDA_GROUPS)(
  '%s is told of the functions that it may invoke, by the names they have',
  (group) => {
    const functions = Object.values(resourcesOf(standard, 'AWS::Lambda::Function'))
    const found = functions.find(({ Properties }) => Properties.Description === `Stratolog: ${group}`)
    const { Variables } = (found?.Properties.Environment ?? {}) as { Variables?: object }
    const named = Object.entries(Variables ?? {}).flatMap(([variable, value]) =>
      /^STRATOLOG_(CONTROLLER|BACKGROUND)$/.test(variable) ? [[variable, value]] : [],
    )
    const expected = GRANTED[group].invokes.map((task) => [
      `STRATOLOG_${task.toUpperCase()}`,
      `Stratolog-${task}`,
    ])
    expect(named.sort()).toEqual(expected)
    const names = functions.map(({ Properties }) => Properties.FunctionName)
    expect(names).toEqual(expect.arrayContaining(['Stratolog-controller', 'Stratolog-background']))
  },
)

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

test.each(BOTH)(
  '$name: roles are for Lambda, and one for the tick, and have no policy of AWS',
  ({ template }) => {
    const roles = Object.entries(resourcesOf(template, 'AWS::IAM::Role'))
    expect(roles).toHaveLength(LAMBDA_GROUPS.length + 1)
    for (const [id, { Properties }] of roles) {
      expect(Properties.ManagedPolicyArns).toBeUndefined()
      const service = id.startsWith('TickRole') ? 'scheduler.amazonaws.com' : 'lambda.amazonaws.com'
      const trust = statementsOf(Properties.AssumeRolePolicyDocument)
      expect(trust.map(({ principal }) => principal)).toEqual([{ Service: service }])
    }
    expect(resourcesOf(template, 'AWS::IAM::Policy')).toEqual({})
  },
)

test.each(BOTH)(
  '$name: the tick, of this account, may invoke the controller and nothing else',
  ({ template }) => {
    const [[controller = ''] = []] = Object.entries(resourcesOf(template, 'AWS::Lambda::Function')).filter(
      ([, { Properties }]) => Properties.FunctionName === 'Stratolog-controller',
    )
    expect(roleStatements(template).get('tick')).toEqual([
      {
        effect: 'Allow',
        actions: ['lambda:InvokeFunction'],
        resources: [JSON.stringify({ 'Fn::GetAtt': [controller, 'Arn'] })],
      },
    ])
    const [tick] = Object.entries(resourcesOf(template, 'AWS::IAM::Role')).filter(([id]) =>
      /^TickRole/.test(id),
    )
    const trust = statementsOf(tick?.[1].Properties.AssumeRolePolicyDocument)
    expect(trust.map(({ condition }) => condition)).toEqual([
      { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
    ])
  },
)

test.each(BOTH)('$name: only this API may call the functions that answer requests', ({ template }) => {
  const permissions = Object.values(resourcesOf(template, 'AWS::Lambda::Permission'))
  expect(permissions).toHaveLength(HTTP_GROUPS.length)
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
