import { expect, test } from 'vitest'
import { readSettings } from '../../cdk/settings.ts'
import { resourcesOf, synth } from '../support/synth.ts'

const read = (context: Readonly<Record<string, unknown>>, endpointUrl?: string) =>
  readSettings((name) => context[name], endpointUrl)

test('without any context: plain buckets, kept, behind IAM', () => {
  expect(read({})).toMatchObject({
    storageClass: 'standard',
    zones: ['standard-0', 'standard-1', 'standard-2'],
    removal: 'retain',
    auth: 'iam',
    pitr: true,
    functionUrls: false,
  })
})

test.each([
  { name: 'an unknown storage class', context: { storageClass: 'glacier' }, message: 'storageClass' },
  { name: 'express without zones', context: { storageClass: 'express' }, message: 'zones' },
  {
    name: "express with a zone's name",
    context: { storageClass: 'express', zones: 'us-east-1a' },
    message: 'zone ids',
  },
  { name: 'one zone twice', context: { zones: 'a,a' }, message: 'must differ' },
  { name: 'a zone that breaks the list', context: { zones: 'a=b' }, message: 'zones' },
  { name: 'another removal', context: { removal: 'maybe' }, message: 'removal' },
  { name: 'a retention CloudWatch has not', context: { logRetentionDays: '2' }, message: 'logRetentionDays' },
  { name: 'a flag that is none', context: { pitr: 'yes' }, message: 'pitr' },
])('$name is refused by name', ({ context, message }) => {
  expect(() => read(context)).toThrow(message)
})

test.each([
  undefined,
  'https://dynamodb.us-east-1.amazonaws.com',
  'http://localhost.example.com',
  'nonsense',
])('auth=none is refused for %s', (endpointUrl) => {
  expect(() => read({ auth: 'none' }, endpointUrl)).toThrow('auth=none')
})

test.each(['http://localhost:4566', 'https://127.0.0.1:4566', 'http://[::1]:4566'])(
  'auth=none is taken for %s',
  (endpointUrl) => {
    const { template } = synth({ auth: 'none' }, endpointUrl)
    const routes = Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Route'))
    expect(new Set(routes.map(({ Properties }) => Properties.AuthorizationType))).toEqual(new Set(['NONE']))
  },
)

test('a cluster config that the service would refuse at its start is refused before anything is deployed', () => {
  expect(read({ config: 'num.partitions=3' }).config).toBe('num.partitions=3')
  expect(() => read({ config: 'num.partitons=3' })).toThrow('num.partitons')
})
